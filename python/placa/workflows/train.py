"""Train a run from a prepared data set, atomically: train, recalibrate, choose thresholds, predict."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from placa.core.errors import OutOfRangeError
from placa.core.files import atomic_directory, require_writable
from placa.core.language import number, translate
from placa.core.progress import Progress, show
from placa.core.system import changed_decoders, memory_bytes
from placa.models.onnx_file import WITHOUT_ONNX
from placa.models.studies import require_studies
from placa.records.audit import Audit
from placa.records.files import read_record
from placa.records.run_facts import RunFacts
from placa.training.batches import ALONE, Share
from placa.training.checkpoint import Checkpoint
from placa.training.data import TrainingData, read_training_data
from placa.training.distributed import Job, ProcessGroup, train_together
from placa.training.distributed.agreement import receive_start, send_start
from placa.training.embedding_options import applicable, suited_to_embeddings
from placa.training.errors import OptionValueError
from placa.training.finish import CalibratedModel, finish, inference_network, moments_of
from placa.training.fitting import Fitted, fit_network
from placa.training.folds import train_folds
from placa.training.foundation_model import describe_foundation, require_foundation
from placa.training.measures import proposed
from placa.training.options import TrainOptions
from placa.training.resume import plan_digest, resumable_training, state_of
from placa.workflows.run_directory import write_run


def train(
    prepared: str | Path,
    out: str | Path,
    options: TrainOptions | None = None,
    overwrite: bool = False,
    progress: Progress | bool = True,
    resume: bool = False,
    checkpoint_every: float = 20.0,
    process_group: ProcessGroup | None = None,
    features: str | Path | Iterable[str | Path] = (),
    provenance: Mapping[str, str] | None = None,
    callbacks: Sequence[Any] = (),
) -> RunFacts:
    """Train on a prepared data set and write a run directory.

    Weights are trained on the training split. The epoch, the recalibration (Platt 1999) and the thresholds are chosen
    on the validation split. The test split is only predicted. The squares of a file, such as a CT volume, are trained
    with the label of the file, and predictions are pooled over its squares (see `placa.models.outputs.pool`).

    Args:
        prepared: A directory from ``placa prepare``.
        out: The run directory to create.
        options: Training options.
        overwrite: Whether to replace an existing run.
        progress: Progress display.
        resume: Whether to continue an interrupted training of this run; the final weights are identical, bit by bit, to
            those of an uninterrupted training. Without an interrupted training, a new one starts.
        checkpoint_every: Minimum seconds between two saved states within a phase; a state is also saved at the end of
            each phase. States are in ``.NAME.training`` beside the run until it is complete.
        process_group: The process group, including this process (see
            `placa.training.distributed.find_process_group`); by default this process trains alone, on all devices of
            the machine.
        features: Parquet files of embeddings, and folders of them: a head is trained on them in place of a network on
            the pixels. Images without an embedding are left out.
        provenance: How the embeddings were made, where their files do not state it (see
            `placa.records.embeddings.Provenance`); or what is known about a foundation model as backbone, such as
            ``pretrained_on``.
        callbacks: Further callbacks of Keras, such as TensorBoard; their logs also contain ``validation_auroc``.

    Returns:
        The content of ``run.json``.

    Raises:
        OptionValueError: With `features`, an option needs pixels, or there are several processes; or these have own
            parts.
        MissingClassError: A class is missing from the training or the validation split.
        DivergedError: The loss or the logits are not finite.
        UnfinishedTrainingError: An interrupted training exists, and `resume` and `overwrite` are False.
        ChangedTrainingError: The interrupted training has other options or data.
        PlacaError: `prepared` is not a prepared data set, a patient is in two splits, `out` exists or cannot be
            written; or a process of the group does not connect, has other settings, or has ended.
    """
    prepared, out, progress = Path(prepared), Path(out), show(progress)
    options = options or TrainOptions()
    options = replace(options, callbacks=(*options.callbacks, *callbacks))
    if process_group is not None and (options.own or options.callbacks):
        raise OptionValueError(
            "Functions, Keras models and callbacks of a script need one process, got --processes. Omit --processes.",
            option="processes",
            value=process_group.processes,
        )
    if process_group is not None and features:
        raise OptionValueError(
            "A head on embeddings trains in one process, got --processes. Omit --processes.",
            option="processes",
            value=process_group.processes,
        )
    job = Job(prepared, out, options, overwrite, resume, checkpoint_every)
    if process_group is not None:
        return train_together(job, process_group, progress)
    facts = train_share(job, progress, ALONE, features, provenance)
    assert facts is not None
    return facts


def _require_memory(batch_size: int, size: int) -> None:
    """Raise `OutOfRangeError` if the pixels of one batch, as 32-bit numbers, are larger than the memory."""
    most = memory_bytes() // (4 * size**2)
    if batch_size > most:
        raise OutOfRangeError(
            f"`batch_size` must be at most {most:,} for images of {size} x {size} pixels on this machine, whose memory "
            f"is {memory_bytes() / 2**30:.0f} GiB, got {batch_size:,}. Pass a smaller --batch-size, such as 32.",
            name="batch_size",
            value=batch_size,
            lower=1,
            upper=most,
        )


def train_share(
    job: Job,
    progress: Progress,
    share: Share,
    features: str | Path | Iterable[str | Path] = (),
    provenance: Mapping[str, str] | None = None,
) -> RunFacts | None:
    """Run `train` in one process of a group: process 0 writes states and the run, the others only read states.

    Args:
        job: The other arguments of `train`; the run directory is the same in all processes, on a disk that they share.
        progress: Progress display.
        share: The part of each batch for this process.
        features: Files of embeddings.
        provenance: Their provenance, where the files do not state it.

    Returns:
        The content of ``run.json`` in process 0; None in the others.

    Raises:
        PlacaError: As for `train`.
    """
    out, options = job.out, job.options
    model = require_foundation(options)
    data = read_training_data(job.prepared, not options.folds, features, provenance, progress)
    changed = changed_decoders(data.facts["versions"])
    if changed and not share.process:
        progress.warn(
            f"the data set was prepared with other decoders ({changed}): images that are read here may have slightly "
            "different pixels"
        )
    options, foundation = _with_measures(data, options, progress), None
    if data.embeddings is not None:
        options = suited_to_embeddings(options, len(data.rows("train")))
    elif options.hidden:
        raise OptionValueError(
            f"`hidden` is for a head on embeddings, got {options.hidden} without --features. Add --features.",
            option="hidden",
            value=options.hidden,
        )
    else:
        options = options.suited(data.size)
        if model and not share.process:
            foundation = describe_foundation(model, options, provenance, data.size, progress)
        _require_memory(options.batch_size or 1, data.size)
    if options.unit == "study":
        require_studies(data.files)
    if share.process:
        if receive_start(share, state_of(out)):
            _train_as_peer(data, options, progress, Checkpoint(state_of(out), writes=False), share)
        return None
    with resumable_training(out, data, options, job.overwrite, job.resume, progress, job.checkpoint_every) as training:
        send_start(share, training.checkpoint.directory, training.complete_run is not None)
        if training.complete_run:
            return training.complete_run
        with atomic_directory(out, training.overwrite) as partial:
            require_writable(partial)
            began = time.perf_counter()
            fitted, calibrated = _train_network(data, options, progress, training.checkpoint, share)
            session = fitted.seconds - fitted.earlier
            timings = {"train": fitted.seconds, "predict": max(0.0, time.perf_counter() - began - session)}
            plan = plan_digest(training.plan)
            name = out.absolute().name
            facts = write_run(
                partial, name, data, fitted, calibrated, options, timings, share.processes, plan, foundation
            )
    reason = calibrated.onnx.reason
    if reason is not None:
        progress.say(f"no model.onnx, so predictions start Keras: {WITHOUT_ONNX[reason]}")
    monitor, epochs = fitted.monitor, facts["training"]["epochs_run"]
    prefix = translate("{folds} folds: median ", folds=options.folds) if options.folds else ""
    progress.say(
        translate(
            "{prefix}best epoch {best} of {epochs}, validation AUROC {auroc}",
            prefix=prefix,
            best=monitor.best_epoch,
            epochs=epochs,
            auroc=number(monitor.best_auroc, 3),
        )
    )
    return facts


def _with_measures(data: TrainingData, options: TrainOptions, progress: Progress) -> TrainOptions:
    """Replace ``auto`` by the measures that the audit of the data set proposes."""
    if options.resist != "auto":
        return options
    measures: tuple[str, ...] = proposed(read_record(data.directory / "audit.json", Audit))
    if data.embeddings is not None:
        measures = applicable(measures)
    progress.say(f"measures against shortcuts: {', '.join(measures) or 'none, the audit found no strong shortcut'}")
    return replace(options, resist=",".join(measures) or "none")


def _train_as_peer(
    data: TrainingData, options: TrainOptions, progress: Progress, state: Checkpoint, share: Share
) -> None:
    """Train in a process that does not write the run."""
    if options.folds:
        train_folds(data, options, progress, state, share)
    else:
        part = state.part("network")
        fit_network(data, data.rows("train"), data.rows("validation"), options, progress, part, share)


def _train_network(
    data: TrainingData, options: TrainOptions, progress: Progress, state: Checkpoint | None, share: Share
) -> tuple[Fitted, CalibratedModel]:
    if options.folds:
        return train_folds(data, options, progress, state, share)
    validation = data.rows("validation")
    part = state.part("network") if state else None
    fitted = fit_network(data, data.rows("train"), validation, options, progress, part, share)
    moments = moments_of(fitted.network, data, data.rows("train"))
    network = inference_network(fitted.network, options, moments)
    return fitted, finish(network, data, validation, options.recalibration, options.unit, moments)
