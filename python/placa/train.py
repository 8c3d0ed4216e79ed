"""From a prepared data set to a run: train, recalibrate, choose thresholds, predict; whole or not at all."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import placa
from placa import fit
from placa.augment import Augmentation
from placa.backend import accelerator, load_keras
from placa.batches import training_batches
from placa.calibrate import DEFAULT_POINT, Recalibration, choose_thresholds, fit_recalibration
from placa.errors import PlacaError
from placa.files import fingerprint, read_json, require_writable, whole_directory, write_json
from placa.manifest import SPLITS, findings_of
from placa.models import build, save_model, with_mirror, with_probabilities
from placa.predict import answer, in_batches, pool
from placa.predictions import tidy, write_predictions
from placa.prepared import read_prepared
from placa.progress import SILENT, Progress
from placa.reading import collapse
from placa.runs import machine, versions
from placa.splits import assert_disjoint


@dataclass(frozen=True)
class TrainOptions:
    """How a network is trained; the defaults suit `small` on 2 cores.

    Attributes:
        backbone: A name from `placa.models.BACKBONES`.
        seed: Seed of the weights, the order of the images and their augmentation.
        epochs: Most epochs.
        patience: Epochs in a row whose validation AUROC is clearly below the highest, after which training stops.
        batch_size: Images a batch.
        learning_rate: Highest learning rate of AdamW (Loshchilov and Hutter 2019); it rises for `warmup` of the steps
            and falls to nothing along a cosine.
        warmup: Share of the steps, 0 to 1.
        weight_decay: Of AdamW.
        label_smoothing: How far labels are drawn towards one half, 0 to 1.
        augmentation: How far training images are changed.
        mirror: Whether the model's answer is the average over an image and its mirror image; never so where training
            flips no image.
    """

    backbone: str = "small"
    seed: int = 0
    epochs: int = 60
    patience: int = 20
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup: float = 0.1
    weight_decay: float = 1e-3
    label_smoothing: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    mirror: bool = True


def train(
    prepared: Path,
    out: Path,
    options: TrainOptions | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Train on a prepared data set and write a run directory.

    Weights are learnt on the training split; the epoch, the recalibration (Platt 1999) and the thresholds are
    chosen on validation; test is only predicted. Where a file has several squares, as a CT volume has, each is learnt
    with the file's label, and every answer is the file's: pooled over its squares (see `placa.predict.pool`).

    Args:
        prepared: The directory that ``placa prepare`` wrote.
        out: The run directory to make.
        options: How to train.
        overwrite: Whether a run already there is replaced.
        progress: Where to show what goes on.

    Returns:
        The content of ``run.json``.

    Raises:
        PlacaError: `prepared` is not a prepared data set, a patient is in two splits, a class is missing from training
            or validation, `out` is there or cannot be written, or the loss is no longer a number.
    """
    options = options or TrainOptions()
    started = time.perf_counter()
    data = read_prepared(prepared)
    manifest, pixels, source, reading = data.manifest, data.pixels, data.facts, data.reading
    assert_disjoint(manifest)
    findings = findings_of(manifest)
    files = collapse(manifest, reading)
    require_classes(files, findings)
    truth = manifest[findings].to_numpy(dtype="float32", na_value=np.nan)
    with whole_directory(out, overwrite) as partial:
        require_writable(partial)
        network, watched, weights = _learn(manifest, pixels, truth, reading.squares, options, progress)
        if options.mirror and options.augmentation.flip:
            network = with_mirror(network)
        learnt = time.perf_counter()
        held_out = np.flatnonzero(manifest["split"] == "validation")
        logits = pool(_logits(network, pixels[held_out]), reading.squares)
        known = truth[held_out][:: reading.squares]
        recalibrations = [fit_recalibration(logits[:, i], known[:, i]) for i in range(len(findings))]
        model = with_probabilities(network, recalibrations)
        card = {
            "schema_version": 1,
            "placa_version": placa.__version__,
            "findings": findings,
            "positive": source["positive"],
            "comparison": source["comparison"],
            "size": int(pixels.shape[1]),
            "resize": reading.rule,
            "reading": reading.as_dict(),
            "backbone": options.backbone,
        }
        save_model(model, partial / "model.keras", card)
        said = answer(model, in_batches(pixels), reading.squares)
        validation = np.flatnonzero(files["split"] == "validation")
        thresholds = {
            name: {
                "default": DEFAULT_POINT,
                "points": choose_thresholds(said.probability[validation, i], known[:, i]),
            }
            for i, name in enumerate(findings)
        }
        write_json(
            partial / "thresholds.json",
            {"schema_version": 1, "chosen_on": "validation", "findings": thresholds},
        )
        model_fingerprint = fingerprint(partial / "model.keras")
        metadata = {name: source[name] for name in ("findings", "positive", "comparison", "label_source")}
        write_predictions(
            tidy(files, findings, said.probability, said.score),
            partial / "predictions.parquet",
            {**metadata, "model_fingerprint": model_fingerprint},
        )
        if (prepared / "labels.parquet").is_file():
            # R evaluates the same predictions against these, wherever the prepared set is by then.
            shutil.copyfile(prepared / "labels.parquet", partial / "labels.parquet")
        pd.DataFrame(watched.history).to_csv(partial / "history.csv", index=False)
        best = watched.history[watched.best_epoch - 1]
        facts = {
            "schema_version": 1,
            "placa_version": placa.__version__,
            "name": out.absolute().name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "data": {**_describe_data(prepared, files, findings, source), "reading": reading.as_dict()},
            "training": {
                **asdict(options),
                "epochs_run": len(watched.history),
                "best_epoch": watched.best_epoch,
                "best_validation_auroc": best["validation_auroc"],
                "class_weights": {
                    name: {"negative": float(weights[0, i]), "positive": float(weights[1, i])}
                    for i, name in enumerate(findings)
                },
                "parameters": int(network.count_params()),
                "seconds": round(learnt - started, 1),
            },
            "calibration": {"method": "platt", **_by_name(findings, recalibrations)},
            "model": {"file": "model.keras", "fingerprint": model_fingerprint},
            "timings": {
                "train": round(learnt - started, 1),
                "predict": round(time.perf_counter() - learnt, 1),
            },
            "versions": versions(
                "placa", "keras", "tensorflow", "numpy", "pandas", "pillow", "pyarrow", "scikit-learn"
            ),
            "machine": {**machine(), "gpu": accelerator(), "backend": load_keras().backend.backend()},
        }
        write_json(partial / "run.json", facts)
    progress.say(
        f"best epoch {watched.best_epoch} of {len(watched.history)}, validation AUROC {watched.best_auroc:.3f}"
    )
    return facts


