"""The AUROC of `small` on real radiographs, in folds. Takes minutes and runs with ``make test-slow``."""

import argparse
from pathlib import Path

import pytest
from sklearn.metrics import roc_auc_score

from placa.records.manifest import read_manifest
from placa.records.predictions import read_predictions
from placa.sources.nih import read_nih
from placa.training.arguments import add_arguments, from_options
from placa.workflows.prepare import prepare
from placa.workflows.train import train


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_five_patient_wise_folds_reach_the_documented_auroc(
    shared_data: Path, tmp_path: Path, seed: int, capsys
) -> None:
    """Pneumonia against No Finding, 683 images of 256 pixels, default options except for the folds.

    A simple CNN of four blocks at 96 pixels has an AUROC of 0.921, and HOG with logistic regression 0.867. The limit is
    below the observed values (0.946 or more), because rounding differs between machines and seeds differ by 0.002.
    """
    prepare(read_nih(shared_data / "nih-256", "Pneumonia"), tmp_path / "set", size=256)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    typed = ["--folds", "5", "--seed", str(seed)]
    train(tmp_path / "set", tmp_path / "run", from_options(parser.parse_args(typed)))
    predictions, _ = read_predictions(tmp_path / "run")
    assert sorted(predictions["image_id"]) == sorted(read_manifest(tmp_path / "set")["image_id"])
    assert predictions.groupby("patient_id")["fold"].nunique().max() == 1
    auroc = roc_auc_score(predictions["truth"].astype(int), predictions["score"])
    with capsys.disabled():
        print(f"\nseed {seed}: AUROC {auroc:.4f} on {len(predictions)} images, five folds pooled")
    assert auroc > 0.935
