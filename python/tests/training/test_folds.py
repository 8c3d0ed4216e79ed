"""Folds: assignment of files, and the run of an ensemble."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import RecordedProgress
from raising import raises
from tiny_network import tiny

from placa.core.files import fingerprint
from placa.core.progress import Progress
from placa.dataset.errors import PatientInTwoSplitsError
from placa.inference.explain import Explainer, explain_files
from placa.inference.predict import Predictor
from placa.models.assembled import outputs_of, split_at_logits
from placa.models.calibration import choose_thresholds, sigmoid
from placa.records.manifest import read_manifest
from placa.records.predictions import COLUMNS, read_predictions
from placa.training.data import TrainingData, read_training_data
from placa.training.errors import FoldCountError
from placa.training.folds import deal_folds, fold_seed
from placa.training.options import TrainOptions
from placa.workflows.train import train

OPTIONS = TrainOptions(backbone=tiny, epochs=2, batch_size=16, folds=2, seed=5)


class Read(np.memmap):
    """A pixel cache that records the largest number of squares read at once."""

    most = 0

    def __getitem__(self, key):
        found = super().__getitem__(key)
        if np.ndim(found) == 3:
            Read.most = max(Read.most, len(found))
        return found


@pytest.fixture(scope="module")
def folds(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train two folds on `prepared`, and record the reads of its pixels."""
    out = tmp_path_factory.mktemp("folds") / "two"

    def watched(*arguments: Any, **options: Any) -> TrainingData:
        data = read_training_data(*arguments, **options)
        return replace(data, pixels=data.pixels.view(Read))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("placa.workflows.train.read_training_data", watched)
        train(prepared, out, OPTIONS)
    return out


def _files(groups: int = 40, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    group = np.sort(random.integers(0, groups, 200)).astype(str)
    findings = {name: pd.array((random.random(200) < 0.3).astype(int), dtype="Int8") for name in ("Mass", "Nodule")}
    return pd.DataFrame({"group_id": group, "patient_id": group, **findings})


@pytest.mark.parametrize("seed", range(3))
def test_every_file_is_tested_once_and_no_group_is_divided(seed: int) -> None:
    files = _files()
    dealt = deal_folds(files, ["Mass", "Nodule"], 5, seed)
    assert list(dealt) == ["1", "2", "3", "4", "5"]
    assert sorted(np.concatenate([of["test"] for of in dealt.values()])) == list(range(200))
    for of in dealt.values():
        assert sorted(np.concatenate(list(of.values()))) == list(range(200))
        groups = [set(files["group_id"].iloc[places]) for places in of.values()]
        assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])
        assert len(of["test"]) == pytest.approx(40, abs=8) and len(of["validation"]) == pytest.approx(28, abs=8)
        for finding in ("Mass", "Nodule"):
            assert files[finding].iloc[of["test"]].mean() == pytest.approx(files[finding].mean(), abs=0.1)


