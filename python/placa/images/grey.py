"""Steps for images of every format: limits of the size, and conversion to 8-bit grey.

Files with samples of more than 8 bits do not state how many bits are used: 12 bits of a detector in a 16-bit PNG would
become nearly black. Detectors have 8, 10, 12, 14 or 16 bits, so white is the maximum of the lowest of these depths that
contains the highest sample of the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

#: Maximum number of pixels: more than any radiograph (a 43 x 43 cm detector at 0.05 mm has 74 million).
MAX_PIXELS = 120_000_000
#: Images with more pixels, above most radiographs, are decoded one at a time.
_LARGE = 1 << 24
#: Maximum number of pixels per byte: lossless radiographs have 1 or 2, heavily compressed ones a few dozen.
_MOST_PER_BYTE = 200
_LARGE_LOCK = Lock()
_DEPTHS = (8, 10, 12, 14, 16)


class ImageRejected(Exception):
    """An image cannot be used; the message is the reason in rejected.csv.

    Args:
        reason: The reason, for the user.
        values: The numbers in the reason, by name.

    Attributes:
        values: The numbers in the reason, by name; empty if it was raised in another process.
    """

    def __init__(self, reason: str, **values: Any) -> None:
        super().__init__(reason)
        self.values = values


def refuse_size(width: int, height: int, size_of_file: int) -> None:
    """Reject an image by the size in its header, before memory for its pixels is allocated.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        size_of_file: Size of the file in bytes.

    Raises:
        ImageRejected: The image has no pixels, more than `MAX_PIXELS`, or too many for the size of the file.
    """
    pixels = width * height
    if width < 1 or height < 1:
        raise ImageRejected(f"it has {width} x {height} pixels", width=width, height=height)
    if pixels > MAX_PIXELS:
        reason = f"it has {width} x {height} pixels, more than the limit of {MAX_PIXELS:,}"
        raise ImageRejected(reason, width=width, height=height)
    if pixels > _LARGE and pixels > _MOST_PER_BYTE * size_of_file:
        raise ImageRejected(
            f"it has {width} x {height} pixels in a file of {size_of_file:,} bytes, a compression that no radiograph "
            "reaches",
            width=width,
            height=height,
            size_of_file=size_of_file,
        )


@contextmanager
def decoding_slot(pixels: int) -> Iterator[None]:
    """Decode large images one at a time, so that memory does not grow with the number of cores."""
    with _LARGE_LOCK if pixels > _LARGE else nullcontext():
        yield


def to_grey(image: Image.Image) -> Image.Image:
    """Convert a decoded image of any mode to 8-bit grey.

    Args:
        image: The image that Pillow decoded.

    Returns:
        An image of mode ``L`` with the same size.

    Raises:
        ImageRejected: Its samples are not finite, negative, or above 65,535.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        # Pillow's convert("L") clips these at 255, so a 16-bit radiograph would become white.
        return Image.fromarray(_eight_bits(np.asarray(image)))
    if image.mode == "LAB":
        return image.getchannel("L")
    if image.mode in {"P", "PA"} or "transparency" in image.info:
        image = image.convert("RGBA")
    if "A" in image.getbands():
        alpha = image.getchannel("A")
        if alpha.getextrema() != (255, 255):
            # Transparent pixels are outside the film, which is black.
            return ImageChops.multiply(image.convert("L"), alpha)
    # Pillow's convert would copy a grey image.
    return image if image.mode == "L" else image.convert("L")


def _eight_bits(levels: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale deep samples to 0-255: black is 0, white is `full_bits`."""
    lowest, highest = float(levels.min()), float(levels.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ImageRejected("some of its pixels are NaN or infinite: save it with 8 or 16 bits")
    if lowest < 0 or highest > 65535:
        raise ImageRejected(
            f"its pixels are {lowest:g} to {highest:g}, expected 0 to 65,535: save it with 8 or 16 bits",
            lowest=lowest,
            highest=highest,
        )
    if levels.dtype.kind == "f":
        # Floating-point samples are from 0 to 1, or integers stored as floats.
        top = 1.0 if highest <= 1 else float(full_bits(levels))
        return (levels.astype(np.float64) * (255.0 / top) + 0.5).astype(np.uint8)
    table = np.arange(int(highest) + 1) * (255.0 / float(full_bits(levels))) + 0.5
    return np.take(table.astype(np.uint8), levels)


def full_bits(levels: NDArray[Any]) -> np.uint16:
    """Return the white of deep samples: the maximum of the lowest depth in `_DEPTHS` that contains them all."""
    highest = float(levels.max())
    return np.uint16(next(2**depth - 1 for depth in _DEPTHS if highest < 2**depth))
