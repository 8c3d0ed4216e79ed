"""The website of the documentation has every page, valid links, and is built by `make docs`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from placa.reporting.renderers import find_quarto

ROOT = Path(__file__).resolve().parents[3]
WEBSITE: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "_website.yml").read_text("utf-8"))
# Spanish pages of documents that exist in both languages.
SPANISH = {f"examples/{path.stem}.es.qmd" for path in (ROOT / "examples").glob("*.qmd")}
# Written by tools/docs: the function references and the rendered reports.
GENERATED = {"api/python/placa.html", "api/r/index.html"}
GENERATED |= {f"gallery/{run}.{language}.html" for run in ("phantoms", "hospitals") for language in ("en", "es")}


@cache
def _pages() -> list[str]:
    """Return the pages in the list of the website, without the generated Spanish ones."""
    patterns = WEBSITE["project"]["render"]
    return sorted({str(page.relative_to(ROOT)) for pattern in patterns for page in ROOT.glob(pattern)})


def _resources() -> list[str]:
    patterns = WEBSITE["project"]["resources"]
    return [str(file.relative_to(ROOT)) for pattern in patterns for file in ROOT.glob(pattern)]


def _hrefs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["href"]] if "href" in part else [])
        for value in part.values():
            yield from _hrefs(value)
    elif isinstance(part, list):
        for value in part:
            yield from _hrefs(value)


def test_every_page_is_in_the_sidebar() -> None:
    listed = list(_hrefs(WEBSITE["website"]["sidebar"]))
    assert len(listed) == len(set(listed))
    documents = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")}
    assert len(documents) >= 13 and documents <= set(listed)
    assert set(listed) == set(_pages()) | SPANISH | GENERATED
    assert set(_hrefs(WEBSITE["website"]["navbar"])) <= set(listed)


@pytest.mark.parametrize("page", _pages())
def test_every_link_of_a_page_leads_to_the_website(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    known = {*_pages(), *_resources()}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, _ = target.partition("#")
        place = os.path.normpath(Path(page).parent / file) if file else page
        assert (ROOT / place).is_file(), target
        assert place in known or Path(place).suffix in (".png", ".svg"), f"{page}: {target} is not part of the website"


def _copy(folder: Path) -> Path:
    """Copy the sources of the website to a directory in which a test may build it."""
    for name in ("docs", "examples", "reports", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*_files", "*.html", "__pycache__"))
    (folder / "benchmarks").mkdir()
    pages = ("README.md", "README.es.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
    for name in (*pages, "LICENSE", "CITATION.cff"):
        shutil.copy(ROOT / name, folder / name)
    for file in ("README.md", *(path.name for path in (ROOT / "benchmarks").glob("*.svg"))):
        shutil.copy(ROOT / "benchmarks" / file, folder / "benchmarks")
    return folder


def test_without_quarto_a_one_line_error_and_no_website(tmp_path: Path) -> None:
    here = _copy(tmp_path / "placa")
    # A PATH with only the programs that locate the script.
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "dirname").symlink_to(shutil.which("dirname") or "/usr/bin/dirname")
    before = sorted(here.rglob("*"))
    done = subprocess.run(["/bin/sh", "tools/docs"], cwd=here, env={"PATH": str(tools)}, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "Quarto 1.6" in done.stderr
    assert sorted(here.rglob("*")) == before


class _Links(HTMLParser):
    """Collect the links of a page, the files it loads, and its anchors."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.language = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.ids.add(given.get("id", ""))
        if tag == "html":
            self.language = given.get("lang", "")
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        # Other kinds of <link> (canonical, alternate) load nothing.
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(given["href"])
        if tag in ("script", "img", "iframe") and "src" in given:
            self.loads.append(given["src"])


@pytest.fixture(scope="module")
def website(r: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the website with `make docs`, without data."""
    quarto = find_quarto()
    if quarto is None:
        pytest.skip("there is no Quarto on this machine")
    here = _copy(tmp_path_factory.mktemp("website") / "placa")
    environment = {key: value for key, value in os.environ.items() if key != "PLACA_DATA"}
    environment["PATH"] = os.pathsep.join([str(Path(quarto).parent), environment["PATH"]])
    environment["RETICULATE_PYTHON"] = sys.executable
    done = subprocess.run(["tools/docs"], cwd=here, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + (here / ".make" / "docs.log").read_text("utf-8")
    assert done.stdout == "_docs/index.html\n"
    return here


@pytest.mark.slow
def test_the_website_is_complete(website: Path) -> None:
    log = (website / ".make" / "docs.log").read_text("utf-8")
    # pdoc cannot evaluate unions of aliases that only type checkers see; it writes their names.
    log = re.sub(r"^Warn: Error parsing type annotation .*$", "", log, flags=re.MULTILINE)
    assert not re.search(r"\bWARN|unresolved|unable to resolve|\bERROR", log, re.I), log[-4000:]
    assert not (website / ".make" / "site").exists()
    site = website / "_docs"
    made = {str(path.relative_to(site)) for path in site.rglob("*.html")}
    wanted = {str(Path(page).with_suffix(".html")) for page in [*_pages(), *SPANISH]}
    assert {page for page in made if not page.startswith("api/")} == wanted | {"index.html"} | {
        page for page in GENERATED if page.startswith("gallery/")
    }
    assert (site / "docs" / "report.png").is_file() and (site / "search.json").is_file()


@pytest.mark.slow
def test_every_link_of_the_website_exists_and_no_file_is_external(website: Path) -> None:
    site = website / "_docs"
    pages = {path: _Links(path.read_text("utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for target in page.loads:
            assert not re.match(r"https?:|//", target), (path, target)
            if not target.startswith("data:"):
                assert (path.parent / unquote(target.partition("?")[0])).is_file(), (path, target)
        for target in page.links:
            if re.match(r"https?:|mailto:|javascript:", target):
                continue
            file, _, fragment = unquote(target).partition("#")
            place = (path.parent / file).resolve() if file else path.resolve()
            assert place.is_file() or (place / "index.html").is_file(), (path, target)
            if fragment and place.suffix == ".html":
                assert fragment in pages[site / place.relative_to(site.resolve())].ids, (path, target)
        # Two start pages only redirect.
        if path not in (site / "index.html", site / "api" / "python" / "index.html"):
            assert page.language[:2] == ("es" if ".es." in path.name else "en"), path
    for style in site.rglob("*.css"):
        assert not re.findall(r"@import\s+(?:url\()?['\"]?https?:|url\(['\"]?https?:", style.read_text("utf-8")), style
