"""Several findings with unknown labels in one model of folds, also evaluated in R."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import RecordedProgress
from record_fixtures import reseal
from sklearn.metrics import roc_auc_score
from tiny_network import tiny

from placa.inference.predict import Predictor
from placa.records.manifest import read_manifest, write_manifest
from placa.records.predictions import read_predictions
from placa.training.options import TrainOptions
from placa.workflows.evaluate import evaluate, headline, read_thresholds
from placa.workflows.train import train

FINDINGS = ["Opacity", "Bright", "Rare"]


@pytest.fixture(scope="module")
def many(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy `prepared` with two more findings: an easy one with many unknown labels, and a rare one.

    No patient of the validation split has the rare finding.
    """
    place = tmp_path_factory.mktemp("many") / "set"
    out = Path(shutil.copytree(prepared, place, ignore=shutil.ignore_patterns("images")))
    manifest = read_manifest(prepared)
    grey = np.load(next(prepared.glob("pixels-*.npy"))).reshape(len(manifest), -1).mean(axis=1)
    random = np.random.default_rng(0)
    # Without false labels, recalibration is so steep that the twin in ONNX differs by more than 1e-6.
    labelled = (grey > np.median(grey)) ^ (random.random(len(grey)) < 0.15)
    bright = pd.Series(labelled.astype(int), dtype="Int8").mask(random.random(len(grey)) < 0.3)
    others = manifest.loc[manifest["split"] != "validation", "group_id"].drop_duplicates()
    has = manifest["group_id"].isin(random.choice(others, 9, replace=False))
    manifest["Opacity"] = manifest["Opacity"].mask(random.random(len(grey)) < 0.1)
    manifest["Bright"], manifest["Rare"] = bright, has.astype("Int8")
    facts = json.loads((out / "source.json").read_text()) | {"findings": FINDINGS}
    reseal(out / "source.json", facts)
    (out / "manifest.parquet").unlink()
    write_manifest(manifest, out / "manifest.parquet", {})
    return out


