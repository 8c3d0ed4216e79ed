"""Complete reports: fourteen findings, a trained network with maps, and other formats."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from report_browser import look
from report_fixtures import FOURTEEN, make_run, need_quarto, need_typst
from report_pages import Page, assert_no_source_shows
from report_strings import strings

from placa.reporting.render import render_report
from placa.reporting.renderers import has_typst
from placa.workflows.evaluate import evaluate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fourteen(r: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make_run(tmp_path_factory.mktemp("fourteen"), "fourteen", images=360, findings=FOURTEEN)
    evaluate(run, bridge="rscript")
    return run


@pytest.mark.parametrize("lang", ["en", "es"])
def test_a_report_of_fourteen_findings_is_readable(fourteen: Path, lang: str, tmp_path: Path) -> None:
    page = Page(render_report(fourteen, lang, out=tmp_path / "page.html", renderer="rmarkdown"))
    assert_no_source_shows(page)
    assert len(page.source) < 5e6
    words = strings(lang)
    for finding in FOURTEEN:
        assert words[f"finding.{finding}"].lower() in page.text.lower()
    for width in (1280, 390):
        seen, console = look(page.source, width, tmp_path)
        assert console == "" and seen["content"] <= width
        assert len(seen["tabs"]) == 5
        for tabs in seen["tabs"]:
            assert len(tabs["before"]) == len(tabs["after"]) == len(tabs["next"]) == 1
            assert tabs["after"] == [tabs["chosen"]] and tabs["before"] != tabs["after"] != tabs["next"]
        shown = [image for image in seen["images"] if image["shown"] is not None]
        assert len(shown) > 12 and all(image["contrast"] > 60 and image["alt"] for image in shown)
    some = Page(render_report(fourteen, lang, out=tmp_path / "some.html", renderer="rmarkdown", findings=["Edema"]))
    assert "<button" in page.source and "<button" not in some.source and words["finding.Mass"] not in some.text


def test_the_report_of_a_trained_network_has_maps(run: Path, prepared: Path, r: str, tmp_path: Path) -> None:
    trained = tmp_path / "runs" / "phantoms"
    shutil.copytree(run, trained)
    evaluate(trained, bridge="rscript")
    page = Page(render_report(trained, out=tmp_path / "page.html", renderer="rmarkdown"))
    maps = [image for image in page.images if "Grad-CAM" in image["alt"]]
    assert maps and all(image["src"].startswith("data:image/jpeg") for image in maps)


def test_a_word_processor_opens_the_docx(project: Path, tmp_path: Path) -> None:
    file = render_report(project / "runs" / "small", "es", "docx", tmp_path / "a.docx", renderer="rmarkdown")
    with zipfile.ZipFile(file) as archive:
        text = archive.read("word/document.xml").decode()
        pictures = [name for name in archive.namelist() if name.startswith("word/media/")]
        about, styles = (archive.read(name).decode() for name in ("docProps/core.xml", "word/styles.xml"))
    # A4, with a title, an author and the language of the region.
    assert 'w:w="11906" w:h="16838"' in text and 'w:val="es-ES"' in styles
    assert re.search(r"<dc:title>¿[^<]+\?</dc:title>", about) and re.search(r"<dc:creator>\w+</dc:creator>", about)
    assert len(pictures) >= 20 and not [name for name in pictures if name.endswith(".svg")]
    assert "Figura\u00a01:" in text and "Tabla\u00a01:" in text and "@fig" not in text


@pytest.mark.parametrize("document", ["evaluation", "model-card"])
def test_typst_sets_a_tagged_pdf_without_quarto(project: Path, tmp_path: Path, document: str) -> None:
    if not has_typst():
        pytest.skip("the packages of placa[pdf] are not installed")
    out = tmp_path / "a.pdf"
    content = render_report(
        project / "runs" / "small", "es", "pdf", out, renderer="rmarkdown", document=document
    ).read_bytes()
    assert content.startswith(b"%PDF") and b"/StructTreeRoot" in content and b"/Lang(es-ES)" in content
    assert b"/Title" in content and b"595.27" in content


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the output of renderers, which is not kept after a success."""
    kept: list[str] = []
    run = subprocess.run

    def keeping(*arguments: Any, **options: Any) -> Any:
        done = run(*arguments, **options)
        if options.get("stderr") == subprocess.STDOUT:
            kept.append(done.stdout)
        return done

    monkeypatch.setattr("placa.reporting.render.subprocess.run", keeping)
    return kept


def assert_no_quarto_warning(log: str) -> None:
    for complaint in ("WARN", "Unable to resolve", "not found", "could not", "citeproc: citation"):
        assert complaint not in log, log


@pytest.mark.parametrize("document", ["evaluation", "model-card"])
def test_quarto_renders_a_pdf(project: Path, tmp_path: Path, logs: list[str], document: str) -> None:
    need_typst()
    out = tmp_path / f"{document}.pdf"
    file = render_report(project / "runs" / "small", "es", "pdf", out, renderer="quarto", document=document)
    content = file.read_bytes()
    assert content.startswith(b"%PDF") and b"/Title" in content and b"/Lang(es-ES)" in content
    assert_no_quarto_warning(logs[0])


def test_quarto_renders_a_docx(project: Path, tmp_path: Path, logs: list[str]) -> None:
    need_quarto()
    file = render_report(project / "runs" / "small", "en", "docx", tmp_path / "a.docx", renderer="quarto")
    assert_no_quarto_warning(logs[0])
    with zipfile.ZipFile(file) as archive:
        text = archive.read("word/document.xml").decode()
    assert "Figure\u00a01" in text and "Table\u00a01" in text and "@fig" not in text and ":::" not in text
