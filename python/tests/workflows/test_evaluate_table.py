"""Predictions made elsewhere give the tables of a run's evaluation, in R, from Python and from the shell."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import Command, RecordedProgress
from r_tables import without_figures
from raising import raises

from placa.core.errors import ForeignDirectoryError, PathNotFoundError, UnknownNameError
from placa.evaluation.errors import RError, TableOptionError
from placa.records.audit import Audit
from placa.records.errors import NotARunError
from placa.records.files import read_record
from placa.records.model import Thresholds
from placa.records.predictions import read_predictions
from placa.sources.errors import ImageNamesError
from placa.workflows.evaluate import evaluate, evaluated_folder, headline
from placa.workflows.paper import paper_figures, paper_tables
from placa.workflows.report import report

pytestmark = pytest.mark.usefixtures("r")


@pytest.fixture(scope="module")
def of_run(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evaluate the run into a folder of its own."""
    copy = Path(shutil.copytree(run, tmp_path_factory.mktemp("of-run") / "run"))
    before = sorted(path.name for path in copy.iterdir())
    with without_figures():
        evaluate(copy, out=copy.parent / "owned", bridge="rpy2", progress=False)
    assert sorted(path.name for path in copy.iterdir()) == before
    return copy.parent / "owned"


@pytest.fixture(scope="module")
def elsewhere(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the predictions of the run as a program with other column names would."""
    predictions, _ = read_predictions(run)
    names = {"image_id": "file", "patient_id": "mrn", "truth": "label", "probability": "p", "split": "part"}
    table = predictions.drop(columns=["finding", "group_id"]).rename(columns=names)
    path = tmp_path_factory.mktemp("elsewhere") / "vendor.csv"
    table.to_csv(path, index=False)
    return path


OPTIONS = ("--image-id", "file", "--patient-id", "mrn", "--truth", "label", "--estimate", "p", "--split-column", "part")


def test_a_csv_gives_the_tables_of_the_run(
    run: Path, of_run: Path, elsewhere: Path, placa: Command, tmp_path: Path
) -> None:
    file = Path(shutil.copy(elsewhere, tmp_path))
    with without_figures():
        done = placa("evaluate", file, *OPTIONS, "--bridge", "rscript")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "vendor-evaluation"
    assert done.stdout.splitlines()[-1] == str(folder) and "label: AUROC" in done.stdout
    written = {path.name for path in folder.iterdir()}
    assert written == {path.name for path in of_run.iterdir()}
    for table in of_run.glob("*.csv"):
        other = pd.read_csv(folder / table.name).drop(columns="finding")
        pd.testing.assert_frame_equal(other, pd.read_csv(table).drop(columns="finding"), rtol=1e-12)
    # The rule of train, on the same validation images; the CSV has rounded no digit.
    thresholds = read_record(folder / "thresholds.json", Thresholds)
    points = read_record(run / "thresholds.json", Thresholds)["findings"]["Opacity"]["points"]
    assert thresholds["chosen_on"] == "validation" and thresholds["findings"]["label"]["points"] == points


def test_a_data_frame_needs_no_folder_and_gives_the_same_numbers(run: Path, of_run: Path) -> None:
    predictions, _ = read_predictions(run)
    summary = evaluate(predictions, thresholds=run, bridge="rpy2", progress=False)
    stored = json.loads((of_run / "summary.json").read_text())
    assert summary["headline"] == stored["headline"]
    assert summary["labels"]["n_images"] == stored["labels"]["n_images"]


def test_thresholds_are_numbers_or_one_half_without_validation(elsewhere: Path, tmp_path: Path) -> None:
    test = pd.read_csv(elsewhere).query("part == 'test'")
    columns = {"truth": "label", "estimate": "p"}
    told = RecordedProgress()
    summary = evaluate(test, out=tmp_path / "half", bridge="python", progress=told, **columns)
    assert summary["patients_known"] is False and "not clustered" in headline(summary)[0]
    # Unknown patients, and the threshold.
    assert len(told.warned) == 2
    record = read_record(tmp_path / "half" / "thresholds.json", Thresholds)
    assert record["chosen_on"] == "given" and record["findings"]["label"]["points"] == {"threshold": 0.5}
    evaluate(test, out=tmp_path / "half", thresholds={"label": 0.3}, bridge="python", progress=False, **columns)
    points = pd.read_csv(tmp_path / "half" / "operating_points.csv")
    assert set(points["threshold"]) == {0.3} and set(points["operating_point"]) == {"threshold"}
    called = test["p"] >= 0.3
    sensitivity = points.set_index("metric")["estimate"]["sensitivity"]
    assert sensitivity == pytest.approx(called[test["label"] == 1].mean())


def test_what_does_not_fit_is_refused_before_r_starts(run: Path, elsewhere: Path, tmp_path: Path) -> None:
    with raises(TableOptionError, options=["truth", "thresholds"]):
        evaluate(run, truth="label", thresholds=0.5, progress=False)
    with raises(UnknownNameError, name="label", known=["Mass"]):
        evaluate(elsewhere, thresholds={"Mass": 0.5}, truth="label", estimate="p", progress=False)
    with raises(PathNotFoundError, path="none.csv"):
        evaluate("none.csv", progress=False)
    with raises(NotARunError, path=str(run.parent / "none"), runs=[str(run)]):
        evaluate(run.parent / "none", progress=False)
    (tmp_path / "notes.txt").write_text("mine")
    with raises(ForeignDirectoryError, path=str(tmp_path)):
        evaluate(elsewhere, out=tmp_path, truth="label", estimate="p", progress=False)


def test_a_patient_in_two_splits_is_an_error_and_writes_nothing(elsewhere: Path, tmp_path: Path) -> None:
    leaking = pd.read_csv(elsewhere).assign(mrn="P1")
    columns = {"truth": "label", "estimate": "p", "patient_id": "mrn", "split_column": "part"}
    with raises(RError) as refused:
        evaluate(leaking, out=tmp_path / "out", progress=False, **columns)
    assert "placa_error_leak" in refused.value.values["classes"] and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_tables_and_figures_of_the_evaluation_are_written(of_run: Path, tmp_path: Path) -> None:
    paper_tables(of_run, "csv", "es", tmp_path / "paper", progress=False)
    assert {path.stem for path in (tmp_path / "paper").glob("*.csv")} >= {"performance", "counts", "images-by-split"}
    paper_figures(of_run, to="svg", out=tmp_path / "figures", progress=False)
    assert (tmp_path / "figures" / "roc.svg").is_file()


@pytest.mark.slow
def test_figures_of_a_spanish_report_are_in_spanish(a_run: Path, tmp_path: Path) -> None:
    evaluate(a_run, out=tmp_path / "owned", progress=False)
    report(tmp_path / "owned", "es", out=tmp_path / "r.md", progress=False)
    assert "](<r_figures/roc.png>)" in (tmp_path / "r.md").read_text("utf-8")
    assert "Sensibilidad" in (tmp_path / "r_figures" / "roc.svg").read_text("utf-8")
    assert "Sensibilidad" not in (tmp_path / "owned" / "roc.svg").read_text("utf-8")


def test_a_run_is_evaluated_and_reported_where_r_is_missing(
    a_run: Path, tmp_path: Path, placa: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.delenv("R_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "rpy2", None)
    where = {"PATH": str(tmp_path / "bin")}
    done = placa("evaluate", a_run, **where)
    assert done.returncode == 0, done.stderr
    assert "computed in Python" in done.stdout and "R was not found" in done.stderr
    assert pd.read_csv(a_run / "evaluations.csv")["split"].tolist() == ["test"]
    assert "Python" in (a_run / "model_card.md").read_text() and "Python" in (a_run / "model_card.es.md").read_text()
    done = placa("report", a_run, "--lang", "es", **where)
    assert done.returncode == 0 and Path(done.stdout.strip()) == a_run / "report" / "evaluation.es.md"
    assert placa("report", a_run, "--to", "html", **where).returncode == 2
    # Once R is there, the report uses the complete evaluation.
    with without_figures():
        evaluated_folder(a_run, "test", RecordedProgress())
    assert "computed_in" not in json.loads((a_run / "evaluation" / "summary.json").read_text())
    assert (a_run / "evaluation" / "subgroups.csv").is_file()


def test_images_beside_a_table_are_audited(
    run: Path, prepared: Path, elsewhere: Path, placa: Command, tmp_path: Path
) -> None:
    file = Path(shutil.copy(elsewhere, tmp_path))
    places = pd.read_parquet(prepared / "manifest.parquet").set_index("image_id")["path"]
    folder = Path(os.path.commonpath([Path(path).parent for path in places]))
    done = placa("evaluate", file, *OPTIONS, "--bridge", "python", "--images", folder)
    assert done.returncode == 0, done.stderr
    audit = read_record(tmp_path / "vendor-evaluation" / "audit.json", Audit)
    stored = read_record(prepared / "audit.json", Audit)
    # The predictions have the test and validation images, so that no split is audited.
    assert audit["shortcuts"]["probes"] and audit["leakage"]["verdict"] in ("none", stored["leakage"]["verdict"])
    assert audit["shortcuts"]["probes"][0]["auroc"] is not None and "Shortcuts" in done.stdout
    report = placa("report", tmp_path / "vendor-evaluation", "--lang", "es")
    assert "## Auditoría" in Path(report.stdout.strip()).read_text("utf-8")
    with raises(ImageNamesError, folder=str(tmp_path)):
        evaluate(file, images=tmp_path, truth="label", estimate="p", image_id="file", bridge="python", progress=False)
    with raises(TableOptionError, options=["images"]):
        evaluate(run, images=folder, progress=False)
