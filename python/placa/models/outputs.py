"""Run a model on pixels, batch by batch and pooled by file: for training, for prediction and for R."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.backend import require_unforked
from placa.core.executors import Threads
from placa.models.errors import NonFiniteOutputError
from placa.models.onnx_file import OnnxModel
from placa.records.reading import STRETCH, Reading

#: Images per batch of `answer`.
BATCH = 64
#: Images per call of a large network on a CPU: as fast per image as 64, and faster for a single image.
_FEW = 8
#: Number of weights above which a network counts as large.
_LARGE = 1_000_000
#: Held while a model of Keras runs.
_KERAS_LOCK = threading.Lock()


@dataclass
class ModelOutputs:
    """The outputs of a model for images.

    Attributes:
        probability: Recalibrated probability, 0 to 1, shape ``(n, findings)``.
        score: Probability before recalibration, same shape.
        distance: Distance from the training images in standard deviations, shape ``(n,)``; None if the model has no
            moments.
    """

    probability: NDArray[np.float64]
    score: NDArray[np.float64]
    distance: NDArray[np.float64] | None = None


def predict_pixels(model: Any, batches: Iterable[NDArray[Any]], reading: Reading = STRETCH) -> ModelOutputs:
    """Run a model over batches of pixels or embeddings.

    Every batch is padded to one size, so that an image has the same probability bit by bit in any batch.

    Args:
        model: A model from uint8 pixels ``(n, size, size, 1)`` to score and probability, of Keras or an `OnnxModel`.
        batches: Grey levels ``(n, size, size)``, or embeddings ``(n, length)``; n ≤ 64.
        reading: Number of consecutive squares per file. The logits of a file are averaged over its squares, then
            recalibrated (see `pool`).

    Raises:
        NonFiniteOutputError: An output is not a number.
    """
    if reading.squares > 1:
        return _predict_pooled(model, batches, reading)
    probability, score, distance = [], [], []
    for part, outputs in _outputs_by_batch(model, batches):
        probability.append(np.asarray(outputs["probability"], dtype=np.float64)[:part])
        score.append(np.asarray(outputs["score"], dtype=np.float64)[:part])
        if "distance" in outputs:
            distance.append(np.asarray(outputs["distance"], dtype=np.float64)[:part, 0])
    if not probability:
        none = np.empty((0, model.findings if isinstance(model, OnnxModel) else model.output["probability"].shape[-1]))
        return ModelOutputs(none, none)
    far = np.concatenate(distance) if distance else None
    return _require_finite(ModelOutputs(np.concatenate(probability), np.concatenate(score), far))


def _require_finite(outputs: ModelOutputs) -> ModelOutputs:
    broken = np.isnan(np.hstack([outputs.probability, outputs.score])).max(axis=1, initial=False)
    if broken.any():
        raise NonFiniteOutputError(
            f"The model predicts NaN for {int(broken.sum()):,} of {len(broken):,} images: its weights are damaged. "
            "Copy the complete run again, or train it again.",
            images=len(broken),
            not_finite=int(broken.sum()),
        )
    return outputs


def _predict_pooled(model: Any, batches: Iterable[NDArray[np.uint8]], reading: Reading) -> ModelOutputs:
    from placa.models.assembled import split_at_logits

    # From the logits: the logit of a probability near 1 is imprecise in 32 bits, and that of 1 is infinite.
    network, recalibration = split_at_logits(model)
    logits, distance = file_outputs(network, batches, reading)
    each = [np.empty((0, recalibration.output_shape[-1]))]
    # Padded to one size, for the same reason.
    for count, batch in full_batches(logits.astype(np.float32), BATCH):
        each.append(np.asarray(predict_batch(recalibration, batch), dtype=np.float64)[:count])
    recalibrated = np.concatenate(each)
    # An ensemble concatenates the logits of its members; its score comes from their mean.
    members = logits.shape[1] // recalibrated.shape[1]
    mean = logits.reshape(len(logits), members, recalibrated.shape[1]).mean(axis=1)
    from placa.models.calibration import sigmoid

    return _require_finite(ModelOutputs(sigmoid(recalibrated), sigmoid(mean), distance))


def pool(logits: NDArray[np.float64], squares: int) -> NDArray[np.float64]:
    """Average the logits of the squares of each file.

    This is the logarithmic opinion pool (Genest and Zidek 1986), the geometric mean of the odds.

    Args:
        logits: Logits of the squares, file by file, shape ``(files * squares, findings)``.
        squares: Number of squares per file.

    Returns:
        Logits of the files, shape ``(files, findings)``.
    """
    if squares == 1:
        return logits
    # File by file, so that the mean of a file is the same bit by bit in any batch.
    blocks = logits.reshape(-1, squares, logits.shape[1])
    return np.array([block.mean(axis=0) for block in blocks]).reshape(-1, logits.shape[1])


def file_outputs(
    network: Any, batches: Iterable[NDArray[Any]], reading: Reading
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Run a network that outputs logits over batches of pixels, and pool its outputs by file.

    Args:
        network: A network from uint8 pixels to logits, or also to the distance (see
            `placa.models.typicality.with_distance`).
        batches: Grey levels, as for `answer`.
        reading: Number of consecutive squares per file.

    Returns:
        Logits of the files, shape ``(files, findings)``; and their distances, shape ``(files,)``, or None.
    """
    from placa.models.assembled import outputs_of

    logits, distance = outputs_of(network.output)
    each, far = [np.empty((0, logits.shape[-1]))], [np.empty((0, 1))]
    for part, outputs in _outputs_by_batch(network, batches):
        of_batch, distances = outputs_of(outputs)
        each.append(np.asarray(of_batch, dtype=np.float64)[:part])
        if distances is not None:
            far.append(np.asarray(distances, dtype=np.float64)[:part])
    pooled = pool(np.concatenate(each), reading.squares)
    return pooled, None if distance is None else pool(np.concatenate(far), reading.squares)[:, 0]


