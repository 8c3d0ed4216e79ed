"""One network learns: from initial weights to those of the epoch that is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.backend import load_keras
from placa.models import build
from placa.predict import in_batches, pool
from placa.progress import Progress
from placa.train.batches import training_batches
from placa.train.data import TrainingData
from placa.train.loss import class_weights, weighted_loss
from placa.train.options import TrainOptions
from placa.train.watch import Watched, watcher


@dataclass(frozen=True)
class Fitted:
    """A network that has learnt.

    Attributes:
        network: From uint8 pixels ``(n, size, size, 1)`` to logits ``(n, findings)``; never compiled, for the loss is
            of no use to the model file, and Keras could not load it.
        watched: What was seen on validation.
        weights: Of the classes in the loss, shape ``(2, findings)``.
        seconds: How long it took.
    """

    network: Any
    watched: Watched
    weights: NDArray[np.float32]
    seconds: float


def fit_network(
    data: TrainingData,
    rows: NDArray[np.int64],
    held_out: NDArray[np.int64],
    options: TrainOptions,
    progress: Progress,
) -> Fitted:
    """Train a network, and choose the epoch to keep.

    Args:
        data: The prepared data set.
        rows: Which rows of it to learn from.
        held_out: Which rows to judge the epochs by.
        options: How to train.
        progress: Where to show the epochs.

    Raises:
        PlacaError: The loss is no longer a number, or there is no backbone of that name.
    """
    started = time.perf_counter()
    keras = load_keras()
    keras.utils.set_random_seed(options.seed)
    findings, squares = len(data.findings), data.reading.squares
    weights = class_weights(data.truth[rows])
    network = build(options.backbone, data.size, findings)
    batches = training_batches(
        data.pixels, rows, data.truth[rows], options.batch_size, options.augmentation, options.seed
    )
    optimizer = keras.optimizers.AdamW(_schedule(len(batches), options), weight_decay=options.weight_decay)
    network.compile(optimizer, loss=weighted_loss(weights, options.label_smoothing))
    watched = Watched()
    pixels = np.asarray(data.pixels[held_out])
    with progress.bar("training", options.epochs) as advance:
        watch = watcher(
            watched,
            lambda: pool(logits_of(network, pixels), squares),
            data.truth[held_out][::squares],
            weights,
            options.patience,
            advance,
        )
        network.fit(batches, epochs=options.epochs, verbose=0, shuffle=False, callbacks=[watch])
    kept = build(options.backbone, data.size, findings)
    kept.set_weights(watched.best_weights)
    return Fitted(kept, watched, weights, time.perf_counter() - started)


def logits_of(network: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Run a network over squares ``(n, size, size)``; logits ``(n, findings)``."""
    each = [np.asarray(network.predict_on_batch(batch[..., None])) for batch in in_batches(pixels)]
    return np.concatenate(each).astype(np.float64)


def _schedule(batches: int, options: TrainOptions) -> Any:
    steps = batches * options.epochs
    warmup = max(1, round(options.warmup * steps))
    return load_keras().optimizers.schedules.CosineDecay(
        initial_learning_rate=options.learning_rate / 100,
        warmup_target=options.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, steps - warmup),
    )
