"""Training on very small or degenerate data works, or is a one-line error."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import RecordedProgress
from raising import raises

from placa.core.backend import load_keras
from placa.core.progress import SILENT
from placa.training import fitting
from placa.training.batches import training_batches
from placa.training.data import TrainingData, read_training_data, require_both_classes, require_classes
from placa.training.errors import DivergedError, MissingClassError
from placa.training.fitting import Fitted, fit_network, pooled_logits
from placa.training.monitor import Validator
from placa.training.options import TrainOptions


@pytest.fixture(scope="module")
def data(prepared: Path) -> TrainingData:
    return read_training_data(prepared)


def fit(data: TrainingData, options: TrainOptions, rows: np.ndarray | None = None) -> Fitted:
    learnt = data.rows("train") if rows is None else rows
    return fit_network(data, learnt, data.rows("validation"), options, SILENT)


@pytest.mark.parametrize("value", [np.nan, pytest.param(np.inf, marks=pytest.mark.slow)])
def test_a_loss_that_is_not_finite_is_an_error_with_its_step(
    data: TrainingData, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    """One training image has an invalid label, which makes the loss of its batch not finite."""
    ops, plain = load_keras().ops, fitting.weighted_loss
    options, rows = TrainOptions(epochs=1, head_epochs=1, batch_size=16), data.rows("train")
    truth = data.truth.copy()
    truth[rows[0]] = 7.0
    batches = training_batches(data.pixels, rows, truth[rows], 16, options.changes, options.seed)
    first = next(number for number in range(len(batches)) if (batches[number][1] == 7).any())

    def loss(*arguments):
        real = plain(*arguments)
        return lambda truth, logits: ops.where(ops.any(truth > 6), value, real(truth, logits))

    monkeypatch.setattr(fitting, "weighted_loss", loss)
    with raises(DivergedError, quantity="loss", epoch=1, step=first + 1):
        fit(replace(data, truth=truth), options)


def test_fewer_images_than_a_batch_can_be_trained(data: TrainingData) -> None:
    of_both = np.array([data.rows("train")[data.truth[data.rows("train"), 0] == value][0] for value in (0, 1)])
    fitted = fit(data, TrainOptions(epochs=1, head_epochs=1, batch_size=8), of_both)
    assert np.isfinite(fitted.monitor.history[0]["loss"])
    assert all(np.isfinite(weight).all() for weight in fitted.network.get_weights())


def test_a_single_image_is_an_error(data: TrainingData) -> None:
    one = data.rows("train")[:1]
    missing = "negative" if data.truth[one[0], 0] == 1 else "positive"
    with raises(MissingClassError, split="train", images=1, missing=missing, finding="Opacity"):
        fit(data, TrainOptions(epochs=1), one)


def _splits(**findings: dict[str, list[int | None]]) -> tuple[pd.DataFrame, list[str]]:
    """Return a manifest of two findings with the given labels per split."""
    rows = [
        {"split": split, **dict(zip(findings, values, strict=True))}
        for split in ("train", "validation")
        for values in zip(*(labels[split] for labels in findings.values()), strict=True)
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys(findings, "Int8")), list(findings)


BOTH = {"train": [0, 1, 1], "validation": [0, 1, None]}


def test_a_finding_must_be_in_training_but_not_in_validation() -> None:
    require_classes(*_splits(Mass=BOTH, Hernia={"train": [0, 0, 1], "validation": [0, 0, None]}))
    with raises(MissingClassError, split="train", missing="positive", finding="Hernia", images=3, findings=["Hernia"]):
        require_classes(*_splits(Mass=BOTH, Hernia={"train": [0, None, 0], "validation": [0, 1, 1]}))
    with raises(MissingClassError, split="validation", missing="negative", finding="Mass", findings=["Mass", "Hernia"]):
        require_classes(*_splits(Mass={**BOTH, "validation": [1, 1, 1]}, Hernia={**BOTH, "validation": [0, 0, 0]}))


def test_findings_without_validation_positives_are_reported_and_excluded() -> None:
    learnt = np.array([[0, 0], [1, 1]], np.float32)
    judged = np.array([[0, 0], [1, 0], [1, np.nan], [0, 0]], np.float32)
    recorded = RecordedProgress()
    require_both_classes(learnt, judged, ["Mass", "Hernia"], recorded)
    assert len(recorded.warned) == 1 and "Hernia" in recorded.warned[0] and "Mass" not in recorded.warned[0]
    with raises(MissingClassError, split="validation", images=4, missing="positive", finding="Hernia"):
        require_both_classes(learnt[:, 1:], judged[:, 1:], ["Hernia"], SILENT)
    judge = Validator(judged, np.ones((2, 2), np.float32))
    logits = np.array([[-1, 5], [1, -5], [2, 5], [-2, 0]], float)
    assert judge.row(logits)["validation_auroc"] == 1
    # Two images of each class, not the four without a hernia.
    assert judge.error(0.75) == Validator(judged[:, :1], np.ones((2, 1), np.float32)).error(0.75)


def test_pixels_are_read_in_batches(data: TrainingData) -> None:
    class Map:
        """Like a memory map that is larger than the memory."""

        most = 0

        def __getitem__(self, rows: np.ndarray) -> np.ndarray:
            self.most = max(self.most, len(rows))
            return data.pixels[rows]

        shape = data.pixels.shape

    class Network:
        output_shape = (None, 1)
        output = np.empty((0, 1))

        def count_params(self) -> int:
            return 1

        def predict_on_batch(self, pixels: np.ndarray) -> np.ndarray:
            return pixels.mean(axis=(1, 2), dtype=np.float32)

    pixels, rows = Map(), np.arange(len(data.pixels))[::-1]
    logits = pooled_logits(Network(), replace(data, pixels=pixels), rows)
    assert pixels.most <= 64 < len(rows)
    assert np.allclose(logits[:, 0], np.asarray(data.pixels).mean(axis=(1, 2))[::-1], rtol=1e-5)
