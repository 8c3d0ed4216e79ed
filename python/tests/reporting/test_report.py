"""Rendering: what is missing, what goes wrong, and which renderer is taken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from report_fixtures import REPORTS, ROOT, Page, assert_no_source_shows, make_run, strings

from placa.core.errors import PlacaError
from placa.core.files import write_json
from placa.reporting import renderers
from placa.reporting.render import find_reports, render_report
from placa.reporting.renderers import choose_renderer, last_useful_line


def test_a_missing_piece_gives_a_sentence_in_its_place(project: Path, tmp_path: Path) -> None:
    run = tmp_path / "elsewhere" / "bare"
    shutil.copytree(project / "runs" / "small", run)
    (run / "history.csv").unlink()
    for table in ("roc", "decision_curve", "subgroups", "abstention", "predictive_values", "calibration_measures"):
        (run / "evaluation" / f"{table}.csv").unlink()
    (run / "labels.parquet").unlink()
    facts = json.loads((run / "run.json").read_text())
    facts["data"]["audit"] = None
    facts["data"]["prepared"] = "data/prepared/moved away"
    (run / "run.json").write_text(json.dumps(facts))
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
        "audit.missing",
        "data.samples_missing",
    ):
        assert words[key] in page.text, key
    assert (2, words["heading.comparison"]) not in page.headings
    assert words["headline.verdict_none"].replace("**", "") in page.text
    assert words["discrimination.missing"] not in page.text
    assert_no_source_shows(page)
    assert len(page.images) == 3  # the headline, the flow diagram and the calibration plot are still there


def test_a_failing_renderer_leaves_the_older_report_and_a_log(
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
    with pytest.raises(PlacaError, match=r"the kettle is on\. The whole log is .*evaluation\.log"):
        render_report(project / "runs" / "small", out=report, renderer="rmarkdown")
    assert report.read_text() == "the older one"
    assert sorted(path.name for path in report.parent.iterdir()) == ["evaluation.html", "evaluation.log"]
    assert "kettle" in (report.parent / "evaluation.log").read_text()


def test_a_run_that_has_no_evaluation_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with pytest.raises(PlacaError, match="placa evaluate"):
        render_report(run)
    assert not (run / "report").exists()


def test_what_cannot_be_rendered_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PlacaError, match="is not a run"):
        render_report(tmp_path)
    run = make_run(tmp_path)
    (run / "evaluation").mkdir()
    write_json(run / "evaluation" / "summary.json", {})
    with pytest.raises(PlacaError, match=r"no language of the report 'fr'.*en, es|es, en"):
        render_report(run, "fr")
    with pytest.raises(PlacaError, match="no report format 'odt'"):
        render_report(run, to="odt")
    with pytest.raises(PlacaError, match="no document 'poster'"):
        render_report(run, document="poster")
    with pytest.raises(PlacaError, match=r"no finding 'Hernia'.*Pneumonia"):
        render_report(run, findings=["Hernia"])
    with pytest.raises(PlacaError, match="is not a run"):
        render_report(run, compare=tmp_path)
    with pytest.raises(PlacaError, match="is a directory"):
        render_report(run, out=tmp_path)
    with pytest.raises(PlacaError, match="no renderer 'word'"):
        render_report(run, renderer="word")


def test_the_source_of_the_report_is_found_or_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLACA_REPORTS", raising=False)
    assert find_reports() == REPORTS
    monkeypatch.setenv("PLACA_REPORTS", str(tmp_path))
    with pytest.raises(PlacaError, match="PLACA_REPORTS names"):
        find_reports()


def fake_command(path: Path, says: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_an_old_quarto_is_passed_over_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderers, "_require_r_packages", lambda r: None)
    monkeypatch.setattr("placa.evaluation.bridge.find_r", lambda: "R")
    fake_command(tmp_path / "pandoc", "pandoc 2.17")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("QUARTO_PATH", str(fake_command(tmp_path / "quarto", "1.2.335")))
    old = choose_renderer()
    assert old.name == "rmarkdown" and "1.2.335" in old.note
    with pytest.raises(PlacaError, match=r"1\.2\.335.*pip install quarto-cli"):
        choose_renderer("quarto")
    with pytest.raises(PlacaError, match=r"A PDF is written by Quarto, and quarto 1\.4.*1\.2\.335"):
        choose_renderer(to="pdf")
    fake_command(tmp_path / "quarto", "1.6.42")
    assert choose_renderer() == renderers.Renderer("quarto", str(tmp_path / "quarto"), "R")


def test_without_r_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placa.evaluation.bridge.find_r", lambda: None)
    with pytest.raises(PlacaError, match="no R on PATH: run make setup"):
        choose_renderer()


def test_a_missing_r_package_is_named_with_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placa.evaluation.bridge.find_r", lambda: str(fake_command(tmp_path / "R", "svglite yaml")))
    with pytest.raises(PlacaError, match=r"packages svglite, yaml.*apt install r-cran-svglite r-cran-yaml"):
        choose_renderer()
    monkeypatch.setattr("placa.evaluation.bridge.find_r", lambda: str(fake_command(tmp_path / "R", "placa")))
    with pytest.raises(PlacaError, match="R CMD INSTALL"):
        choose_renderer()


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("  |=====| 100%\nError in f(x) : it is late\nCalls: f\nExecution halted\n", "Error in f(x) : it is late."),
        ("Error in `read()`:\n! The file is gone.\nBacktrace:\n", "The file is gone."),
        ("Error in f(x) : \n  object 'y' not found\nCalls: f", "Error in f(x) : object 'y' not found."),
        ("\x1b[31mERROR: no such thing\x1b[0m\n", "ERROR: no such thing."),
        ("Compiling a.typ to a.pdf...\x1b[91mERROR: no typst\n\nStack trace:\n  at f\n", "ERROR: no typst."),
        ("x: withBinaryFile\nError: pandoc document conversion failed with error 1\n", "x: withBinaryFile."),
        ("", "it said nothing."),
    ],
)
def test_the_useful_line_of_a_log(log: str, line: str) -> None:
    assert last_useful_line(log) == line


def test_importing_the_report_is_light() -> None:
    heavy = ("numpy", "pandas", "keras", "rpy2")
    code = f"import sys, placa.reporting.render; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "python", check=True)
    assert done.stdout.strip() == "[]"
