"""Train one network, from initial weights to the weights of the selected epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.backend import load_keras
from placa.core.progress import Progress
from placa.models.assembled import exclusive
from placa.models.embedding_head import build_head, scale_of
from placa.models.networks import build
from placa.models.outputs import file_outputs, in_batches
from placa.training.averaging import Average
from placa.training.batches import ALONE, Share, training_batches
from placa.training.checkpoint import Checkpoint
from placa.training.data import TrainingData, require_both_classes, require_exclusive
from placa.training.devices import Devices
from placa.training.distributed.agreement import require_equal_weights
from placa.training.fused_normalisation import fuse_batch_normalisation
from placa.training.learner import Learner
from placa.training.loss import class_weights, exclusive_loss, weighted_loss
from placa.training.measures import standardisation
from placa.training.monitor import Monitor, Validator
from placa.training.options import TrainOptions
from placa.training.phases import phases_of
from placa.training.precision import precision
from placa.training.resist import draw_probabilities
from placa.training.state import TrainState


@dataclass(frozen=True)
class Fitted:
    """A trained network.

    Attributes:
        network: A float32 network from uint8 pixels ``(n, size, size, 1)``, or embeddings, to logits
            ``(n, findings)``. It is not compiled, as Keras could not load the loss from the model file.
        monitor: Training history and best epoch.
        weights: Class weights of the loss, shape ``(2, findings)``.
        seconds: Duration of training, including earlier sessions.
        earlier: Duration of earlier sessions.
    """

    network: Any
    monitor: Monitor
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
    """Train a network, and select the epoch to keep.

    On a CPU, the same data, options and number of threads give identical weights, bit by bit, even if training was
    interrupted and resumed from its checkpoint.

    Args:
        data: The prepared data set.
        rows: Training rows.
        held_out: Validation rows.
        options: Training options.
        progress: Progress display.
        checkpoint: Checkpoint for the training state; training resumes from its state if there is one.
        share: The part of each batch for this process.

    Returns:
        The trained network.

    Raises:
        DivergedError: The loss or the logits are not finite.
        MissingClassError: `rows` lack a class of a finding, or `held_out` lack a class of all findings.
        PlacaError: The backbone is unknown, its weights cannot be loaded, or the checkpoint cannot be read or written.
    """
    keras = load_keras()
    truth, findings = data.truth[rows], len(data.findings)
    require_both_classes(truth, data.truth[held_out], data.findings, progress)
    keras.utils.set_random_seed(options.seed)
    weights = class_weights(truth, options.class_weights)
    focus = options.focal_gamma if options.loss == "focal" else 0.0
    loss = weighted_loss(weights, options.label_smoothing, focus)
    if options.classes == "exclusive":
        require_exclusive(data.truth, data.findings)
        loss = exclusive_loss(truth, options.class_weights, options.label_smoothing, focus)
    if not isinstance(options.loss, str):
        loss = options.loss

    scale = None if data.embeddings is None else scale_of(data.embeddings.vectors, rows)

    def built(initial: str = "none") -> Any:
        if scale is not None:
            network = build_head(scale, findings, options.hidden)
        else:
            network = build(
                options.backbone,
                data.size,
                findings,
                initial,
                standardisation(options.resist),
                options.input_size,
                options.tuning == "lora",
            )
        return exclusive(network) if options.classes == "exclusive" else network

    monitor, state = Monitor(), TrainState()
    stored = checkpoint.load() if checkpoint else None
    if stored:
        state = TrainState.from_checkpoint(*stored, monitor)
    earlier = state.seconds
    phases = phases_of(options)
    if state.phase < len(phases):
        probabilities = draw_probabilities(data, rows, options.resist, options.seed)

        def batches(share: Share) -> Any:
            changes, seed, size = options.changes, options.seed, options.images_per_batch
            return training_batches(data.inputs, rows, truth, size, changes, seed, options.mixup, share, probabilities)

        devices = Devices(options.images_per_batch, share)
        if devices.several or devices.idle:
            progress.say(f"training on {devices}")
        with precision(options.mixed_precision):
            with devices.build_scope():
                network = built("none" if stored else options.weights)
                devices.share_statistics(network)
                fuse_batch_normalisation(network)
            average = copy = None
            if options.ema:
                average = Average(built(), options.ema, batches(ALONE))
            elif devices.several:
                copy = built()
        learner = Learner(
            network,
            average,
            loss,
            batches(share),
            Validator(data.reading.first_rows(data.truth[held_out]), weights),
            lambda validated: devices.gather_outputs(
                lambda part: pooled_logits(validated, data, part), held_out, data.reading
            ),
            monitor,
            checkpoint,
            devices,
            copy,
            options.callbacks,
        )
        with progress.bar("training", sum(phase.epochs for phase in phases)) as advance, devices.fit_scope():
            state = learner.learn(phases, options, state, advance)
        require_equal_weights(share, monitor.best_weights)
    kept = built()
    kept.set_weights(monitor.best_weights)
    return Fitted(kept, monitor, weights, state.seconds, earlier)


def pooled_logits(network: Any, data: TrainingData, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the logits of files of a prepared data set, reading one batch at a time.

    Args:
        network: A network from uint8 pixels to logits.
        data: The prepared data set.
        rows: Rows of the data set; the squares of a file are consecutive.

    Returns:
        Logits of the files, shape ``(files, findings)``.
    """
    return file_outputs(network, in_batches(data.inputs, rows), data.reading)[0]
