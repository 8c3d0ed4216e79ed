"""Write a run directory: model, thresholds, predictions, and the facts for a methods section."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

import placa
from placa.core.backend import accelerator, load_keras
from placa.core.files import fingerprint, read_json, write_json
from placa.core.system import machine, versions
from placa.models.files import save_model
from placa.records.predictions import tidy, write_predictions
from placa.reporting.model_card import write_model_card
from placa.training.data import TrainingData
from placa.training.finish import CalibratedModel
from placa.training.fitting import Fitted
from placa.training.options import TrainOptions


def write_run(
    directory: Path,
    name: str,
    data: TrainingData,
    fitted: Fitted,
    calibrated: CalibratedModel,
    options: TrainOptions,
    timings: dict[str, float],
) -> dict[str, Any]:
    """Write the files of a run.

    Args:
        directory: Temporary directory, renamed when complete.
        name: Final name of the run.
        data: Training data.
        fitted: Trained network with its history.
        calibrated: Recalibrated model with its predictions.
        options: Training options.
        timings: Seconds by stage.

    Returns:
        The content of ``run.json``.
    """
    save_model(calibrated.model, directory / "model.keras", _card(data, options))
    write_json(
        directory / "thresholds.json",
        # With folds: the validation images of all folds.
        {"schema_version": 1, "chosen_on": "validation", "findings": calibrated.thresholds},
    )
    model_fingerprint = fingerprint(directory / "model.keras")
    metadata = {key: data.facts[key] for key in ("findings", "positive", "comparison", "label_source")}
    predictions = tidy(
        calibrated.files, data.findings, calibrated.predictions.probability, calibrated.predictions.score
    )
    if "fold" in calibrated.files:
        predictions["fold"] = calibrated.files["fold"].repeat(len(data.findings)).to_numpy()
    write_predictions(
        predictions,
        directory / "predictions.parquet",
        {**metadata, "model_fingerprint": model_fingerprint},
    )
    if (data.directory / "labels.parquet").is_file():
        # R also evaluates the predictions against these labels, without the prepared data set.
        shutil.copyfile(data.directory / "labels.parquet", directory / "labels.parquet")
    pd.DataFrame(fitted.monitor.history).to_csv(directory / "history.csv", index=False)
    facts = {
        "schema_version": 1,
        "placa_version": placa.__version__,
        "name": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": _describe_data(data, calibrated),
        "training": {**asdict(options), **_describe_training(data, fitted, calibrated)},
        "calibration": calibrated.calibration,
        **({"folds": calibrated.folds} if calibrated.folds else {}),
        "model": {"file": "model.keras", "fingerprint": model_fingerprint},
        "timings": {stage: round(seconds, 1) for stage, seconds in timings.items()},
        "versions": versions(
            "placa", "keras", "tensorflow", "jax", "numpy", "pandas", "pillow", "pyarrow", "scikit-learn"
        ),
        "machine": {**machine(), "gpu": accelerator(), "backend": load_keras().backend.backend()},
    }
    write_json(directory / "run.json", facts)
    write_model_card(directory, facts)
    return facts


def _card(data: TrainingData, options: TrainOptions) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "placa_version": placa.__version__,
        "findings": data.findings,
        "positive": data.facts["positive"],
        "comparison": data.facts["comparison"],
        "size": data.size,
        "resize": data.reading.rule,
        "reading": data.reading.as_dict(),
        "backbone": options.backbone,
    }


def _describe_training(data: TrainingData, fitted: Fitted, calibrated: CalibratedModel) -> dict[str, Any]:
    monitor, weights = fitted.monitor, fitted.weights
    return {
        # With folds: the maximum of the epochs, the median of the best epochs, and the mean of the best AUROCs.
        "epochs_run": int(max(row["epoch"] for row in monitor.history)),
        "best_epoch": monitor.best_epoch,
        "best_validation_auroc": monitor.best_auroc,
        "loss_weights": {
            name: {"negative": float(weights[0, i]), "positive": float(weights[1, i])}
            for i, name in enumerate(data.findings)
        },
        "parameters": int(fitted.network.count_params()) * (calibrated.folds["count"] if calibrated.folds else 1),
        "seconds": round(fitted.seconds, 1),
    }


def _describe_data(data: TrainingData, calibrated: CalibratedModel) -> dict[str, Any]:
    splits = calibrated.splits
    kept = ("kind", "fingerprint", "label_source", "findings", "positive", "comparison", "image_size", "resize")
    counted = ("rows", "found", "rejected", "missing", "unused", "split_method", "notes")
    return {
        "prepared": str(data.directory),
        **{name: data.facts[name] for name in kept},
        "images": {name: len(rows) for name, rows in splits.items()},
        "patients": {name: int(rows["group_id"].nunique()) for name, rows in splits.items()},
        "positives": {
            finding: {name: int((rows[finding] == 1).sum()) for name, rows in splits.items()}
            for finding in data.findings
        },
        **{name: data.facts[name] for name in counted},
        "source_options": data.facts["options"],
        "audit": read_json(data.directory / "audit.json"),
        "reading": data.reading.as_dict(),
    }
