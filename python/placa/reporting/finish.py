"""Finish a rendered report: what pandoc does not set in HTML and in Word files."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

#: A4 in twentieths of a point.
_A4 = '<w:pgSz w:w="11906" w:h="16838" />'


def finish(page: Path, to: str) -> None:
    """Complete a rendered file in place.

    Args:
        page: The file.
        to: Its format; ``html`` and ``docx`` are changed.
    """
    if to == "html":
        text = page.read_text(encoding="utf-8")
        # DPUB-ARIA 1.1 has withdrawn this role.
        page.write_text(text.replace(' role="doc-biblioentry"', ""), encoding="utf-8")
    elif to == "docx":
        _set_paper(page)


def _set_paper(page: Path) -> None:
    """Set the paper of a Word file to A4; pandoc writes US Letter."""
    finished = page.with_suffix(".finished")
    with zipfile.ZipFile(page) as before, zipfile.ZipFile(finished, "w", zipfile.ZIP_DEFLATED) as after:
        for item in before.infolist():
            content = before.read(item)
            if item.filename == "word/document.xml":
                content = _with_a4(content.decode("utf-8")).encode("utf-8")
            after.writestr(item, content)
    shutil.move(finished, page)


def _with_a4(xml: str) -> str:
    if "<w:pgSz" in xml:
        return re.sub(r"<w:pgSz[^>]*/>", _A4, xml)
    if re.search(r"<w:sectPr\s*/>", xml):
        return re.sub(r"<w:sectPr\s*/>", f"<w:sectPr>{_A4}</w:sectPr>", xml)
    # The page size follows the references to headers, footers and notes.
    before = r"<w:sectPr[^>]*>(?:<w:(?:header|footer)Reference[^>]*/>|<w:footnotePr>.*?</w:footnotePr>)*"
    return re.sub(f"({before})", rf"\1{_A4}", xml)
