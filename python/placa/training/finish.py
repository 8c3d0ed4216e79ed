"""From a network that has learnt to what a run answers: recalibrated, with thresholds, both from validation alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.models.assembled import with_mirror, with_probabilities
from placa.models.calibration import DEFAULT_POINT, Choice, choose_recalibration, choose_thresholds, missing_class
from placa.models.outputs import Answers, answer, in_batches
from placa.records.manifest import SPLITS
from placa.training.data import TrainingData
from placa.training.fitting import pooled_logits
from placa.training.options import TrainOptions


@dataclass(frozen=True)
class Finished:
    """A model with everything that was chosen on validation.

    Attributes:
        model: From uint8 pixels ``(n, size, size, 1)`` to ``score`` and ``probability``.
        calibration: What ``run.json`` says of the recalibration.
        thresholds: For each finding the default operating point and the thresholds of all.
        said: What is said of every file of the data set, in order.
        files: One row a file, with the split in which it was predicted; with folds, with the column ``fold`` too.
        splits: Which of the files were learnt from, chosen on and tested.
        folds: What ``run.json`` says of the folds; None without.
    """

    model: Any
    calibration: dict[str, Any]
    thresholds: dict[str, dict[str, Any]]
    said: Answers
    files: pd.DataFrame
    splits: dict[str, pd.DataFrame]
    folds: dict[str, Any] | None = None


def answering(network: Any, options: TrainOptions) -> Any:
    """The network that answers for one that has learnt: averaged over mirror images, where these were learnt from."""
    return with_mirror(network) if options.mirror and options.changes.flip else network


def finish(network: Any, data: TrainingData, held_out: NDArray[np.int64], method: str = "platt") -> Finished:
    """Recalibrate a network, choose its thresholds, and let it answer for the whole data set.

    Args:
        network: From uint8 pixels to logits.
        data: The prepared data set.
        held_out: The rows to choose on.
        method: The recalibration, by name (see `placa.models.calibration.choose_recalibration`).
    """
    choices = recalibrate(network, data, held_out, method)
    model = with_probabilities(network, [choice.recalibration for choice in choices])
    said = answer(model, in_batches(data.pixels), data.reading)
    chosen_on = data.reading.files_of(held_out)
    return Finished(
        model,
        {"method": method, **{name: one.as_dict() for name, one in zip(data.findings, choices, strict=True)}},
        operating_points(data.findings, said.probability[chosen_on], data.reading.first_rows(data.truth[held_out])),
        said,
        data.files,
        {name: data.files[data.files["split"] == name] for name in SPLITS},
    )


def recalibrate(network: Any, data: TrainingData, held_out: NDArray[np.int64], method: str) -> list[Choice]:
    """Choose the recalibration of each finding.

    Args:
        network: From uint8 pixels to logits.
        data: The prepared data set.
        held_out: The rows to choose on, all squares of a file in a row.
        method: By name.
    """
    logits = pooled_logits(network, data, held_out)
    truth = data.reading.first_rows(data.truth[held_out])
    groups = data.reading.first_rows(data.manifest["group_id"].to_numpy()[held_out])
    return [choose_recalibration(method, logits[:, i], truth[:, i], groups) for i in range(len(data.findings))]


def operating_points(
    findings: Sequence[str], probability: NDArray[np.float64], truth: NDArray[np.float32]
) -> dict[str, dict[str, Any]]:
    """What ``thresholds.json`` says of each finding.

    Args:
        findings: Names, in the order of the columns.
        probability: Of validation images, 0 to 1, shape ``(n, findings)``.
        truth: 0, 1, or NaN where unknown, same shape.

    Returns:
        By finding, ``default``, ``points`` (a threshold by name), and ``chosen``: False where the images lack a class,
        for the ``reason`` given, and all thresholds are 0.5.
    """
    points: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(findings):
        reason = missing_class(truth[:, i])
        points[name] = {
            "default": DEFAULT_POINT,
            "points": choose_thresholds(probability[:, i], truth[:, i]),
            "chosen": reason is None,
            **({} if reason is None else {"reason": reason}),
        }
    return points
