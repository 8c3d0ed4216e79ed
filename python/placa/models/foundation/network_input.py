"""Resize and normalise squares inside the network of a foundation model."""

from __future__ import annotations

from typing import Any

from placa.core.backend import load_keras
from placa.models.foundation.folder import FoundationModel
from placa.models.foundation.tables import bicubic

#: What the names of layers start with whose weights are never trained: tables of positions, and the resizing.
FIXED = "fixed_"


def network_input(model: FoundationModel, levels: Any, side: int) -> Any:
    """Return the input of the network of a foundation model.

    Args:
        model: The foundation model.
        levels: Grey levels 0-255 of the complete square, ``(n, size, size, 1)``. Nothing is cropped.
        side: Side of the input, in pixels: resizing is bicubic and antialiased.

    Returns:
        Normalised pixels, ``(n, side, side, channels)``.
    """
    layers, one = load_keras().layers, model.preprocessing
    levels = _resized(levels, side)
    if model.channels > 1:
        levels = layers.Concatenate(name="grey_to_colour")([levels] * model.channels)
    rescale = layers.Rescaling(
        [one.factor / deviation for deviation in one.deviation],
        [-mean / deviation for mean, deviation in zip(one.mean, one.deviation, strict=True)],
        # Half precision is too coarse here; the next layer rounds the result.
        dtype="float32",
        name="rescale",
    )
    return rescale(levels)


def _resized(levels: Any, side: int) -> Any:
    """Resize squares by two products with a matrix: the same numbers with any backend, and in ONNX."""
    size = int(levels.shape[1])
    if size == side:
        return levels
    layers = load_keras().layers
    rows = layers.EinsumDense("bhwc,hk->bkwc", (side, size, 1), dtype="float32", name=f"{FIXED}rows")
    columns = layers.EinsumDense("bhwc,wk->bhkc", (side, side, 1), dtype="float32", name=f"{FIXED}columns")
    # Torch multiplies no integers with floats.
    resized = columns(rows(load_keras().ops.cast(levels, "float32")))
    for layer in (rows, columns):
        layer.set_weights([bicubic(size, side).T])
    return resized
