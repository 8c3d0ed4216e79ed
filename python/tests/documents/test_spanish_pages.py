"""Pages of docs/ that are complete in both languages have the same numbers, commands and headings."""

import re
from collections import Counter
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
#: Pages of which the Spanish one is a shorter text of its own.
_SHORTER = {"start-python", "start-r", "start-report", "foundation-models"}
_CODE = re.compile("```.*?```", re.DOTALL)
_INLINE = re.compile(r"`[^`\n]+`")
_FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
SPANISH = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.es.md"))
PAGES = sorted({page.removesuffix(".es.md") for page in SPANISH} - _SHORTER)


def _text(page: Path) -> str:
    # The links to the other language are in one of them only.
    return re.sub(r" \(\[(English|Español)\]\([^)]*\)\)", "", page.read_text("utf-8")).replace(".es.md", ".md")


def _numbers(text: str, spanish: bool) -> Counter[str]:
    text = _INLINE.sub("", _FORMULA.sub("", _CODE.sub("", text)))
    if spanish:
        text = re.sub(r"(?<=\d)\u00a0(?=\d{3}\b)", "", re.sub(r"(?<=\d),(?=\d)", ".", text))
    else:
        text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    return Counter(re.findall(r"\d+(?:\.\d+)*", text))


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_have_the_same_content(page: str) -> None:
    english, spanish = _text(DOCS / f"{page}.md"), _text(DOCS / f"{page}.es.md")
    assert _numbers(spanish, spanish=True) == _numbers(english, spanish=False)
    assert _CODE.findall(spanish) == _CODE.findall(english)
    english, spanish = _CODE.sub("", english), _CODE.sub("", spanish)
    for pattern in (_FORMULA, _INLINE, re.compile(r"^(?:#+ |\||- )", re.MULTILINE)):
        assert Counter(pattern.findall(spanish)) == Counter(pattern.findall(english)), pattern.pattern


def test_the_website_has_a_sidebar_of_spanish_pages() -> None:
    english, _, spanish = (DOCS / "_website.yml").read_text("utf-8").partition("- id: spanish")
    for page in SPANISH:
        assert spanish.count(f"href: docs/{page}") == 1 and f"href: docs/{page}" not in english, page
    assert not re.findall(r"href: (?!.*\.es\.)\S+\.(?:q?md|html)", spanish)


def test_every_page_of_the_guide_is_in_spanish() -> None:
    english = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} - set(SPANISH)
    assert {page.replace(".md", ".es.md") for page in english} == set(SPANISH)
