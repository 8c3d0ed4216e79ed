"""Standardise grey levels inside a model, so that R and Python share it and the file of the model contains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from placa.core.backend import load_keras

#: Width of the border that is masked, as a share of the side: the frame that the audit examines.
BORDER = 0.09


@dataclass(frozen=True)
class Standardisation:
    """What is done to the pixels before the first layer of a network.

    Attributes:
        grey: Equalise the histogram of each image (Pizer et al. 1987, doi:10.1016/S0734-189X(87)80186-X): grey levels
            become ranks, so that exposure, window and display curve have no effect.
        border: Replace the outer 9 % by black, where markers, collimation and writing are.
    """

    grey: bool = False
    border: bool = False

    def apply(self, pixels: Any) -> Any:
        """Standardise a Keras tensor.

        Args:
            pixels: uint8 grey levels ``(n, size, size, 1)``.

        Returns:
            A tensor of the same shape and type; `pixels` itself if nothing is done.
        """
        layers = load_keras().layers
        width = round(BORDER * int(pixels.shape[1])) if self.border else 0
        if width:
            pixels = layers.Cropping2D(width, dtype="uint8", name="border")(pixels)
        if self.grey:
            pixels = _ranks(pixels)
        if width:
            pixels = layers.ZeroPadding2D(width, dtype="uint8", name="border_black")(pixels)
        return pixels


#: No standardisation.
PLAIN = Standardisation()


def _ranks(pixels: Any) -> Any:
    """Replace each grey level by its middle rank among the pixels of the image, scaled to 0-255."""
    keras = load_keras()
    ops, side = keras.ops, int(pixels.shape[1])
    levels = ops.cast(ops.reshape(pixels, (-1, side * side)), "int32")
    count = keras.layers.CategoryEncoding(256, output_mode="count", dtype="float32", name="histogram")(levels)
    rank = (ops.cumsum(count, axis=1) - count / 2) * (255 / side**2)
    equal = ops.take_along_axis(ops.round(rank), levels, axis=1)
    return ops.cast(ops.reshape(equal, (-1, side, side, 1)), "uint8")
