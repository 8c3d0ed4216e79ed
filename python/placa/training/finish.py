"""Recalibrate a trained network and choose its thresholds, on validation images only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.backend import accelerator
from placa.dataset.moments import MOST_IMAGES, Moments, fit_moments
from placa.models.assembled import with_mirror, with_probabilities
from placa.models.calibration import Choice, choose_recalibration, operating_points
from placa.models.onnx_file import OnnxExport, export_onnx
from placa.models.outputs import ModelOutputs, in_batches, predict_pixels
from placa.models.studies import pool_studies
from placa.models.typicality import run_features, with_distance
from placa.records.manifest import SPLITS
from placa.records.model import Calibration, OperatingPoints, RecalibrationFacts
from placa.records.run_facts import Folds
from placa.training.data import TrainingData
from placa.training.fitting import pooled_logits
from placa.training.options import TrainOptions


@dataclass(frozen=True)
class CalibratedModel:
    """A model with its recalibration and thresholds.

    Attributes:
        model: A model from uint8 pixels ``(n, size, size, 1)`` to ``score`` and ``probability``.
        calibration: The recalibration, for ``run.json``.
        thresholds: For each finding the default operating point and all thresholds.
        predictions: Predictions for every file of the data set, in order.
        files: One row per file, with the split of its prediction; with folds also the column ``fold``.
        splits: The files of the training, validation and test splits.
        onnx: The model in the ONNX format.
        moments: The moments of the features of each network; empty if there are too few images.
        folds: The folds, for ``run.json``; None without folds.
    """

    model: Any
    calibration: Calibration
    thresholds: dict[str, OperatingPoints]
    predictions: ModelOutputs
    files: pd.DataFrame
    splits: dict[str, pd.DataFrame]
    onnx: OnnxExport
    moments: list[Moments]
    folds: Folds | None = None


def inference_network(network: Any, options: TrainOptions, moments: Moments | None = None) -> Any:
    """Return the network for inference: with the distance, and averaged over mirror images if training used flips."""
    network = with_distance(network, moments)
    return with_mirror(network) if options.mirror and options.changes.flip else network


def moments_of(network: Any, data: TrainingData, rows: NDArray[np.int64]) -> Moments | None:
    """Compute the moments of a network's features on its training images; None if there are too few.

    Args:
        network: A network from `placa.models.networks.build`.
        data: The prepared data set.
        rows: Its training rows.
    """
    if len(rows) > MOST_IMAGES:
        rows = rows[np.linspace(0, len(rows) - 1, MOST_IMAGES).astype(int)]
    groups = pd.factorize(data.manifest["group_id"].to_numpy()[rows])[0]
    fitted = fit_moments(run_features(network, in_batches(data.inputs, rows)), groups) if len(rows) else None
    return fitted[0] if fitted else None


def finish(
    network: Any,
    data: TrainingData,
    held_out: NDArray[np.int64],
    method: str = "platt",
    unit: str = "image",
    moments: Moments | None = None,
) -> CalibratedModel:
    """Recalibrate a network, choose its thresholds, and predict the complete data set.

    Args:
        network: A network from pixels or embeddings to logits, or also to the distance.
        data: The prepared data set.
        held_out: Validation rows.
        method: Recalibration method (see `placa.models.calibration.choose_recalibration`).
        unit: ``"study"`` if predictions and thresholds are those of studies.
        moments: The moments of the distance.

    Returns:
        The recalibrated model with its predictions.
    """
    choices = recalibrate(network, data, held_out, method)
    model = with_probabilities(network, [choice.recalibration for choice in choices])
    onnx = export_onnx(model, data.inputs, data.reading.squares)
    # Thresholds and stored predictions come from the engine that predicts new images (see `LoadedRun.engine`).
    engine = onnx.model() if onnx.content and accelerator() is None else model
    predictions = predict_pixels(engine, in_batches(data.inputs), data.reading)
    files, validation = data.files, data.reading.files_of(held_out)
    truth = data.reading.first_rows(data.truth)
    if unit == "study":
        files, predictions = pool_studies(files, data.findings, predictions)
        validation = np.flatnonzero(files["split"] == "validation")
        truth = files[data.findings].to_numpy(dtype="float32", na_value=np.nan)
    return CalibratedModel(
        model,
        {"method": method, "findings": recalibrations(data.findings, choices)},
        operating_points(data.findings, predictions.probability[validation], truth[validation]),
        predictions,
        files,
        {name: data.files[data.files["split"] == name] for name in SPLITS},
        onnx,
        [] if moments is None else [moments],
    )


def recalibrate(network: Any, data: TrainingData, held_out: NDArray[np.int64], method: str) -> list[Choice]:
    """Choose the recalibration of each finding.

    Args:
        network: A network from uint8 pixels to logits.
        data: The prepared data set.
        held_out: Validation rows; the squares of a file are consecutive.
        method: Recalibration method.

    Returns:
        One choice per finding.
    """
    logits = pooled_logits(network, data, held_out)
    truth = data.reading.first_rows(data.truth[held_out])
    groups = data.reading.first_rows(data.manifest["group_id"].to_numpy()[held_out])
    return [choose_recalibration(method, logits[:, i], truth[:, i], groups) for i in range(len(data.findings))]


def recalibrations(findings: Sequence[str], choices: Sequence[Choice]) -> dict[str, RecalibrationFacts]:
    """Return the recalibration of each finding, for ``run.json``."""
    return {name: choice.as_record() for name, choice in zip(findings, choices, strict=True)}
