"""Write a run directory: model, thresholds, predictions, and the facts for a methods section."""

from __future__ import annotations

import platform
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from msgspec import convert

import placa
from placa.core.backend import accelerator, load_keras
from placa.core.files import fingerprint
from placa.core.places import public_path
from placa.core.system import cores, decoder_versions, versions
from placa.inference.loaded_run import LoadedRun
from placa.models.files import save_model
from placa.models.onnx_file import save_onnx
from placa.records.audit import Audit
from placa.records.files import read_record, write_record
from placa.records.model import MODEL_SCHEMA, THRESHOLDS_SCHEMA, ModelFacts, Thresholds
from placa.records.predictions import add_typicality, describe_predictions, tidy, write_predictions
from placa.records.run import fingerprints_of_run
from placa.records.run_facts import (
    RUN_SCHEMA,
    DataFacts,
    FoundationFacts,
    MissingOnnxReason,
    ModelFile,
    OnnxFacts,
    RunFacts,
    TrainingFacts,
    UpdateFacts,
)
from placa.records.source import DatasetFacts
from placa.reporting.model_card import write_model_card
from placa.training.data import TrainingData
from placa.training.finish import CalibratedModel
from placa.training.fitting import Fitted
from placa.training.options import TrainOptions
from placa.training.own_parts import describe


def write_run(
    directory: Path,
    name: str,
    data: TrainingData,
    fitted: Fitted,
    calibrated: CalibratedModel,
    options: TrainOptions,
    timings: dict[str, float],
    processes: int,
    plan: str,
    foundation: FoundationFacts | None = None,
) -> RunFacts:
    """Write the files of a run.

    Args:
        directory: Temporary directory, renamed when complete.
        name: Final name of the run.
        data: Training data.
        fitted: Trained network with its history.
        calibrated: Recalibrated model with its predictions.
        options: Training options.
        timings: Seconds by stage.
        processes: Number of processes that trained.
        plan: Digest by which a later ``--resume`` recognises that the run is complete.
        foundation: The foundation model, if the backbone is one.

    Returns:
        The content of ``run.json``.
    """
    card = _card(data, options, calibrated)
    save_model(calibrated.model, directory / "model.keras", card)
    thresholds: Thresholds = {
        "schema_version": THRESHOLDS_SCHEMA,
        "chosen_on": "validation",
        "findings": calibrated.thresholds,
    }
    write_record(directory / "thresholds.json", thresholds, Thresholds)
    model_fingerprint = fingerprint(directory / "model.keras")
    if calibrated.onnx.content:
        save_onnx(calibrated.onnx, directory / "model.onnx", model_fingerprint)
    predictions = tidy(
        calibrated.files, data.findings, calibrated.predictions.probability, calibrated.predictions.score
    )
    add_typicality(predictions, calibrated.predictions.distance, card)
    if "fold" in calibrated.files:
        predictions["fold"] = calibrated.files["fold"].repeat(len(data.findings)).to_numpy()
    write_predictions(
        predictions,
        directory / "predictions.parquet",
        describe_predictions(data.facts, data.facts["label_source"], model_fingerprint),
    )
    if (data.directory / "labels.parquet").is_file():
        # R also evaluates the predictions against these labels, without the prepared data set.
        shutil.copyfile(data.directory / "labels.parquet", directory / "labels.parquet")
    pd.DataFrame(fitted.monitor.history).to_csv(directory / "history.csv", index=False)
    facts: RunFacts = {
        "schema_version": RUN_SCHEMA,
        "placa_version": placa.__version__,
        "name": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": _describe_data(data, calibrated),
        "training": _describe_training(data, fitted, calibrated, options),
        "calibration": calibrated.calibration,
        "folds": calibrated.folds,
        "model": _describe_model(directory, model_fingerprint, calibrated.onnx.reason),
        "timings": {stage: round(seconds, 1) for stage, seconds in timings.items()},
        "versions": versions(),
        "machine": {
            "platform": platform.platform(),
            "cores": cores(),
            "processor": platform.machine(),
            "gpu": accelerator(),
            "backend": load_keras().backend.backend(),
            "processes": processes,
        },
        "plan": plan,
        "files": fingerprints_of_run(directory),
    }
    if data.embeddings is not None:
        facts["embeddings"] = data.embeddings.facts
    if foundation is not None:
        facts["foundation"] = foundation
    write_record(directory / "run.json", facts, RunFacts)
    write_model_card(directory, facts)
    return facts