def _outputs_by_batch(network: Any, batches: Iterable[NDArray[Any]]) -> Iterator[tuple[int, Any]]:
    """Yield the number of images of each call and the outputs, which are padded to a constant batch size.

    Another batch size needs a new compilation, and changes the last bits of the outputs.
    """
    size = _call_size(network)
    parts = (part for rows in batches for part in full_batches(as_input(rows), size))
    # A call on a few embeddings is shorter than handing it to a thread.
    if isinstance(network, OnnxModel) and network.calls_at_once > 1 and len(network.input_shape) > 1:
        threads = Threads(network.calls_at_once)
        yield from threads.map_in_order(lambda part: (part[0], predict_batch(network, part[1])), parts)
    else:
        yield from ((count, predict_batch(network, batch)) for count, batch in parts)


def full_batches(rows: NDArray[Any], size: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Split rows into batches of one size, the last one padded with zeros; yield the number of rows and the batch."""
    for start in range(0, len(rows), size):
        part = np.asarray(rows[start : start + size])
        count = len(part)
        if count < size:
            part = np.concatenate([part, np.zeros((size - count, *part.shape[1:]), dtype=part.dtype)])
        yield count, part


def predict_batch(network: Any, batch: NDArray[Any]) -> Any:
    """Run a network on one batch. Threads wait for each other if Keras runs it: a model of Keras serves one at a time.

    Args:
        network: A model of Keras, or an `OnnxModel`, which serves several threads.
        batch: The input of the network.

    Raises:
        ForkedProcessError: The network is of Keras, and this process was forked from one that used Keras.
    """
    if isinstance(network, OnnxModel):
        return network.predict_on_batch(batch)
    require_unforked()
    with _KERAS_LOCK:
        return network.predict_on_batch(batch)


def as_input(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the input of a network: squares ``(n, size, size)`` get a channel, embeddings ``(n, length)`` do not."""
    rows = np.asarray(rows)
    return rows[..., None] if rows.ndim == 3 else rows


def _call_size(network: Any) -> int:
    if isinstance(network, OnnxModel):
        return network.images_per_call
    from placa.core.backend import accelerator

    return _FEW if network.count_params() > _LARGE and accelerator() is None else BATCH


def in_batches(pixels: NDArray[Any], rows: NDArray[np.int64] | None = None) -> Iterator[NDArray[Any]]:
    """Split an array of pixels or embeddings, or some rows of it, into batches for `answer`.

    One batch at a time is read from a memory map.
    """
    for start in range(0, len(pixels if rows is None else rows), BATCH):
        part = slice(start, start + BATCH)
        yield pixels[part if rows is None else rows[part]]