@pytest.fixture(scope="module")
def folds(many: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("folds") / "many"
    recorded = RecordedProgress()
    options = TrainOptions(backbone=tiny, epochs=4, batch_size=16, folds=2, recalibration="auto", learning_rate=0.02)
    train(many, out, options, progress=recorded)
    assert len([text for text in recorded.messages + recorded.warned if text.startswith("Rare")]) == 1
    return out


def test_unknown_labels_are_missing_and_each_finding_is_predicted(folds: Path, many: Path) -> None:
    predictions, metadata = read_predictions(folds)
    manifest = read_manifest(many)
    assert metadata["findings"] == FINDINGS and len(predictions) == 3 * len(manifest)
    for finding, rows in predictions.groupby("finding"):
        assert rows["truth"].tolist() == manifest[finding].tolist() and rows["probability"].between(0, 1).all()
    bright = predictions[(predictions["finding"] == "Bright") & predictions["truth"].notna()]
    assert 20 < len(bright) < len(manifest)
    # Scores of two networks are on different scales.
    within = [roc_auc_score(rows["truth"].astype(int), rows["score"]) for _, rows in bright.groupby("fold")]
    assert max(within) > 0.6


def test_a_rare_finding_is_recalibrated_over_all_folds(folds: Path) -> None:
    facts = json.loads((folds / "run.json").read_text())
    rare = facts["calibration"]["findings"]["Rare"]
    assert rare["method"] in {"shared", "flat"} and rare["chosen"] == (rare["method"] == "shared")
    assert [one["fold"] for one in rare["folds"]] == ["1", "2"]
    assert {one["reason"] for one in rare["folds"]} <= {"too_few", "no_positive", "not_increasing"}
    assert all(one["positives"] < 20 for one in rare["folds"])
    assert all(one["calibration"]["Rare"]["method"] == rare["method"] for one in facts["folds"]["each"])
    predictions, _ = read_predictions(folds)
    rows = predictions[predictions["finding"] == "Rare"]
    means = rows.groupby("fold")["probability"].mean()
    assert means.max() < 3 * means.min()


@pytest.mark.slow
def test_r_evaluates_each_finding_of_a_run_of_folds(folds: Path, many: Path, r: str) -> None:
    summary = evaluate(folds)
    predictions, _ = read_predictions(folds)
    for finding in FINDINGS:
        rows = predictions[(predictions["finding"] == finding) & predictions["truth"].notna()]
        one, folds_of = summary["headline"][finding], [part for _, part in rows.groupby("fold")]
        aurocs = [roc_auc_score(part["truth"].astype(int), part["probability"]) for part in folds_of]
        within = np.average(aurocs, weights=[part["truth"].sum() for part in folds_of])
        assert one["n_images"] == len(rows) and one["n_positive"] == rows["truth"].sum()
        assert one["auroc"] == pytest.approx(within, abs=1e-9)
    assert summary["folds"] == 2
    assert len(headline(summary)) == 3
    assert set(read_thresholds(folds)["finding"]) == set(FINDINGS)


def test_r_loads_the_ensemble_and_gives_the_predictions_of_python(
    folds: Path, many: Path, r: str, tmp_path: Path
) -> None:
    images = read_manifest(many)["path"].tolist()[:5]
    script = """
    model <- placa::load_model(commandArgs(TRUE)[[1]])
    predicted <- predict(model, commandArgs(TRUE)[-(1:2)], type = 'long', paths = TRUE)
    write.csv(predicted, commandArgs(TRUE)[[2]], row.names = FALSE)
    print(model)
    """
    (tmp_path / "script.R").write_text(script)
    has = [r, "--no-echo", "-e", "quit(status = !requireNamespace('processx', quietly = TRUE))"]
    if subprocess.run(has, check=False).returncode:
        pytest.skip("R has no processx, so it cannot call Python")
    command = [r, "--no-echo", "--no-save", "-f", tmp_path / "script.R", "--args", folds, tmp_path / "out.csv", *images]
    environment = {**os.environ, "PLACA_PYTHON": sys.executable}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    ours, _ = Predictor(folds).predict(images)
    theirs = pd.read_csv(tmp_path / "out.csv").merge(ours, on=["path", "finding"])
    assert len(theirs) == 15
    assert theirs["probability_x"].to_numpy() == pytest.approx(theirs["probability_y"].to_numpy(), abs=1e-6)
    assert (theirs["class_x"] == theirs["class_y"]).all()


@pytest.mark.slow
def test_a_finding_without_positives_in_validation_gives_a_warning(many: Path, tmp_path: Path, r: str) -> None:
    """No patient of the validation split has the rare finding."""
    recorded = RecordedProgress()

    facts = train(many, tmp_path / "run", TrainOptions(epochs=1, batch_size=16), progress=recorded)
    assert any("Rare" in text for text in recorded.warned)
    rare, opacity = (facts["calibration"]["findings"][name] for name in ("Rare", "Opacity"))
    assert rare == {
        "method": "none",
        "slope": 1.0,
        "intercept": 0.0,
        "chosen": False,
        "reason": "no_positive",
    }
    assert opacity["reason"] in (None, "not_increasing")
    stored = json.loads((tmp_path / "run" / "thresholds.json").read_text())["findings"]
    assert stored["Rare"]["chosen"] is False and set(stored["Rare"]["points"].values()) == {0.5}
    assert stored["Opacity"]["chosen"] is True
    predictions, _ = read_predictions(tmp_path / "run")
    rows = predictions[predictions["finding"] == "Rare"]
    assert rows["probability"].to_numpy() == pytest.approx(rows["score"].to_numpy(), abs=1e-6)
    code = f"m <- placa::load_model('{tmp_path / 'run'}'); cat(format(m), sep = '\\n'); cat(m$thresholds$chosen)"
    output = subprocess.run([r, "--no-echo", "-e", code], capture_output=True, text=True, check=True).stdout
    assert output.split()[-9:] == ["TRUE"] * 6 + ["FALSE"] * 3
