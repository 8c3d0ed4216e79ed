"""Parse a rendered page."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """The text, headings, images and loaded files of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.lang = self.tag = ""
        self.pieces: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.images: list[dict[str, str]] = []
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self.feed(self.source)
        self.text = re.sub(r"\s+", " ", " ".join(self.pieces))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._open.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        if tag == "html":
            self.tag = given.get("lang", "")
            self.lang = self.tag.split("-")[0]
        if tag == "img":
            self.images.append(given)
        # Pandoc 3 embeds SVG images inline.
        if tag == "svg" and given.get("role") == "img":
            drawing = self.source[self.source.index(self.get_starttag_text() or "") :].partition("</svg>")[0]
            encoded = base64.b64encode(drawing.encode()).decode()
            self.images.append({"src": f"data:image/svg+xml;base64,{encoded}", "alt": given["aria-label"]})
        if tag == "a":
            self.links.append(given.get("href", ""))
        elif tag in {"link", "script", "img", "source", "iframe", "object", "image", "use", "video", "audio", "embed"}:
            self.loads += [given[name] for name in ("src", "href", "srcset", "data", "xlink:href") if name in given]
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if {"style", "script"} & set(self._open):
            return
        self.pieces.append(data)
        if self._open and re.fullmatch(r"h[1-6]", self._open[-1]):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)


def assert_no_source_shows(page: Page) -> None:
    """Assert that the text has no unresolved reference, fence or placeholder."""
    of_markdown = ("@fig", "@tbl", ":::", "{#", "{.", "](", "**", "`")
    # A name in the audit has these characters.
    text = page.text.replace("portable_`x`", "")
    for trace in (*of_markdown, "<U+", "NULL", " NA ", "NaN", "??", "Error in", "Error:"):
        assert trace not in text, trace


def texts_outside(svg: str, tolerance: float = 1.0) -> list[str]:
    """Return the horizontal texts of a picture by svglite that end outside it, by more than `tolerance` points."""
    width = float("".join(re.findall(r"viewBox=['\"]0 0 ([\d.]+)", svg)[:1]))
    outside = []
    for attributes, text in re.findall(r"<text([^>]*)>(.*?)</text>", svg):
        if "rotate" in attributes:
            continue
        numbers = (re.findall(rf" {name}=['\"](-?[\d.]+)", attributes) for name in ("x", "textLength"))
        x, length = (float("".join(found)) for found in numbers)
        shift = {"middle": 0.5, "end": 1.0}.get("".join(re.findall(r"text-anchor=['\"](\w+)", attributes)), 0.0)
        left = x - shift * length
        if left < -tolerance or left + length > width + tolerance:
            outside.append(text)
    return outside