def require_classes(manifest: pd.DataFrame, findings: list[str]) -> None:
    """Refuse data in which training or validation lacks a class, before any work is done.

    Raises:
        PlacaError: One does; the message names split and finding.
    """
    for split in ("train", "validation"):
        rows = manifest[manifest["split"] == split]
        for finding in findings:
            counts = {value: int((rows[finding] == value).sum()) for value in (0, 1)}
            if not all(counts.values()):
                lacks = f"with {finding}" if not counts[1] else f"without {finding}"
                raise PlacaError(
                    f"The {split} split has no image {lacks} ({len(rows)} images in all), and both kinds are needed: "
                    "prepare more images, or another --seed."
                )


def _learn(
    manifest: pd.DataFrame,
    pixels: NDArray[np.uint8],
    truth: NDArray[np.float32],
    squares: int,
    options: TrainOptions,
    progress: Progress,
) -> tuple[Any, fit.Watched, NDArray[np.float32]]:
    keras = load_keras()
    keras.utils.set_random_seed(options.seed)
    rows, held_out = (np.flatnonzero(manifest["split"] == name) for name in ("train", "validation"))
    weights = fit.class_weights(truth[rows])
    network = build(options.backbone, int(pixels.shape[1]), truth.shape[1])
    batches = training_batches(pixels, rows, truth[rows], options.batch_size, options.augmentation, options.seed)
    steps = len(batches) * options.epochs
    warmup = max(1, round(options.warmup * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=options.learning_rate / 100,
        warmup_target=options.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, steps - warmup),
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=options.weight_decay)
    network.compile(optimizer, loss=fit.weighted_loss(weights, options.label_smoothing))
    watched = fit.Watched()
    validation_pixels = np.asarray(pixels[held_out])
    with progress.bar("training", options.epochs) as advance:
        watch = fit.watcher(
            watched,
            lambda: pool(_logits(network, validation_pixels), squares),
            truth[held_out][::squares],
            weights,
            options.patience,
            advance,
        )
        network.fit(batches, epochs=options.epochs, verbose=0, shuffle=False, callbacks=[watch])
    # A network that was never compiled: the loss is of no use to the model file, and Keras could not load it.
    kept = build(options.backbone, int(pixels.shape[1]), truth.shape[1])
    kept.set_weights(watched.best_weights)
    return kept, watched, weights


def _logits(network: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    each = [np.asarray(network.predict_on_batch(batch[..., None])) for batch in in_batches(pixels)]
    return np.concatenate(each).astype(np.float64)


def _by_name(findings: list[str], recalibrations: list[Recalibration]) -> dict[str, dict[str, float]]:
    return {name: one.as_dict() for name, one in zip(findings, recalibrations, strict=True)}


def _describe_data(
    prepared: Path, manifest: pd.DataFrame, findings: list[str], source: dict[str, Any]
) -> dict[str, Any]:
    splits = {name: manifest[manifest["split"] == name] for name in SPLITS}
    kept = (
        "kind",
        "fingerprint",
        "label_source",
        "findings",
        "positive",
        "comparison",
        "image_size",
        "resize",
    )
    return {
        "prepared": str(prepared),
        **{name: source[name] for name in kept},
        "images": {name: len(rows) for name, rows in splits.items()},
        "patients": {name: int(rows["group_id"].nunique()) for name, rows in splits.items()},
        "positives": {
            finding: {name: int((rows[finding] == 1).sum()) for name, rows in splits.items()} for finding in findings
        },
        **{name: source[name] for name in ("rows", "found", "rejected", "missing", "unused", "split_method", "notes")},
        "source_options": source["options"],
        "audit": read_json(prepared / "audit.json"),
    }
