"""Rendering: missing parts, errors, and the choice of the renderer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from raising import raises
from record_fixtures import reseal
from report_browser import look
from report_fixtures import REPORTS, ROOT, make_run
from report_pages import Page, assert_no_source_shows
from report_strings import strings

from placa.core.errors import UnknownNameError
from placa.evaluation import bridge
from placa.evaluation.errors import MissingRPackageError, MissingSourceError, RNotFoundError, RStartError
from placa.records.errors import FingerprintMismatchError, NotARunError
from placa.reporting import renderers
from placa.reporting.errors import (
    MissingRendererError,
    NotEvaluatedError,
    OutputIsDirectoryError,
    RenderError,
    ReportSourceError,
)
from placa.reporting.render import find_reports, render_report
from placa.reporting.renderers import choose_renderer, last_useful_line
from placa.workflows.report import report


@pytest.mark.slow
def test_a_missing_part_is_replaced_by_a_sentence(project: Path, tmp_path: Path) -> None:
    run = tmp_path / "elsewhere" / "bare"
    shutil.copytree(project / "runs" / "small", run)
    (run / "history.csv").unlink()
    # An evaluation by an older version: it has fewer tables, and summary.json lists no fingerprints.
    for table in ("roc", "decision_curve", "subgroups", "abstention", "predictive_values", "calibration_measures"):
        (run / "evaluation" / f"{table}.csv").unlink()
    summary = json.loads((run / "evaluation" / "summary.json").read_text())
    del summary["fingerprints"]
    reseal(run / "evaluation" / "summary.json", summary)
    (run / "labels.parquet").unlink()
    facts = json.loads((run / "run.json").read_text())
    facts["data"]["prepared"] = "data/prepared/moved away"
    reseal(run / "run.json", facts)
    page = Page(render_report(run, renderer="rmarkdown"))
    words = strings("en")
    for key in (
        "training.history_missing",
        "training.augmented_missing",
        "discrimination.roc_missing",
        "discrimination.pr_missing",
        "points.predictive_missing",
        "calibration.measures_missing",
        "decision.missing",
        "subgroups.missing",
        "abstention.missing",
        "data.samples_missing",
    ):
        assert words[key] in page.text, key
    assert (2, words["heading.comparison"]) not in page.headings
    assert words["discrimination.missing"] not in page.text
    assert_no_source_shows(page)
    assert len(page.images) == 4  # headline, flow diagram and calibration plot


@pytest.mark.parametrize("lang", ["en", "es"])
def test_the_model_card_is_rendered_as_a_page(project: Path, tmp_path: Path, lang: str) -> None:
    run = tmp_path / "small"
    shutil.copytree(project / "runs" / "small", run)
    page, words = Page(render_report(run, lang, renderer="rmarkdown", document="model-card")), strings(lang)
    assert_no_source_shows(page)
    # The nine sections of Mitchell et al. (2019) in their order, how to use the model, what is open.
    names = [key for key in words if key.startswith("card.heading.")]
    assert len(names) == 9 + 2 and page.headings == [(1, "small"), *((2, words[name]) for name in names)]
    auroc = json.loads((run / "evaluation" / "summary.json").read_text())["headline"]["Pneumonia"]["auroc"]
    assert f"{auroc:.3f}".replace(".", words["number.decimal"]) in page.text
    assert "drawn_by *a* test" in page.text and "model-index" not in page.text
    assert words["card.missing"].replace("`", "") not in page.text
    seen, console = look(page.source, 390, tmp_path, axe=True)
    assert seen["violations"] == [] and seen["content"] <= 390 and console == ""


@pytest.mark.slow
def test_a_missing_model_card_is_replaced_by_a_sentence(project: Path, tmp_path: Path) -> None:
    run = tmp_path / "small"
    shutil.copytree(project / "runs" / "small", run)
    (run / "model_card.md").unlink()
    page = Page(render_report(run, renderer="rmarkdown", document="model-card"))
    assert page.headings == [(1, "small")]
    for piece in strings("en")["card.missing"].split("`"):
        assert piece.strip() in page.text


def test_a_failed_renderer_keeps_the_older_report_and_writes_a_log(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "reports"
    shutil.copytree(REPORTS, broken)
    document = broken / "evaluation.qmd"
    document.write_text(document.read_text().replace("library(placa)", 'stop("the kettle is on")'))
    monkeypatch.setenv("PLACA_REPORTS", str(broken))
    report = tmp_path / "out" / "evaluation.html"
    report.parent.mkdir()
    report.write_text("the older one")
    with raises(RenderError, renderer="rmarkdown", log=str(report.with_name("evaluation.log"))) as failed:
        render_report(project / "runs" / "small", out=report, renderer="rmarkdown")
    assert "the kettle is on" in failed.value.values["reason"]
    assert report.read_text() == "the older one"
    assert sorted(path.name for path in report.parent.iterdir()) == ["evaluation.html", "evaluation.log"]
    assert "kettle" in (report.parent / "evaluation.log").read_text()


def test_an_evaluation_outside_the_run_is_given_to_the_report(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, outside = (
        project / "runs" / "small",
        Path(shutil.copytree(project / "runs" / "older" / "evaluation", tmp_path / "e")),
    )
    given: list[str] = []

    def keep(
        renderer: object, sources: Path, work: Path, document: str, to: str, values: dict[str, str], _: Path
    ) -> Path:
        given.append(values["evaluation"])
        page = tmp_path / "page.html"
        page.touch()
        return page

    monkeypatch.setattr("placa.reporting.render._render", keep)
    monkeypatch.chdir(tmp_path)
    assert report(run, evaluation="e", out="report.html", progress=False) == Path("report.html")
    assert given == [str(outside)]
    with raises(NotEvaluatedError, run=str(run)):
        report(run, evaluation=tmp_path / "none", progress=False)
    (outside / "roc.csv").write_text("finding,threshold\n")
    with raises(FingerprintMismatchError, path=str(Path("e") / "roc.csv")):
        report(run, evaluation="e", progress=False)


@pytest.mark.slow
def test_the_report_shows_the_evaluation_outside_the_run(project: Path, tmp_path: Path) -> None:
    outside = project / "runs" / "older" / "evaluation"
    own = json.loads((project / "runs" / "small" / "evaluation" / "summary.json").read_text())["headline"]["Pneumonia"]
    other = json.loads((outside / "summary.json").read_text())["headline"]["Pneumonia"]
    page = Page(report(project / "runs" / "small", evaluation=outside, out=tmp_path / "report.html", progress=False))
    # The AUROC of the run itself is the end of the range over seeds; its interval is not on the page.
    for name in ("auroc_lower", "auroc_upper"):
        assert f"{other[name]:.3f}" in page.text and f"{own[name]:.3f}" not in page.text


def test_a_run_without_an_evaluation_is_an_error(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with raises(NotEvaluatedError, run=str(run)):
        render_report(run)
    assert not (run / "report").exists()


def test_a_report_that_cannot_be_rendered_is_a_one_line_error(project: Path, tmp_path: Path) -> None:
    with raises(NotARunError, path=str(tmp_path)):
        render_report(tmp_path)
    run = Path(shutil.copytree(project / "runs" / "small", tmp_path / "small"))
    for option, name, known in (
        ("lang", "fr", {"en", "es"}),
        ("to", "odt", {"html", "pdf", "docx"}),
        ("document", "poster", {"evaluation", "model-card"}),
        ("renderer", "word", {"auto", "quarto", "rmarkdown"}),
    ):
        with raises(UnknownNameError, name=name) as unknown:
            render_report(run, **{option: name})
        assert set(unknown.value.values["known"]) == known
    with raises(UnknownNameError, kind="finding", name="Hernia", known=["Pneumonia"]):
        render_report(run, findings=["Hernia"])
    with raises(NotARunError, path=str(tmp_path)):
        render_report(run, compare=tmp_path)
    with raises(OutputIsDirectoryError, path=str(tmp_path)):
        render_report(run, out=tmp_path)


def test_the_report_source_is_found_or_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLACA_REPORTS", raising=False)
    assert find_reports() == REPORTS
    monkeypatch.setenv("PLACA_REPORTS", str(tmp_path))
    with raises(ReportSourceError, folder=str(tmp_path), file="evaluation.qmd"):
        find_reports()
    monkeypatch.delenv("PLACA_REPORTS")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("placa.reporting.render.find_shared", lambda name: None)
    with raises(MissingSourceError, part="reports"):
        find_reports()


def fake_command(path: Path, says: str, mark: bool = False) -> Path:
    """Write a command that says something; with `mark`, after what R prints at the end of the user's profile."""
    start = f"printf '\\n{bridge._START}\\n'\n" if mark else ""
    path.write_text(f"#!/bin/sh\n{start}echo '{says}'\n")
    path.chmod(0o755)
    return path


