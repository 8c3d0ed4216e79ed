"""One network learns: from initial weights to those of the epoch that is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.backend import load_keras
from placa.core.progress import Progress
from placa.models import build
from placa.models.outputs import file_logits, in_batches
from placa.training.averaging import Average
from placa.training.batches import ALONE, Share, training_batches
from placa.training.checkpoint import Checkpoint
from placa.training.data import TrainingData, require_both
from placa.training.devices import Devices
from placa.training.distributed.agreement import require_alike
from placa.training.learner import Learner
from placa.training.loss import class_weights, weighted_loss
from placa.training.monitor import Judge, Watched
from placa.training.options import TrainOptions
from placa.training.phases import phases_of
from placa.training.precision import precision
from placa.training.state import Moment


@dataclass(frozen=True)
class Fitted:
    """A network that has learnt.

    Attributes:
        network: From uint8 pixels ``(n, size, size, 1)`` to logits ``(n, findings)``, in 32 bits; never compiled, for
            the loss is of no use to the model file, and Keras could not load it.
        watched: What was seen on validation.
        weights: Of the classes in the loss, shape ``(2, findings)``.
        seconds: How long it took, over all sittings.
        earlier: How much of that was before this one.
    """

    network: Any
    watched: Watched
    weights: NDArray[np.float32]
    seconds: float
    earlier: float = 0.0


def fit_network(
    data: TrainingData,
    rows: NDArray[np.int64],
    held_out: NDArray[np.int64],
    options: TrainOptions,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
    share: Share = ALONE,
) -> Fitted:
    """Train a network, and choose the epoch to keep.

    On a CPU, the same data, options and number of threads give the same weights to the bit, whether or not training
    was broken off and went on from its checkpoint.

    Args:
        data: The prepared data set.
        rows: Which rows of it to learn from.
        held_out: Which rows to judge the epochs by.
        options: How to train.
        progress: Where to show the epochs.
        checkpoint: Where the state is kept now and then, and from which training goes on if it holds one.
        share: Which part of each batch this process makes.

    Raises:
        PlacaError: The loss is no longer a number, there is no backbone of that name or its weights cannot be had, a
            class is missing from `rows`, all of `held_out` are of one class, or the checkpoint cannot be read or
            written.
    """
    keras = load_keras()
    truth, findings = data.truth[rows], len(data.findings)
    require_both(truth, data.truth[held_out], data.findings, progress)
    keras.utils.set_random_seed(options.seed)
    weights = class_weights(truth, options.class_weights)
    watched, moment = Watched(), Moment()
    stored = checkpoint.load() if checkpoint else None
    if stored:
        moment = Moment.restored(*stored, watched)
    earlier = moment.seconds
    phases = phases_of(options)
    if moment.phase < len(phases):

        def batches(share: Share) -> Any:
            changes, seed = options.changes, options.seed
            return training_batches(data.pixels, rows, truth, options.batch_size, changes, seed, options.mixup, share)

        devices = Devices(options.batch_size, share)
        if devices.several or devices.idle:
            progress.say(f"learns on {devices}")
        with precision(options.mixed_precision):
            with devices.together():
                network = build(options.backbone, data.size, findings, "none" if stored else options.weights)
                devices.share_statistics(network)
            average = copy = None
            if options.ema:
                average = Average(build(options.backbone, data.size, findings), options.ema, batches(ALONE))
            elif devices.several:
                copy = build(options.backbone, data.size, findings)
        focus = options.focal_gamma if options.loss == "focal" else 0.0
        learner = Learner(
            network,
            average,
            weighted_loss(weights, options.label_smoothing, focus),
            batches(share),
            Judge(data.reading.first_rows(data.truth[held_out]), weights),
            lambda judged: devices.answers(lambda some: pooled_logits(judged, data, some), held_out, data.reading),
            watched,
            checkpoint,
            devices,
            copy,
        )
        with progress.bar("training", sum(phase.epochs for phase in phases)) as advance, devices.learning():
            moment = learner.learn(phases, options, moment, advance)
        require_alike(share, watched.best_weights)
    kept = build(options.backbone, data.size, findings)
    kept.set_weights(watched.best_weights)
    return Fitted(kept, watched, weights, moment.seconds, earlier)


def pooled_logits(network: Any, data: TrainingData, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Run a network over files of a prepared data set, a batch at a time from the memory map.

    Args:
        network: From uint8 pixels to logits.
        data: The prepared data set.
        rows: Which rows of it; all squares of a file in a row.

    Returns:
        Logits of the files, shape ``(files, findings)``.
    """
    return file_logits(network, in_batches(data.pixels, rows), data.reading)
