import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import draw
from raising import raises
from tiny_network import tiny

from placa.core.files import fingerprint
from placa.dataset.errors import PatientInTwoSplitsError, RowCountMismatchError
from placa.dataset.pixel_cache import open_pixels
from placa.models.calibration import choose_thresholds, fit_recalibration, sigmoid
from placa.models.files import load_model
from placa.records.manifest import read_manifest, write_manifest
from placa.records.predictions import COLUMNS, read_predictions
from placa.records.run import require_run
from placa.sources.folders import read_folders
from placa.training.data import require_exclusive
from placa.training.epochs import auroc_error, mean_auroc
from placa.training.errors import DivergedError, MissingClassError, NotExclusiveError
from placa.training.loss import class_weights, mean_loss, weighted_loss
from placa.training.monitor import Monitor, Validator
from placa.training.options import TrainOptions
from placa.workflows.prepare import prepare
from placa.workflows.train import train


def test_a_run_is_complete_and_records_its_facts(run: Path, prepared: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert names >= {"run.json", "model.keras", "history.csv", "thresholds.json", "predictions.parquet"}
    facts = json.loads((run / "run.json").read_text())
    assert facts["model"]["fingerprint"] == fingerprint(run / "model.keras")
    assert facts["data"]["fingerprint"] == json.loads((prepared / "source.json").read_text())["fingerprint"]
    assert facts["training"]["seed"] == 0 and facts["training"]["epochs"] == 2
    assert facts["training"]["augmentation"]["rotation"] == TrainOptions().changes.rotation
    history = pd.read_csv(run / "history.csv", float_precision="round_trip")
    assert list(history) == ["epoch", "loss", "validation_loss", "validation_auroc", "learning_rate", "seconds"]
    assert history["epoch"].tolist() == [1, 2]
    kept = history.set_index("epoch").loc[facts["training"]["best_epoch"]]
    assert facts["training"]["best_validation_auroc"] == kept["validation_auroc"]


def test_predictions_contain_each_image_once_with_split_and_truth(run: Path, prepared: Path) -> None:
    predictions, metadata = read_predictions(run)
    manifest = read_manifest(prepared)
    assert list(predictions) == [*COLUMNS, "typicality", "outside"]
    joined = predictions.merge(manifest, on="image_id", suffixes=("", "_manifest"))
    assert len(joined) == len(manifest) == len(predictions)
    assert (joined["split"] == joined["split_manifest"]).all()
    assert (joined["truth"] == joined["Opacity"]).all()
    assert predictions["probability"].between(0, 1).all() and predictions["score"].between(0, 1).all()
    assert metadata["findings"] == ["Opacity"] and metadata["model_fingerprint"].startswith("sha256:")


def test_recalibration_and_thresholds_use_validation_only(run: Path) -> None:
    predictions, _ = read_predictions(run)
    held_out = predictions[predictions["split"] == "validation"]
    truth = held_out["truth"].to_numpy(float)
    stored = json.loads((run / "thresholds.json").read_text())["findings"]["Opacity"]["points"]
    assert stored == choose_thresholds(held_out["probability"].to_numpy(), truth)
    score = held_out["score"].to_numpy()
    again = fit_recalibration(np.log(score / (1 - score)), truth)
    slope = json.loads((run / "run.json").read_text())["calibration"]["findings"]["Opacity"]["slope"]
    assert again.slope == pytest.approx(slope, rel=0.01)


def test_the_stored_model_gives_the_stored_predictions(run: Path, prepared: Path) -> None:
    model, card = load_model(run / "model.keras")
    predictions, _ = read_predictions(run)
    pixels = np.asarray(open_pixels(prepared)[:20])[..., None]
    output = model.predict_on_batch(pixels)["probability"][:, 0]
    assert card["size"] == 64
    assert np.allclose(output, predictions["probability"][:20], atol=1e-6)


def _altered(prepared: Path, tmp_path: Path, change) -> Path:
    """Copy a prepared data set with a changed manifest."""
    out = tmp_path / "prepared"
    out.mkdir()
    for path in prepared.iterdir():
        if path.is_file():
            (out / path.name).symlink_to(path)
    manifest = read_manifest(prepared)
    change(manifest)
    (out / "manifest.parquet").unlink()
    write_manifest(manifest, out / "manifest.parquet", {})
    return out


def _leak(manifest: pd.DataFrame) -> None:
    manifest.loc[manifest.index[manifest["split"] == "test"][0], "patient_id"] = manifest.loc[
        manifest["split"] == "train", "patient_id"
    ].iloc[0]


def _no_positives_in_validation(manifest: pd.DataFrame) -> None:
    manifest.loc[manifest["split"] == "validation", "Opacity"] = 0


def _only_positives_in_training(manifest: pd.DataFrame) -> None:
    manifest.loc[manifest["split"] == "train", "Opacity"] = 1


def _a_row_lost(manifest: pd.DataFrame) -> None:
    manifest.drop(index=manifest.index[-1], inplace=True)


@pytest.mark.parametrize(
    ("change", "split", "missing"),
    [(_no_positives_in_validation, "validation", "positive"), (_only_positives_in_training, "train", "negative")],
)
def test_data_without_one_class_are_an_error(
    prepared: Path, tmp_path: Path, change: Any, split: str, missing: str
) -> None:
    with raises(MissingClassError, split=split, missing=missing, finding="Opacity", findings=["Opacity"]):
        train(_altered(prepared, tmp_path, change), tmp_path / "run", TrainOptions(epochs=1))
    assert not (tmp_path / "run").exists()


def test_a_patient_in_two_splits_is_an_error(prepared: Path, tmp_path: Path) -> None:
    manifest = read_manifest(prepared)
    patient = manifest.loc[manifest["split"] == "train", "patient_id"].iloc[0]
    with raises(PatientInTwoSplitsError, unit="patient", name=patient, splits=["test", "train"], count=1):
        train(_altered(prepared, tmp_path, _leak), tmp_path / "run", TrainOptions(epochs=1))
    assert not (tmp_path / "run").exists()


def test_a_manifest_with_a_missing_row_is_an_error(prepared: Path, tmp_path: Path) -> None:
    rows = len(read_manifest(prepared))
    with raises(RowCountMismatchError, rows=rows - 1, pixels=rows):
        train(_altered(prepared, tmp_path, _a_row_lost), tmp_path / "run", TrainOptions(epochs=1))
    assert not (tmp_path / "run").exists()


def test_a_second_label_source_is_copied_to_the_run(prepared: Path, tmp_path: Path) -> None:
    data = _altered(prepared, tmp_path, lambda manifest: None)
    labels = pd.DataFrame(
        {"image_id": ["1"], "finding": "Opacity", "label_source": "readers", "subset": None, "truth": 1}
    )
    labels.to_parquet(data / "labels.parquet")
    train(data, tmp_path / "run", TrainOptions(backbone=tiny, epochs=1))
    assert (tmp_path / "run" / "labels.parquet").read_bytes() == (data / "labels.parquet").read_bytes()


def test_a_loss_that_is_not_finite_is_an_error(prepared: Path, tmp_path: Path) -> None:
    with raises(DivergedError, quantity="loss", epoch=1):
        train(prepared, tmp_path / "run", TrainOptions(backbone=tiny, epochs=3, learning_rate=1e30))
    assert list(tmp_path.iterdir()) == []


def test_the_loss_is_weighted_cross_entropy_without_unknown_labels() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(6, 2)).astype(np.float32)
    truth = np.array([[1, 0], [0, 0], [1, 1], [0, np.nan], [np.nan, 1], [0, 0]], np.float32)
    weights = class_weights(truth)
    assert weights[:, 0] == pytest.approx([5 / 6, 5 / 4])
    p = sigmoid(logits)
    each = -np.where(truth == 1, weights[1] * np.log(p), weights[0] * np.log(1 - p))
    expected = np.nanmean(np.where(np.isnan(truth), np.nan, each), axis=1)
    assert np.allclose(weighted_loss(weights, 0.0)(truth, logits), expected, atol=1e-6)
    assert mean_loss(truth, logits, weights) == pytest.approx(each[~np.isnan(truth)].mean(), rel=1e-6)
    assert mean_auroc(truth, logits) <= 1