def test_an_old_quarto_is_not_used_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderers, "_require_r_packages", lambda r: None)
    monkeypatch.setattr("placa.evaluation.bridge.find_r", lambda: "R")
    fake_command(tmp_path / "pandoc", "pandoc 2.17")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("QUARTO_PATH", str(fake_command(tmp_path / "quarto", "1.2.335")))
    old = choose_renderer()
    assert old.name == "rmarkdown" and "1.2.335" in old.note
    with raises(MissingRendererError, needed=["quarto"], format="html", found="1.2.335"):
        choose_renderer("quarto")
    # A PDF needs Quarto, or Typst and a pandoc that writes it.
    monkeypatch.setattr(renderers, "has_typst", lambda: False)
    packages = ["typst", "pypandoc-binary"]
    for chosen, found in (("auto", "1.2.335"), ("rmarkdown", None)):
        with raises(MissingRendererError, needed=packages, format="pdf", found=found):
            choose_renderer(chosen, to="pdf")
    monkeypatch.setattr(renderers, "has_typst", lambda: True)
    assert choose_renderer(to="pdf").name == "rmarkdown"
    fake_command(tmp_path / "quarto", "1.6.42")
    assert choose_renderer() == renderers.Renderer("quarto", str(tmp_path / "quarto"), "R")


