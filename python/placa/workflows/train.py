"""From a prepared data set to a run: train, recalibrate, choose thresholds, predict; whole or not at all."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from placa.core.files import require_writable, whole_directory, write_json
from placa.core.progress import SILENT, Progress
from placa.training.batches import ALONE, Share
from placa.training.checkpoint import Checkpoint
from placa.training.data import TrainingData, read_training_data
from placa.training.distributed import Job, Team, train_together
from placa.training.distributed.agreement import hear_where_it_begins, say_where_it_begins
from placa.training.finish import Finished, answering, finish
from placa.training.fitting import Fitted, fit_network
from placa.training.folds import train_folds
from placa.training.options import TrainOptions
from placa.training.resume import plan_digest, plan_of, state_of, underway
from placa.workflows.run_directory import write_run


def train(
    prepared: Path,
    out: Path,
    options: TrainOptions | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
    resume: bool = False,
    checkpoint_every: float = 20.0,
    team: Team | None = None,
) -> dict[str, Any]:
    """Train on a prepared data set and write a run directory.

    Weights are learnt on the training split; the epoch, the recalibration (Platt 1999) and the thresholds are
    chosen on validation; test is only predicted. Where a file has several squares, as a CT volume has, each is learnt
    with the file's label, and every answer is the file's: pooled over its squares (see `placa.models.outputs.pool`).

    Args:
        prepared: The directory that ``placa prepare`` wrote.
        out: The run directory to make.
        options: How to train.
        overwrite: Whether a run already there is replaced.
        progress: Where to show what goes on.
        resume: Whether to go on with a training of this run that was broken off; it ends with the same weights to the
            bit as if it had not been. Where none was, it begins at the beginning.
        checkpoint_every: Seconds from one saved state to the next in the midst of training, at least; a state is saved
            at the end of each phase too. They lie in ``.NAME.training`` beside the run until it is whole.
        team: The processes that train together, this one among them (see `placa.training.distributed.find_team`); by
            default this process trains alone, on all devices of the machine.

    Returns:
        The content of ``run.json``.

    Raises:
        PlacaError: `prepared` is not a prepared data set, a patient is in two splits, a class is missing from training
            or validation, `out` is there or cannot be written, the loss is no longer a number, or a training was
            broken off here and is not to be resumed, or was another one; or a process of the team did not come, means
            another training, or has ended.
    """
    options = options or TrainOptions()
    if team is not None:
        return train_together(Job(prepared, out, options, overwrite, resume, checkpoint_every), team, progress)
    facts = train_share(prepared, out, options, overwrite, progress, resume, ALONE, checkpoint_every)
    assert facts is not None
    return facts


def train_share(
    prepared: Path,
    out: Path,
    options: TrainOptions,
    overwrite: bool,
    progress: Progress,
    resume: bool,
    share: Share,
    checkpoint_every: float = 20.0,
) -> dict[str, Any] | None:
    """Do one process's share of `train`: the first writes states and the run, the others only read states.

    Args:
        prepared: As `train` takes it, like all that follow.
        out: The same place for all processes, on a disk that all of them see.
        options: How to train.
        overwrite: Whether a run already there is replaced.
        progress: Where to show what goes on.
        resume: Whether to go on.
        share: Which part of each batch this process makes.
        checkpoint_every: Seconds from one saved state to the next.

    Returns:
        The content of ``run.json``; None for all processes but the first.

    Raises:
        PlacaError: As `train` does.
    """
    data = read_training_data(prepared, by_splits=not options.folds)
    options = options.suited(data.size)
    if share.process:
        if hear_where_it_begins(share, state_of(out)):
            _learn_along(data, options, progress, Checkpoint(state_of(out), writes=False), share)
        return None
    with underway(out, data, options, overwrite, resume, progress, checkpoint_every) as begun:
        say_where_it_begins(share, begun.checkpoint.directory, begun.whole is not None)
        if begun.whole:
            return begun.whole
        with whole_directory(out, begun.overwrite) as partial:
            require_writable(partial)
            began = time.perf_counter()
            fitted, finished = _learn(data, options, progress, begun.checkpoint, share)
            learnt = fitted.seconds - fitted.earlier
            timings = {"train": fitted.seconds, "predict": max(0.0, time.perf_counter() - began - learnt)}
            facts = write_run(partial, out.absolute().name, data, fitted, finished, options, timings)
            facts["machine"]["processes"] = share.processes
            # By this a later --resume knows that nothing is left to do.
            facts["plan"] = plan_digest(plan_of(data, options))
            write_json(partial / "run.json", facts)
    watched, epochs = fitted.watched, facts["training"]["epochs_run"]
    each = f"{options.folds} folds: median " if options.folds else ""
    progress.say(f"{each}best epoch {watched.best_epoch} of {epochs}, validation AUROC {watched.best_auroc:.3f}")
    return facts


def _learn_along(
    data: TrainingData, options: TrainOptions, progress: Progress, state: Checkpoint, share: Share
) -> None:
    """What a process does that keeps nothing of it: its part of each batch."""
    if options.folds:
        train_folds(data, options, progress, state, share)
    else:
        part = state.part("network")
        fit_network(data, data.rows("train"), data.rows("validation"), options, progress, part, share)


def _learn(
    data: TrainingData, options: TrainOptions, progress: Progress, state: Checkpoint | None, share: Share
) -> tuple[Fitted, Finished]:
    if options.folds:
        return train_folds(data, options, progress, state, share)
    held_out = data.rows("validation")
    part = state.part("network") if state else None
    fitted = fit_network(data, data.rows("train"), held_out, options, progress, part, share)
    return fitted, finish(answering(fitted.network, options), data, held_out, options.recalibration)
