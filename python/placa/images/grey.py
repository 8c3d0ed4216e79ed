"""What images of every kind pass through: limits to their size, and one grey whatever the colour and depth.

Samples of more than 8 bits say nowhere how many of these are used: 12 bits of a detector in a 16-bit PNG would come out
nearly black. So white is the lowest of 8, 10, 12, 14 and 16 full bits, which are the depths that detectors have, that
holds an image's highest sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

#: Larger than any radiograph (a 43 x 43 cm detector at 0.05 mm has 74 million pixels), small enough to decode.
MAX_PIXELS = 120_000_000
#: Larger than most radiographs; such images are decoded one at a time.
_LARGE = 1 << 24
#: Pixels a byte that no radiograph reaches: lossless ones have 1 or 2, heavily compressed ones some dozens.
_MOST_PER_BYTE = 200
_LARGE_ONES = Lock()
_DEPTHS = (8, 10, 12, 14, 16)


class ImageRejected(Exception):
    """An image that cannot be used; the message says why in words that a person can act on."""


def refuse_size(width: int, height: int, size_of_file: int) -> None:
    """Refuse an image by what its header claims, before there is memory for its pixels.

    Args:
        width: In pixels.
        height: In pixels.
        size_of_file: In bytes.

    Raises:
        ImageRejected: There are no pixels, more than `MAX_PIXELS`, or far more than compress into such a file.
    """
    pixels = width * height
    if width < 1 or height < 1:
        raise ImageRejected(f"it has {width} x {height} pixels")
    if pixels > MAX_PIXELS:
        raise ImageRejected(f"it has {width} x {height} pixels, more than the {MAX_PIXELS:,} that are read")
    if pixels > _LARGE and pixels > _MOST_PER_BYTE * size_of_file:
        raise ImageRejected(
            f"it claims {width} x {height} pixels in a file of {size_of_file:,} bytes: no radiograph compresses so well"
        )


@contextmanager
def room_for(pixels: int) -> Iterator[None]:
    """Let large images be decoded one at a time, so that the memory needed does not grow with the cores."""
    with _LARGE_ONES if pixels > _LARGE else nullcontext():
        yield


def to_grey(image: Image.Image) -> Image.Image:
    """Bring a decoded image of any mode to 8-bit grey.

    Args:
        image: What Pillow decoded.

    Returns:
        An image of mode ``L`` and the same size.

    Raises:
        ImageRejected: Its samples are no numbers, negative, or above 65,535.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        # Pillow's own convert("L") clips these at 255; a 16-bit radiograph would come out white.
        return Image.fromarray(_eight_bits(np.asarray(image)))
    if image.mode == "LAB":
        return image.getchannel("L")
    if image.mode in {"P", "PA"} or "transparency" in image.info:
        image = image.convert("RGBA")
    if "A" in image.getbands():
        alpha = image.getchannel("A")
        if alpha.getextrema() != (255, 255):
            # What is transparent holds no film; black is what lies outside one.
            return ImageChops.multiply(image.convert("L"), alpha)
    # Pillow would copy what is grey already.
    return image if image.mode == "L" else image.convert("L")


def _eight_bits(levels: NDArray[Any]) -> NDArray[np.uint8]:
    """Bring deep samples to 0-255, black at 0 and white at the full bits that hold the highest."""
    lowest, highest = float(levels.min()), float(levels.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ImageRejected("some of its pixels are no numbers (NaN or infinite): save it with 8 or 16 bits")
    if lowest < 0 or highest > 65535:
        raise ImageRejected(
            f"its pixels go from {lowest:g} to {highest:g}, and 0 to 65,535 were expected: save it with 8 or 16 bits"
        )
    if levels.dtype.kind == "f":
        # Numbers with a point run from 0 to 1 as often as in whole steps.
        top = 1.0 if highest <= 1 else float(full_bits(levels))
        return (levels.astype(np.float64) * (255.0 / top) + 0.5).astype(np.uint8)
    table = np.arange(int(highest) + 1) * (255.0 / float(full_bits(levels))) + 0.5
    return np.take(table.astype(np.uint8), levels)


def full_bits(levels: NDArray[Any]) -> np.uint16:
    """The white of deep samples: the lowest of 8, 10, 12, 14 and 16 full bits that holds the highest of them."""
    highest = float(levels.max())
    return np.uint16(next(2**depth - 1 for depth in _DEPTHS if highest < 2**depth))