def test_the_standard_error_matches_the_paper() -> None:
    # The example of Hanley and McNeil (1982): 51 abnormal and 58 normal images, 0.893, standard error 0.032.
    assert auroc_error(0.893, 51, 58) == pytest.approx(0.0325, abs=5e-4)
    assert auroc_error(1.0, 5, 5) == 0


def test_the_last_epoch_within_one_standard_error_is_kept() -> None:
    """In simulated epochs, the number of wrongly ranked images decreases, fluctuates, and then increases."""
    truth = np.repeat([1.0, 0.0], 50).astype(np.float32)[:, None]
    judge = Validator(truth, class_weights(truth))
    monitor = Monitor()
    for epoch, wrong in enumerate([20, 2, 3, 2, 3, 15, 15, 15, 15]):
        scores = truth.astype(float) + np.linspace(0, 0.1, 100)[:, None]
        scores[:wrong] = -1
        monitor.add(judge.row(scores), judge.error, lambda epoch=epoch: [np.array(epoch)])
        if monitor.stalled() >= 3:
            break
    assert (monitor.best_epoch, monitor.best_weights[0]) == (5, 4)
    assert monitor.highest_auroc > monitor.best_auroc
    assert epoch + 1 == 5 + 3, "training stops three epochs after the last epoch within the interval"
    assert monitor.stalled(since=6) == 2, "the patience is counted from the start of a phase"


def test_findings_that_exclude_each_other_have_probabilities_of_one_softmax(tmp_path: Path) -> None:
    for number in range(36):
        draw(tmp_path / "in" / ("bacterial", "viral", "normal")[number % 3] / f"{number}.png", seed=number)
    prepare(read_folders(tmp_path / "in", ["bacterial", "viral"]), tmp_path / "data", size=16)
    options = TrainOptions(backbone=tiny, epochs=1, classes="exclusive", recalibration="none", mirror=False)
    train(tmp_path / "data", tmp_path / "run", options)
    predictions = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    total = predictions.groupby("image_id")["probability"].sum()
    assert (total > 0).all() and (total <= 1 + 1e-6).all()
    assert require_run(tmp_path / "run")["training"]["classes"] == "exclusive"


def test_findings_of_one_image_cannot_exclude_each_other() -> None:
    truth = np.array([[1, 1], [0, 1], [np.nan, 0]], np.float32)
    with pytest.raises(NotExclusiveError) as caught:
        require_exclusive(truth, ["Mass", "Nodule"])
    assert caught.value.values["images"] == 1
    require_exclusive(truth[1:], ["Mass", "Nodule"])
    with pytest.raises(NotExclusiveError):
        require_exclusive(truth[:, :1], ["Mass"])