def write_updated_run(
    directory: Path,
    name: str,
    old: LoadedRun,
    update: UpdateFacts,
    known: pd.DataFrame,
    local: pd.DataFrame,
    seconds: float,
) -> RunFacts:
    """Write ``run.json`` and the model card of an updated run, whose other files exist.

    Args:
        directory: Temporary directory, renamed when complete.
        name: Final name of the run.
        old: The run that was updated.
        update: How it was updated.
        known: The predictions of its images.
        local: Those of the local images.
        seconds: Duration of the update.

    Returns:
        The content of ``run.json``.
    """
    counts = {"train": known, "validation": known.iloc[:0], "test": local}
    described = {
        "images": {split: int(rows["image_id"].nunique()) for split, rows in counts.items()},
        "patients": {split: int(rows["group_id"].nunique()) for split, rows in counts.items()},
        "positives": {
            finding: {
                split: int(((rows["finding"] == finding) & (rows["truth"] == 1)).sum())
                for split, rows in counts.items()
            }
            for finding in old.findings
        },
    }
    stored = old.facts["model"].get("onnx")
    reason = (stored and stored["reason"]) or "export"
    changed = {
        "placa_version": placa.__version__,
        "name": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {**old.facts["data"], **described},
        "folds": None,
        "model": _describe_model(directory, fingerprint(directory / "model.keras"), reason),
        "timings": {"update": round(seconds, 1)},
        "versions": versions(),
        "files": fingerprints_of_run(directory),
        "update": update,
    }
    kept = {key: value for key, value in old.facts.items() if key != "plan"}
    facts = convert({**kept, **changed}, RunFacts)
    write_record(directory / "run.json", facts, RunFacts)
    write_model_card(directory, facts)
    return facts


def _describe_model(directory: Path, model_fingerprint: str, reason: MissingOnnxReason | None) -> ModelFile:
    onnx = directory / "model.onnx"
    facts: OnnxFacts = {"fingerprint": None, "reason": reason}
    if onnx.is_file():
        facts = {"fingerprint": fingerprint(onnx), "reason": None}
    return {"file": "model.keras", "fingerprint": model_fingerprint, "onnx": facts}


def _card(data: TrainingData, options: TrainOptions, calibrated: CalibratedModel) -> ModelFacts:
    card: ModelFacts = {
        "schema_version": MODEL_SCHEMA,
        "placa_version": placa.__version__,
        "findings": data.findings,
        "positive_alone": data.facts["positive_alone"],
        "comparison": data.facts["comparison"],
        "size": data.size,
        "resize": data.reading.rule,
        "reading": data.reading.as_record(),
        "backbone": options.as_record()["backbone"],
        "versions": versions(),
    }
    if data.embeddings is not None:
        facts = data.embeddings.facts
        card["embeddings"] = {"length": facts["length"], "provenance": facts["provenance"]}
    if calibrated.moments:
        # An ensemble averages the distances of its networks.
        card["typicality"] = {
            "images": min(one.images for one in calibrated.moments),
            "limit": max(one.limit for one in calibrated.moments),
            "quantiles": np.mean([one.quantiles for one in calibrated.moments], axis=0).round(4).tolist(),
        }
    return card


def _describe_training(
    data: TrainingData, fitted: Fitted, calibrated: CalibratedModel, options: TrainOptions
) -> TrainingFacts:
    monitor, weights = fitted.monitor, fitted.weights
    results = {
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
    own = [*options.own.values(), *(describe("callback", one) for one in options.callbacks)]
    return convert({**options.as_record(), **({"own": own} if own else {}), **results}, TrainingFacts)


def _describe_data(data: TrainingData, calibrated: CalibratedModel) -> DataFacts:
    splits = calibrated.splits
    shared = {name: value for name, value in data.facts.items() if name in DatasetFacts.__annotations__}
    facts = {
        **shared,
        "prepared": public_path(data.directory),
        "images": {name: len(rows) for name, rows in splits.items()},
        "patients": {name: int(rows["group_id"].nunique()) for name, rows in splits.items()},
        "positives": {
            finding: {name: int((rows[finding] == 1).sum()) for name, rows in splits.items()}
            for finding in data.findings
        },
        "source_options": data.facts["options"],
        "audit": read_record(data.directory / "audit.json", Audit),
        "decoders": {
            name: data.facts["versions"][name] for name in decoder_versions() if name in data.facts["versions"]
        },
    }
    return convert(facts, DataFacts)
