"""Finish a rendered report: what pandoc does not set in HTML and in Word files."""

from __future__ import annotations

import re
import zipfile
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

#: A4 in twentieths of a point.
_A4 = '<w:pgSz w:w="11906" w:h="16838" />'
#: A tag with an inline style.
_STYLED = re.compile(
    r'<(?P<name>[a-zA-Z][\w-]*)(?P<before>(?:\s+[\w:-]+(?:="[^"]*")?)*?)\s+style="(?P<style>[^"&<>{}]*)"(?P<after>[^<>]*)>'
)
_STYLE_POLICY = re.compile(r"(<meta[^>]*Content-Security-Policy[^>]*style-src )(?:&#39;|[^;\"])*(?=;)")


def finish(page: Path, to: str) -> None:
    """Complete a rendered file in place.

    Args:
        page: The file.
        to: Its format; ``html`` and ``docx`` are changed.
    """
    if to == "html":
        text = page.read_text(encoding="utf-8")
        # DPUB-ARIA 1.1 has withdrawn this role.
        text = text.replace(' role="doc-biblioentry"', "")
        page.write_text(_with_styles_by_hash(text), encoding="utf-8")
    elif to == "docx":
        _set_paper(page)


def _with_styles_by_hash(text: str) -> str:
    """Make each inline style of a page a class, and allow the style sheets of the page by their hash.

    Pandoc aligns columns of tables by inline styles. The name of a class is twice in its rule, so that it has priority
    over the style sheet, as an inline style has. A content security policy (CSP level 3) can allow these only
    together with those of foreign markup.
    """
    rules: dict[str, str] = {}

    def to_class(tag: re.Match[str]) -> str:
        name = rules.setdefault(tag["style"], f"style-{len(rules) + 1}")
        rest, found = re.subn(r'(\sclass=")', rf"\g<1>{name} ", tag["before"] + tag["after"], count=1)
        return f"<{tag['name']}{rest}>" if found else f'<{tag["name"]} class="{name}"{rest}>'

    text = _STYLED.sub(to_class, text)
    sheet = "".join(f".{name}.{name} {{ {style} }}\n" for style, name in rules.items())
    text = text.replace("</head>", f"<style>\n{sheet}</style>\n</head>", 1) if sheet else text
    sheets = re.findall(r"<style[^>]*>(.*?)</style>", text, re.DOTALL)
    allowed = [f"'sha256-{b64encode(sha256(sheet.encode()).digest()).decode()}'" for sheet in dict.fromkeys(sheets)]
    if re.search(r"<link[^>]*href=\"data:text/css", text):
        allowed.append("data:")
    return _STYLE_POLICY.sub(lambda policy: policy[1] + " ".join(allowed or ["'none'"]), text, count=1)


def _set_paper(page: Path) -> None:
    """Set the paper of a Word file to A4; pandoc writes US Letter."""
    finished = page.with_suffix(".finished")
    with zipfile.ZipFile(page) as before, zipfile.ZipFile(finished, "w", zipfile.ZIP_DEFLATED) as after:
        for item in before.infolist():
            content = before.read(item)
            if item.filename == "word/document.xml":
                content = _with_a4(content.decode("utf-8")).encode("utf-8")
            after.writestr(item, content)
    finished.replace(page)


def _with_a4(xml: str) -> str:
    if "<w:pgSz" in xml:
        return re.sub(r"<w:pgSz[^>]*/>", _A4, xml)
    if re.search(r"<w:sectPr\s*/>", xml):
        return re.sub(r"<w:sectPr\s*/>", f"<w:sectPr>{_A4}</w:sectPr>", xml)
    # The page size follows the references to headers, footers and notes.
    before = r"<w:sectPr[^>]*>(?:<w:(?:header|footer)Reference[^>]*/>|<w:footnotePr>.*?</w:footnotePr>)*"
    return re.sub(f"({before})", rf"\1{_A4}", xml)
