"""From a prepared data set to a run: train, recalibrate, choose thresholds, predict; whole or not at all."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from placa.files import require_writable, whole_directory
from placa.models.assembled import with_mirror
from placa.progress import SILENT, Progress
from placa.train.data import read_training_data
from placa.train.finish import finish
from placa.train.fitting import fit_network
from placa.train.options import TrainOptions
from placa.train.run_directory import write_run

__all__ = ["TrainOptions", "train"]


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
    data = read_training_data(prepared)
    with whole_directory(out, overwrite) as partial:
        require_writable(partial)
        held_out = data.rows("validation")
        fitted = fit_network(data, data.rows("train"), held_out, options, progress)
        mirrored = options.mirror and options.augmentation.flip
        network = with_mirror(fitted.network) if mirrored else fitted.network
        learnt = time.perf_counter()
        finished = finish(network, data, held_out)
        timings = {"train": learnt - started, "predict": time.perf_counter() - learnt}
        facts = write_run(partial, out.absolute().name, data, fitted, finished, options, timings)
    watched = fitted.watched
    progress.say(
        f"best epoch {watched.best_epoch} of {len(watched.history)}, validation AUROC {watched.best_auroc:.3f}"
    )
    return facts