def test_folds_and_their_seeds_depend_on_the_seed_only() -> None:
    files = _files()
    once, again, other = (deal_folds(files, ["Mass"], 4, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(once[name][split], again[name][split]) for name in once for split in once[name])
    assert any(not np.array_equal(once[name]["test"], other[name]["test"]) for name in once)
    seeds = [fold_seed(seed, str(fold)) for seed in range(20) for fold in range(1, 11)]
    assert len(set(seeds)) == len(seeds) and all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize("count", [-1, 1, 4, 200])
def test_an_impossible_number_of_folds_is_an_error(count: int) -> None:
    with raises(FoldCountError, folds=count, most=3, groups=6):
        deal_folds(_files(groups=6), ["Mass"], count, 0)


def test_a_patient_in_two_groups_is_an_error() -> None:
    files = _files().assign(patient_id="the same")
    with raises(PatientInTwoSplitsError, unit="patient", name="the same", count=1):
        deal_folds(files, ["Mass"], 3, 0)


def test_each_image_is_predicted_once_by_a_fold_not_trained_on_it(folds: Path, prepared: Path) -> None:
    predictions, metadata = read_predictions(folds)
    manifest = read_manifest(prepared)
    assert list(predictions) == [*COLUMNS, "typicality", "outside", "fold"]
    assert predictions["image_id"].tolist() == manifest["image_id"].tolist()
    assert set(predictions["split"]) == {"test"} and set(predictions["fold"]) == {"1", "2"}
    assert (predictions["truth"] == manifest["Opacity"]).all()
    assert predictions.groupby("group_id")["fold"].nunique().max() == 1
    assert metadata["model_fingerprint"] == fingerprint(folds / "model.keras")


def test_each_prediction_is_that_of_its_ensemble_member(folds: Path, prepared: Path) -> None:
    """predictions.parquet has the prediction of the ensemble member whose test fold contains the image."""
    predictor = Predictor(folds)
    network, _ = split_at_logits(predictor.model)
    pixels = np.load(next(prepared.glob("pixels-*.npy")))
    logits = np.asarray(outputs_of(network.predict_on_batch(pixels[..., None]))[0], dtype=float)
    predictions, _ = read_predictions(folds)
    own = logits[np.arange(len(logits)), predictions["fold"].astype(int) - 1]
    assert predictions["score"].to_numpy() == pytest.approx(sigmoid(own), abs=1e-5)
    facts = json.loads((folds / "run.json").read_text())["folds"]["each"]
    maps = [one["calibration"]["Opacity"] for one in facts]
    slope, intercept = (np.array([one[name] for one in maps]) for name in ("slope", "intercept"))
    fold = predictions["fold"].astype(int).to_numpy() - 1
    expected = sigmoid(slope[fold] * own + intercept[fold])
    assert predictions["probability"].to_numpy() == pytest.approx(expected, abs=1e-5)
    # predict() returns the mean of all members.
    table, _ = predictor.predict(read_manifest(prepared)["path"].tolist())
    mean = sigmoid((slope * logits + intercept).mean(axis=1))
    assert table["probability"].to_numpy() == pytest.approx(mean, abs=1e-5)


def test_a_run_of_folds_records_its_facts(folds: Path, prepared: Path) -> None:
    facts = json.loads((folds / "run.json").read_text())
    images = len(read_manifest(prepared))
    assert facts["training"]["folds"] == 2 and facts["training"]["seed"] == 5
    assert facts["data"]["images"]["train"] == facts["data"]["images"]["test"] == images
    each = facts["folds"]["each"]
    assert [one["fold"] for one in each] == ["1", "2"] and len({one["seed"] for one in each}) == 2
    assert sum(one["images"]["test"] for one in each) == images
    assert all(sum(one["images"].values()) == images for one in each)
    history = pd.read_csv(folds / "history.csv", float_precision="round_trip")
    assert list(history)[:2] == ["fold", "epoch"] and history["fold"].tolist() == [1, 1, 2, 2]
    for one in each:
        best = history[(history["fold"] == int(one["fold"])) & (history["epoch"] == one["best_epoch"])]
        assert best["validation_auroc"].iloc[0] == one["best_validation_auroc"]
    mean = np.mean([one["best_validation_auroc"] for one in each])
    assert facts["training"]["best_validation_auroc"] == pytest.approx(mean)


def test_thresholds_are_chosen_on_the_validation_parts_of_the_folds(folds: Path) -> None:
    stored = json.loads((folds / "thresholds.json").read_text())["findings"]["Opacity"]
    assert stored["chosen"] is True and set(stored["points"]) == {"youden", "sensitivity_95", "specificity_95"}
    predictions, _ = read_predictions(folds)
    of_test = choose_thresholds(predictions["probability"].to_numpy(), predictions["truth"].to_numpy(float))
    assert stored["points"] != of_test


@pytest.mark.slow
def test_an_ensemble_is_explained(folds: Path, prepared: Path) -> None:
    explained = Explainer(Predictor(folds)).explain(str(read_manifest(prepared)["path"].iloc[0]))[0]
    assert explained.evidence.shape == (64, 64) and np.isfinite(explained.evidence).all()


@pytest.mark.slow
def test_box_scores_of_training_images_give_a_warning(folds: Path, prepared: Path, tmp_path: Path) -> None:
    recorded = RecordedProgress()

    explain_files(folds, [], tmp_path / "maps", boxes=prepared, progress=recorded)
    assert len(recorded.warned) == 1


def test_pixels_are_read_in_batches(folds: Path, prepared: Path) -> None:
    assert 0 < Read.most <= 64 < len(read_manifest(prepared))


@pytest.mark.slow
def test_resuming_between_folds_gives_the_same_ensemble(folds: Path, prepared: Path, tmp_path: Path) -> None:
    class Impatient(Progress):
        def say(self, text: str) -> None:
            if text.startswith("fold 2"):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(prepared, tmp_path / "again", OPTIONS, progress=Impatient())
    assert not (tmp_path / "again").exists()
    train(prepared, tmp_path / "again", OPTIONS, resume=True)
    ours, stored = (Predictor(run).model.get_weights() for run in (tmp_path / "again", folds))
    assert all(np.array_equal(one, other) for one, other in zip(ours, stored, strict=True))
    one, other = (pd.read_csv(run / "history.csv").drop(columns="seconds") for run in (tmp_path / "again", folds))
    pd.testing.assert_frame_equal(one, other)
