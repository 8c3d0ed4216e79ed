"""The style sheets of a finished page are allowed by their hash, and nothing else is."""

from __future__ import annotations

import re
import zipfile
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from report_fixtures import ROOT

from placa.reporting.finish import finish


def _policy(text: str) -> str:
    found = re.search(r"Content-Security-Policy[^>]*style-src ([^;]*);", text)
    assert found
    return found[1]


def test_inline_styles_become_classes_and_sheets_have_their_hash(tmp_path: Path) -> None:
    template = (ROOT / "reports" / "template.html").read_text(encoding="utf-8")
    head = re.search(r"<meta http-equiv=.*?>", template)
    assert head
    page = tmp_path / "page.html"
    sheet = "<style>p { color: red; }</style>"
    cells = '<td style="text-align: right;">1 &lt; 2</td><td class="a" style="text-align: right;">x</td>'
    page.write_text(
        f'<html><head>{head[0]}{sheet}</head><body><col style="width: 7%" />{cells}</body></html>', encoding="utf-8"
    )
    finish(page, "html")
    text = page.read_text(encoding="utf-8")
    assert " style=" not in text
    assert '<col class="style-1" />' in text
    assert '<td class="style-2">1 &lt; 2</td><td class="style-2 a">x</td>' in text
    sheets = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(sheets) == 2 and ".style-2.style-2 { text-align: right; }" in sheets[1]
    hashes = {f"'sha256-{b64encode(sha256(sheet.encode()).digest()).decode()}'" for sheet in sheets}
    assert set(_policy(text).split()) == hashes


def test_a_page_without_styles_allows_none(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    # Pandoc writes apostrophes of attributes as entities.
    policy = "default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39; data:; script-src &#39;none&#39;"
    page.write_text(f'<head><meta http-equiv="Content-Security-Policy" content="{policy}"></head>', encoding="utf-8")
    finish(page, "html")
    assert _policy(page.read_text(encoding="utf-8")) == "'none'"


def test_columns_of_a_word_file_are_as_wide_as_their_words(tmp_path: Path) -> None:
    def cell(text: str) -> str:
        return f"<w:tc><w:tcPr /><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>"

    rows = (
        ("Finding", "AUROC"),
        ("Pleural thickening with calcifications " * 5, "0.91"),
    )
    body = "".join(f"<w:tr>{''.join(map(cell, row))}</w:tr>" for row in rows)
    table = (
        '<w:tbl><w:tblPr><w:tblW w:type="auto" w:w="0" /></w:tblPr><w:tblGrid><w:gridCol w:w="1980" />'
        f'<w:gridCol w:w="1980" /></w:tblGrid>{body}</w:tbl>'
    )
    pictures = "<w:tbl><w:tr><w:tc><w:tcPr /><w:drawing /></w:tc></w:tr></w:tbl>"
    page = tmp_path / "page.docx"
    with zipfile.ZipFile(page, "w") as file:
        file.writestr("word/document.xml", f"<w:body>{table}{pictures}<w:sectPr /></w:body>")
        file.writestr(
            "word/styles.xml",
            '<w:docDefaults><w:sz w:val="24"/></w:docDefaults><w:style w:styleId="Bibliography"><w:pPr /><w:rPr />'
            '</w:style><w:style w:styleId="Other"><w:sz w:val="32"/></w:style>',
        )
        file.writestr("word/theme/theme1.xml", '<a:minorFont><a:latin typeface="Aptos"/></a:minorFont>')
    finish(page, "docx")
    with zipfile.ZipFile(page) as file:
        names = ("document", "styles", "theme/theme1")
        document, styles, theme = (file.read(f"word/{name}.xml").decode() for name in names)
    wide, narrow = map(int, re.findall(r'<w:gridCol w:w="(\d+)"', document))
    assert wide + narrow == pytest.approx(9864, abs=2) and wide > 5 * narrow
    assert re.findall(r'<w:tcW w:type="dxa" w:w="(\d+)"', document) == [str(wide), str(narrow)] * 2
    assert document.count('<w:sz w:val="16" />') == 4 and pictures in document
    assert '<w:pgSz w:w="11906"' in document and re.findall(r'<w:sz w:val="(\d+)"', styles) == ["18", "15", "32"]
    assert '<w:spacing w:after="40" />' in styles and "Arial" in theme and "Aptos" not in theme


def test_a_table_with_too_many_long_words_is_smaller(tmp_path: Path) -> None:
    cells = "".join(f"<w:tc><w:tcPr /><w:p><w:r><w:t>{'a' * 14}</w:t></w:r></w:p></w:tc>" for _ in range(7))
    page = tmp_path / "page.docx"
    with zipfile.ZipFile(page, "w") as file:
        file.writestr("word/document.xml", f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>")
    finish(page, "docx")
    with zipfile.ZipFile(page) as file:
        sizes = set(re.findall(r'<w:sz w:val="(\d+)"', file.read("word/document.xml").decode()))
    # 7 columns of 14 letters and 5 of margin, of which 112 fit at 16 half points.
    assert sizes == {"13"}


def test_a_table_in_a_frame_of_quarto_is_taken_out_and_stays_with_its_caption(tmp_path: Path) -> None:
    cell = '<w:p><w:pPr><w:pStyle w:val="Compact" /><w:jc w:val="right" /><w:jc w:val="center" /></w:pPr></w:p>'
    table = f"<w:tbl><w:tblGrid></w:tblGrid><w:tr><w:tc><w:tcPr />{cell}</w:tc></w:tr></w:tbl>"
    caption = (
        '<w:p><w:pPr><w:jc w:val="center" /></w:pPr><w:pPr><w:jc w:val="left"/><w:spacing w:before="200" />'
        '<w:pStyle w:val="ImageCaption" /></w:pPr><w:r><w:t>Table 1</w:t></w:r></w:p>'
    )
    inside = f'<w:bookmarkStart w:id="1" w:name="tbl-x" />{caption}{table}<w:bookmarkEnd w:id="1" />'
    frame = f"<w:tbl><w:tblPr /><w:tr><w:tc><w:tcPr />{inside}</w:tc></w:tr></w:tbl>"
    page = tmp_path / "page.docx"
    with zipfile.ZipFile(page, "w") as file:
        file.writestr("word/document.xml", f"<w:body>{frame}{table}<w:sectPr /></w:body>")
    finish(page, "docx")
    with zipfile.ZipFile(page) as file:
        document = file.read("word/document.xml").decode()
    assert document.count("<w:tbl>") == 2 and document.count("<w:bookmark") == 2
    kept = (
        '<w:pPr><w:pStyle w:val="ImageCaption" /><w:keepNext /><w:spacing w:before="200" /><w:jc w:val="left"/></w:pPr>'
    )
    assert kept in document
    assert document.count('<w:pPr><w:pStyle w:val="Compact" /><w:jc w:val="right" /></w:pPr>') == 2
