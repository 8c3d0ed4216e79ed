"""What a network says of pixels, batch by batch and pooled by file: the same for training, for prediction and for R."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.models.calibration import sigmoid
from placa.records.reading import STRETCH, Reading

#: Images that `answer` takes at a time.
BATCH = 64
#: Images that fill one call of a large network on a CPU: as fast an image as 64, and one image alone waits less.
_FEW = 8
#: Weights from which a network counts as large.
_LARGE = 1_000_000


@dataclass
class Answers:
    """What a model says of images.

    Attributes:
        probability: After recalibration, 0 to 1, shape ``(n, findings)``.
        score: Before recalibration, same shape.
    """

    probability: NDArray[np.float64]
    score: NDArray[np.float64]


def answer(model: Any, batches: Iterable[NDArray[np.uint8]], reading: Reading = STRETCH) -> Answers:
    """Run a model over batches of pixels.

    Every batch is filled up to one size, so that the same image gets the same probability to the bit whatever it
    came with.

    Args:
        model: From uint8 pixels ``(n, size, size, 1)`` to score and probability.
        batches: Grey levels ``(n, size, size)``, n at most 64.
        reading: How many squares in a row are one file, whose answer is pooled: the mean of their logits, then
            recalibrated (see `pool`).
    """
    if reading.squares > 1:
        return _pooled_answer(model, batches, reading)
    probability, score = [], []
    for part, said in _said_by(model, batches):
        probability.append(np.asarray(said["probability"], dtype=np.float64)[:part])
        score.append(np.asarray(said["score"], dtype=np.float64)[:part])
    if not probability:
        none = np.empty((0, model.get_layer("probability").output.shape[-1]))
        return Answers(none, none)
    return Answers(np.concatenate(probability), np.concatenate(score))


def _pooled_answer(model: Any, batches: Iterable[NDArray[np.uint8]], reading: Reading) -> Answers:
    from placa.models.assembled import split_at_logits

    # From the logits themselves: a probability of 1 in 32 bits has none, and those close to it only roughly.
    network, recalibration = split_at_logits(model)
    logits = file_logits(network, batches, reading)
    recalibrated = np.empty((len(logits), recalibration.output_shape[-1]))
    for start in range(0, len(logits), BATCH):
        # Of one size too, and for the same reason.
        block = np.zeros((BATCH, logits.shape[1]), dtype=np.float32)
        block[: len(logits) - start] = logits[start : start + BATCH]
        recalibrated[start : start + BATCH] = recalibration.predict_on_batch(block)[: len(logits) - start]
    # An ensemble has the logits of its members side by side; its score is that of their mean.
    members = logits.shape[1] // recalibrated.shape[1]
    mean = logits.reshape(len(logits), members, recalibrated.shape[1]).mean(axis=1)
    return Answers(probability=sigmoid(recalibrated), score=sigmoid(mean))


def pool(logits: NDArray[np.float64], squares: int) -> NDArray[np.float64]:
    """Make one answer of the several squares of each file: the mean of their logits.

    That is the logarithmic opinion pool (Genest and Zidek 1986), the geometric mean of their odds.

    Args:
        logits: The squares of each file in a row, shape ``(files * squares, findings)``.
        squares: How many squares a file has.

    Returns:
        Shape ``(files, findings)``.
    """
    if squares == 1:
        return logits
    # File by file, so that a file's mean is the same to the bit whatever it came with.
    blocks = logits.reshape(-1, squares, logits.shape[1])
    return np.array([block.mean(axis=0) for block in blocks]).reshape(-1, logits.shape[1])


def file_logits(network: Any, batches: Iterable[NDArray[np.uint8]], reading: Reading) -> NDArray[np.float64]:
    """Run a network that gives logits over batches of pixels, and pool what it says of each file.

    Args:
        network: From uint8 pixels to logits.
        batches: As `answer` takes them.
        reading: How many in a row are one file.

    Returns:
        Logits of the files, shape ``(files, findings)``.
    """
    each = [np.empty((0, network.output_shape[-1]))]
    each += [np.asarray(said, dtype=np.float64)[:part] for part, said in _said_by(network, batches)]
    return pool(np.concatenate(each), reading.squares)


def _said_by(network: Any, batches: Iterable[NDArray[np.uint8]]) -> Iterator[tuple[int, Any]]:
    """What a network says, as arrays for one number of images each time, of which the first so many are meant.

    Another number would be compiled anew, and would give the same image other last bits.
    """
    size = _call_size(network)
    for pixels in batches:
        for start in range(0, len(pixels), size):
            part = pixels[start : start + size]
            full = np.asarray(part)[..., None]
            if len(part) < size:
                full = np.concatenate([full, np.zeros((size - len(part), *full.shape[1:]), dtype=np.uint8)])
            yield len(part), network.predict_on_batch(full)


def _call_size(network: Any) -> int:
    from placa.core.backend import accelerator

    return _FEW if network.count_params() > _LARGE and accelerator() is None else BATCH


def in_batches(pixels: NDArray[np.uint8], rows: NDArray[np.int64] | None = None) -> Iterator[NDArray[np.uint8]]:
    """Cut an array of pixels, or some rows of it, into the batches that `answer` takes.

    Of a memory map no more than a batch is held at a time.
    """
    for start in range(0, len(pixels if rows is None else rows), BATCH):
        part = slice(start, start + BATCH)
        yield pixels[part if rows is None else rows[part]]