def test_an_error_names_quarto_and_pandoc_if_both_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderers, "_require_r_packages", lambda r: None)
    monkeypatch.setattr("placa.evaluation.bridge.find_r", lambda: "R")
    monkeypatch.setattr(renderers, "find_quarto", lambda: None)
    monkeypatch.setattr(renderers.shutil, "which", lambda name: None)
    monkeypatch.delenv("RSTUDIO_PANDOC", raising=False)
    with raises(MissingRendererError, needed=["quarto", "pandoc"], format="html", found=None):
        choose_renderer()
    monkeypatch.setattr(renderers, "has_typst", lambda: False)
    with raises(MissingRendererError, needed=["typst", "pypandoc-binary"], format="pdf", found=None):
        choose_renderer(to="pdf")


def test_without_a_working_r_the_report_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placa.evaluation.bridge.find_r", lambda: None)
    with raises(RNotFoundError, needed_by="report"):
        choose_renderer()
    broken = tmp_path / "R"
    broken.write_text("#!/bin/sh\necho 'Error: libR.so is missing' >&2\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setattr("placa.evaluation.bridge.find_r", lambda: str(broken))
    with raises(RStartError, command=str(broken), reason="Error: libR.so is missing."):
        choose_renderer()


def test_a_missing_r_package_is_an_error_with_the_install_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = fake_command(tmp_path / "R", "svglite yaml", mark=True)
    monkeypatch.setattr("placa.evaluation.bridge.find_r", lambda: str(fake))
    with raises(MissingRPackageError, packages=["svglite", "yaml"]) as missing:
        choose_renderer()
    assert "apt install r-cran-svglite r-cran-yaml" in str(missing.value)
    fake_command(fake, "placa", mark=True)
    with raises(MissingRPackageError, packages=["placa"]) as missing:
        choose_renderer()
    assert "placa install-r" in str(missing.value)


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("  |=====| 100%\nError in f(x) : it is late\nCalls: f\nExecution halted\n", "Error in f(x) : it is late."),
        ("Error in `read()`:\n! The file is gone.\nBacktrace:\n", "The file is gone."),
        ("Error:\n! \n  'a/run.json'\n  must be whole.\n✖ It is cut.\nBacktrace:\n", "'a/run.json' must be whole."),
        ("Error in f(x) : \n  object 'y' not found\nCalls: f", "Error in f(x) : object 'y' not found."),
        ("\x1b[31mERROR: no such thing\x1b[0m\n", "ERROR: no such thing."),
        ("Compiling a.typ to a.pdf...\x1b[91mERROR: no typst\n\nStack trace:\n  at f\n", "ERROR: no typst."),
        ("x: withBinaryFile\nError: pandoc document conversion failed with error 1\n", "x: withBinaryFile."),
        ("", "no output."),
    ],
)
def test_the_reason_is_extracted_from_the_log(log: str, line: str) -> None:
    assert last_useful_line(log) == line


def test_importing_the_report_loads_no_heavy_package() -> None:
    heavy = ("numpy", "pandas", "keras", "rpy2")
    code = f"import sys, placa.reporting.render; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "python", check=True)
    assert done.stdout.strip() == "[]"
