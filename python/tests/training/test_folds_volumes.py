"""Folds of volumes: the rows of a volume are in one fold and are pooled to one prediction."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from placa.core.progress import SILENT
from placa.models.assembled import outputs_of, split_at_logits
from placa.models.calibration import sigmoid
from placa.models.networks import build
from placa.models.outputs import in_batches, predict_pixels
from placa.records.reading import slabs
from placa.training.data import read_training_data
from placa.training.fitting import Fitted
from placa.training.folds import train_folds
from placa.training.monitor import Monitor
from placa.training.options import TrainOptions

SQUARES = 3


@pytest.mark.slow
def test_volumes_are_not_divided_and_pooled_before_recalibration(prepared: Path, monkeypatch) -> None:
    data = read_training_data(prepared)
    files = data.files.iloc[: len(data.files) // SQUARES].reset_index(drop=True)
    rows = len(files) * SQUARES
    data = replace(
        data,
        reading=slabs(SQUARES),
        files=files,
        manifest=files.loc[files.index.repeat(SQUARES)].reset_index(drop=True),
        pixels=data.pixels[:rows],
        truth=data.truth[: len(files)].repeat(SQUARES, axis=0),
    )
    asked = []

    def fit(data, learn, judge, options, *_) -> Fitted:
        """Return the initial network: only the rows used for training are tested here, not the weights."""
        asked.append((learn, judge))
        network = build("small", data.size, 1)
        return Fitted(network, Monitor([{"epoch": 1, "validation_auroc": 0.5}], 1, 0.5), np.ones((2, 1)), 0.0)

    monkeypatch.setattr("placa.training.folds.fit_network", fit)
    _, finished = train_folds(data, TrainOptions(folds=2, mirror=False), SILENT)
    for learn, judge in asked:
        for part in (learn, judge):
            blocks = part.reshape(-1, SQUARES)
            assert (blocks[:, 0] % SQUARES == 0).all() and (np.diff(blocks, axis=1) == 1).all()
        assert not set(learn) & set(judge)
    network, _ = split_at_logits(finished.model)
    logits = np.concatenate(
        [outputs_of(network.predict_on_batch(some[..., None]))[0] for some in in_batches(data.pixels)]
    )
    pooled = logits.reshape(len(files), SQUARES, 2).mean(axis=1)
    own = pooled[np.arange(len(files)), finished.files["fold"].astype(int) - 1]
    assert finished.predictions.score[:, 0] == pytest.approx(sigmoid(own), abs=1e-5)
    together = predict_pixels(finished.model, in_batches(data.pixels), data.reading)
    assert together.score[:, 0] == pytest.approx(sigmoid(pooled.mean(axis=1)), abs=1e-5)
