"""From a network that has learnt to what a run answers: recalibrated, with thresholds, both from validation alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.calibrate import DEFAULT_POINT, Recalibration, choose_thresholds, fit_recalibration
from placa.models.assembled import with_probabilities
from placa.predict import Answers, answer, in_batches, pool
from placa.train.data import TrainingData
from placa.train.fitting import logits_of


@dataclass(frozen=True)
class Finished:
    """A model with everything that was chosen on validation.

    Attributes:
        model: From uint8 pixels ``(n, size, size, 1)`` to ``score`` and ``probability``.
        calibration: What ``run.json`` says of the recalibration.
        thresholds: For each finding the default operating point and the thresholds of all.
        said: What the model says of every file of the data set, in order.
    """

    model: Any
    calibration: dict[str, Any]
    thresholds: dict[str, dict[str, Any]]
    said: Answers


def finish(network: Any, data: TrainingData, held_out: NDArray[np.int64]) -> Finished:
    """Recalibrate a network, choose its thresholds, and let it answer for the whole data set.

    Args:
        network: From uint8 pixels to logits.
        data: The prepared data set.
        held_out: The rows to choose on.
    """
    squares = data.reading.squares
    logits = pool(logits_of(network, data.pixels[held_out]), squares)
    known = data.truth[held_out][::squares]
    recalibrations = [fit_recalibration(logits[:, i], known[:, i]) for i in range(len(data.findings))]
    model = with_probabilities(network, recalibrations)
    said = answer(model, in_batches(data.pixels), squares)
    files = held_out[::squares] // squares
    thresholds = {
        name: {"default": DEFAULT_POINT, "points": choose_thresholds(said.probability[files, i], known[:, i])}
        for i, name in enumerate(data.findings)
    }
    return Finished(model, {"method": "platt", **_by_name(data.findings, recalibrations)}, thresholds, said)


def _by_name(findings: list[str], recalibrations: list[Recalibration]) -> dict[str, dict[str, float]]:
    return {name: one.as_dict() for name, one in zip(findings, recalibrations, strict=True)}
