import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from conftest import RecordedProgress
from r_tables import without_figures
from raising import raises
from sklearn.metrics import brier_score_loss, matthews_corrcoef, roc_auc_score
from stamped import stamp

from placa.core.errors import UnknownNameError
from placa.evaluation import bridge
from placa.evaluation.errors import RError, Rpy2Error
from placa.records.evaluation import Summary
from placa.records.predictions import read_predictions, write_predictions
from placa.workflows.evaluate import evaluate, headline

pytestmark = pytest.mark.usefixtures("r")


@pytest.fixture(scope="module")
def evaluated(run: Path, r: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the run, and evaluate it in R through rpy2."""
    out = Path(shutil.copytree(run, tmp_path_factory.mktemp("evaluated") / "run"))
    recorded = RecordedProgress()
    evaluate(out, bridge="rpy2", progress=recorded)
    assert recorded.warned == []
    return out


@pytest.fixture(scope="module")
def by_rscript(run: Path, r: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary, list[str]]:
    """Copy the run, and evaluate it where rpy2 does not work; also return the summary and the warnings."""

    def broken() -> None:
        raise Rpy2Error("libR.so is incompatible")

    out = Path(shutil.copytree(run, tmp_path_factory.mktemp("by-rscript") / "run"))
    recorded = RecordedProgress()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bridge, "start_r", broken)
        summary = evaluate(out, progress=recorded)
        with raises(Rpy2Error, reason="libR.so is incompatible"):
            evaluate(out, bridge="rpy2")
    return out, summary, recorded.warned


def test_tables_and_figures_exist(evaluated: Path) -> None:
    present = {path.name for path in (evaluated / "evaluation").iterdir()}
    tables = {"discrimination.csv", "operating_points.csv", "calibration.csv", "roc.csv", "summary.json"}
    assert present >= tables | {"roc.png", "roc.svg", "calibration.png", "calibration.svg"}


def test_measures_of_r_match_scikit_learn(evaluated: Path) -> None:
    predictions, _ = read_predictions(evaluated)
    test = predictions[predictions["split"] == "test"]
    truth, probability = test["truth"].to_numpy(int), test["probability"].to_numpy()
    row = pd.read_csv(evaluated / "evaluation" / "discrimination.csv").iloc[0]
    assert row["auroc"] == pytest.approx(roc_auc_score(truth, probability), abs=1e-12)
    assert row["auroc_lower"] < row["auroc"] < row["auroc_upper"]
    assert (row["n_images"], row["n_positive"]) == (len(test), truth.sum())
    assert row["n_patients"] == test["patient_id"].nunique()
    points = pd.read_csv(evaluated / "evaluation" / "operating_points.csv").query("operating_point == 'youden'")
    metric = points.set_index("metric")["estimate"]
    called = probability >= points["threshold"].iloc[0]
    assert metric["sensitivity"] == pytest.approx(called[truth == 1].mean())
    assert metric["specificity"] == pytest.approx(1 - called[truth == 0].mean())
    assert metric["mcc"] == pytest.approx(matthews_corrcoef(truth, called))
    assert metric["brier"] == pytest.approx(brier_score_loss(truth, probability))


def test_another_split_has_a_folder_of_its_own(evaluated: Path) -> None:
    files = {path.name: path.read_bytes() for path in (evaluated / "evaluation").iterdir()}
    card = (evaluated / "model_card.md").read_bytes()
    with without_figures():
        summary = evaluate(evaluated, "train", bridge="rscript", progress=False)
    assert summary["split"] == "train"
    train = json.loads((evaluated / "evaluation-train" / "summary.json").read_text(encoding="utf-8"))
    assert train["split"] == "train"
    # The results of the test set and the card with them are unchanged.
    assert files == {path.name: path.read_bytes() for path in (evaluated / "evaluation").iterdir()}
    assert card == (evaluated / "model_card.md").read_bytes()
    # The ledger counts every look, by split, from both bridges.
    assert pd.read_csv(evaluated / "evaluations.csv")["split"].tolist() == ["test", "train"]


def test_both_bridges_give_the_same_evaluation(evaluated: Path, by_rscript: tuple[Path, Summary, list[str]]) -> None:
    other_run, summary, _ = by_rscript
    written = sorted(path.name for path in (other_run / "evaluation").iterdir())
    assert written == sorted(path.name for path in (evaluated / "evaluation").iterdir())
    for name in written:
        if not name.endswith((".png", ".svg")):
            other = (evaluated / "evaluation" / name).read_bytes()
            assert (other_run / "evaluation" / name).read_bytes() == other, name
    assert summary["labels"]["source"] == read_predictions(other_run)[1]["label_source"]
    assert "AUROC" in headline(summary)[0]


def test_a_missing_rpy2_is_one_warning(a_run: Path, by_rscript: tuple[Path, Summary, list[str]]) -> None:
    _, _, warned = by_rscript
    assert len(warned) == 1 and "libR.so is incompatible" in warned[0]
    with raises(UnknownNameError, name="rpy") as refused:
        evaluate(a_run, bridge="rpy")
    assert set(refused.value.values["known"]) == {"auto", "python", "rpy2", "rscript"}


@pytest.mark.parametrize("by", ["rpy2", "rscript"])
def test_a_patient_in_two_splits_is_an_error_of_r(a_run: Path, by: str) -> None:
    predictions, metadata = read_predictions(a_run)
    stranger = predictions.loc[predictions["split"] == "train", "patient_id"].iloc[0]
    predictions.loc[predictions.index[predictions["split"] == "test"][0], "patient_id"] = stranger
    write_predictions(predictions, a_run / "predictions.parquet", metadata)
    stamp(a_run)
    with raises(RError) as refused:
        evaluate(a_run, bridge=by)
    assert "placa_error_leak" in refused.value.values["classes"] and stranger in str(refused.value)
    assert "placa_error_leak" in refused.value.values["classes"]
    assert not (a_run / "evaluation").exists()


def test_a_single_class_in_test_is_a_warning_and_has_no_auroc(a_run: Path) -> None:
    predictions, metadata = read_predictions(a_run)
    predictions.loc[predictions["split"] == "test", "truth"] = 0
    write_predictions(predictions, a_run / "predictions.parquet", metadata)
    stamp(a_run)
    recorded = RecordedProgress()
    with without_figures():
        summary = evaluate(a_run, bridge="rpy2", progress=recorded)
    assert summary["headline"]["Opacity"]["auroc"] is None
    assert recorded.warned and all(warning.startswith("R: ") for warning in recorded.warned)
    assert "not defined" in headline(summary)[0]


def test_unknown_patients_are_reported_as_unknown(a_run: Path) -> None:
    predictions, metadata = read_predictions(a_run)
    predictions["patient_id"] = pd.array([pd.NA] * len(predictions), dtype="string")
    write_predictions(predictions, a_run / "predictions.parquet", metadata)
    stamp(a_run)
    with without_figures():
        summary = evaluate(a_run, bridge="rpy2")
    assert "of unknown patients, " in headline(summary)[0]


def test_an_error_keeps_the_older_evaluation(evaluated: Path, tmp_path: Path) -> None:
    a_run = Path(shutil.copytree(evaluated, tmp_path / "run"))
    before = json.loads((a_run / "evaluation" / "summary.json").read_text())
    with raises(RError) as refused:
        evaluate(a_run, split="nowhere", bridge="rpy2")
    assert "placa_error_split" in refused.value.values["classes"]
    assert json.loads((a_run / "evaluation" / "summary.json").read_text()) == before
