"""Build the head of a foundation model: from embeddings to logits, linear or with one hidden layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.backend import load_keras

#: Rows of embeddings that are converted to 64 bits at once.
_ROWS = 512
#: Standard deviation, as a share of the largest one, below which a number of an embedding counts as constant.
_CONSTANT = 1e-6


@dataclass(frozen=True)
class Scale:
    """Mean and variance of each number of the embeddings of training images, shape ``(length,)``."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]


def scale_of(vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> Scale:
    """Compute mean and variance over some rows, block by block.

    Args:
        vectors: Embeddings, ``(n, length)``.
        rows: The training rows.

    Returns:
        The scale; the variance of constant numbers is 1.
    """
    blocks = [rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS)]
    mean = sum(vectors[block].sum(axis=0, dtype=np.float64) for block in blocks) / len(rows)
    variance = sum(((vectors[block] - mean) ** 2).sum(axis=0) for block in blocks) / len(rows)
    deviation = np.sqrt(variance)
    return Scale(np.asarray(mean), np.where(deviation > _CONSTANT * deviation.max(), variance, 1.0))


def build_head(scale: Scale, findings: int, hidden: int = 0) -> Any:
    """Build a network from embeddings to logits. It standardises each number of an embedding first.

    Args:
        scale: Mean and variance of the embeddings of training images.
        findings: Number of logits.
        hidden: Units of a hidden layer; 0 for none, logistic regression.

    Returns:
        A Keras model from float32 embeddings ``(n, length)`` to logits ``(n, findings)``. Its input layer is named
        ``embedding``; its last layer is named ``logits`` and is float32 under any dtype policy.
    """
    keras = load_keras()
    layers = keras.layers
    inputs = keras.Input((len(scale.mean),), dtype="float32", name="embedding")
    # Not `Normalization`: its mean and variance become inputs of an exported ONNX file. The mean is subtracted first,
    # because the rounded product of a large mean would not cancel.
    x = layers.Rescaling(1.0, (-scale.mean).tolist(), name="centre")(inputs)
    x = layers.Rescaling((1 / np.sqrt(scale.variance)).tolist(), name="scale")(x)
    if hidden:
        x = layers.Dense(hidden, activation="relu", name="hidden")(x)
    x = layers.Dropout(0.2, name="dropout")(x)
    # A linear head has one optimum, and the shortest way to it starts at 0.
    start = "glorot_uniform" if hidden else "zeros"
    logits = layers.Dense(findings, kernel_initializer=start, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="hidden" if hidden else "linear")
