"""Steps for images of every format: limits of the size, and conversion to 8-bit grey by one rule.

Files with samples of 16 bits or more do not state how many bits are used: 12 bits of a detector in a 16-bit PNG would
become nearly black. Detectors have 8, 10, 12, 14 or 16 bits, so white is the maximum of the lowest of these depths that
contains the highest sample of the image. Where a file states fewer than 16 bits, white is their maximum.

Floating-point samples are from 0 to 1, or integers stored as floats. Resampling overshoots at edges: a separable cubic
or Lanczos kernel has at most about 1.5 where the image has at most 1, so the unit scale ends at 2, and what is outside
0 to 1 is clipped.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from placa.core import limits

if TYPE_CHECKING:
    from placa.images.pixel_format import PixelFormat

#: Images with more pixels, above most radiographs, are decoded one at a time.
_LARGE = 1 << 24
#: Maximum number of pixels per byte: lossless radiographs have 1 or 2, heavily compressed ones a few dozen.
_MOST_PER_BYTE = 200
_LARGE_LOCK = Lock()
_DEPTHS = (8, 10, 12, 14, 16)
#: Floating-point samples up to this are on the scale from 0 to 1.
_UNIT_ENDS = 2.0
#: Overshoot of resampled samples, as a share of white: above white, below black, and below black in many pixels.
_ABOVE, _BELOW, _MANY_BELOW = 0.125, 0.5, 0.05
#: Highest share of pixels that are below black by `_MANY_BELOW`: edges are few, and an image around zero is not.
_FEW = 0.1
#: The pixels of a file are not as many as its header states.
FEWER_PIXELS = "it has fewer pixels than its header states, so it is truncated or damaged: copy it again"
MORE_PIXELS = "it has more pixels than its header states, so its header is damaged: copy it again"
#: Luminance of red, green and blue (ITU-R BT.601), in 65,536ths, as Pillow computes it.
_LUMINANCE = np.array([19595, 38470, 7471], dtype=np.uint32)


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


def refuse_format(what: str) -> ImageRejected:
    """Return the rejection of a valid file of a kind that is not read; `what` names it."""
    return ImageRejected(f"it is {what}, which is not read: save it as PNG or uncompressed", unread=what)


def refuse_size(width: int, height: int, size_of_file: int) -> None:
    """Reject an image by the size in its header, before memory for its pixels is allocated.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        size_of_file: Size of the file in bytes.

    Raises:
        ImageRejected: The image has no pixels, more than `limits.MAX_PIXELS`, or too many for the size of the file.
    """
    pixels = width * height
    if width < 1 or height < 1:
        raise ImageRejected(f"it has {width} x {height} pixels", width=width, height=height)
    if pixels > limits.MAX_PIXELS:
        reason = f"it has {width} x {height} pixels, more than the limit of {limits.MAX_PIXELS:,}"
        raise ImageRejected(reason, width=width, height=height)
    if pixels > _LARGE and pixels > _MOST_PER_BYTE * size_of_file:
        raise ImageRejected(
            f"it has {width} x {height} pixels in a file of {size_of_file:,} bytes, a compression that no radiograph "
            "reaches",
            width=width,
            height=height,
            size_of_file=size_of_file,
        )


def decoding_slot(pixels: int) -> AbstractContextManager[object]:
    """Decode large images one at a time, so that memory does not grow with the number of cores."""
    return _LARGE_LOCK if pixels > _LARGE else nullcontext()


def to_grey(image: Image.Image) -> Image.Image:
    """Convert an image that Pillow decoded to 8-bit grey.

    Args:
        image: The image, of any mode.

    Returns:
        An image of mode ``L`` with the same size.

    Raises:
        ImageRejected: Its samples are not finite, negative, or above 65,535.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        # Pillow's convert("L") clips these at 255, so a 16-bit radiograph would become white.
        return Image.fromarray(eight_bits(np.asarray(image)))
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


def samples_to_grey(stored: NDArray[Any], found: PixelFormat) -> NDArray[np.uint8]:
    """Convert decoded samples to 8-bit grey: polarity, transparency, luminance and depth, in this order.

    Args:
        stored: Samples, shape ``(height, width)`` or ``(height, width, samples)``.
        found: Their format.

    Returns:
        Grey levels 0-255, shape ``(height, width)``.

    Raises:
        ImageRejected: The samples are not finite, negative, or above 65,535.
    """
    opacity = None
    if found.transparency != "none":
        stored, opacity = stored[..., :-1], stored[..., -1]
    if stored.ndim == 3 and stored.shape[2] == 1:
        stored = stored[..., 0]
    if stored.dtype == bool:
        stored = stored.astype(np.uint8)
    bits = found.bits_stored if found.number == "unsigned" and found.photometric != "palette" else 16
    if found.photometric == "luminance" and stored.ndim == 3:
        stored = stored[..., 0]
    elif found.photometric == "CMYK":
        stored, bits = _without_ink(stored, bits), 8
    highest = 65535.0 if found.photometric == "palette" else float(stored.max())
    levels = _luminance(stored) if stored.ndim == 3 else stored
    grey = eight_bits(levels, bits, highest, inverted=found.photometric == "inverted")
    if opacity is None or found.transparency == "premultiplied":
        # Colours that are already multiplied by their opacity are those on a black background.
        return grey
    if opacity.dtype.kind != "f" and bits >= 16 and full_bits(float(opacity.max())) != full_bits(highest):
        highest = 65535.0
    shares = eight_bits(opacity, bits, max(highest, float(opacity.max())))
    # Rounded division by 255, as Pillow's multiply.
    product = grey.astype(np.uint16) * shares + np.uint16(128)
    return ((product + (product >> 8)) >> 8).astype(np.uint8)


def _luminance(colours: NDArray[Any]) -> NDArray[Any]:
    if colours.dtype.kind == "f":
        levels: NDArray[Any] = colours @ (_LUMINANCE / 65536)
        return levels
    if colours.dtype.kind == "i" or colours.dtype.itemsize > 2:
        return np.rint(colours @ (_LUMINANCE / 65536)).astype(np.int64)
    red, green, blue = (colours[..., part].astype(np.uint32) for part in range(3))
    levels = (red * _LUMINANCE[0] + green * _LUMINANCE[1] + blue * _LUMINANCE[2] + np.uint32(1 << 15)) >> np.uint32(16)
    return levels.astype(colours.dtype)


def _without_ink(inks: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Convert CMYK to RGB of 8 bits, as Pillow does."""
    scaled = inks if bits == 8 else (inks * (255.0 / (2**bits - 1)) + 0.5)
    return np.asarray(Image.fromarray(scaled.astype(np.uint8), "CMYK").convert("RGB"))


def eight_bits(
    levels: NDArray[Any], bits: int = 16, highest: float | None = None, inverted: bool = False
) -> NDArray[np.uint8]:
    """Scale samples to 0-255.

    Args:
        levels: Samples, floating-point or integer.
        bits: Bits that the file states; from 16 on, white is `full_bits`.
        highest: Highest sample that white contains; by default that of `levels`.
        inverted: Whether the lowest sample is white.

    Raises:
        ImageRejected: The samples are not finite, negative, or above 65,535.
    """
    lowest, highest = float(levels.min()), float(levels.max()) if highest is None else highest
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ImageRejected("some of its pixels are NaN or infinite: save it with 8 or 16 bits")
    if levels.dtype.kind == "f":
        return _from_floats(levels, lowest, highest, inverted)
    if lowest < 0 or highest > 65535:
        raise _outside(lowest, highest)
    white = 2**bits - 1 if bits < 16 else full_bits(highest)
    if highest > white:
        raise _outside(lowest, highest)
    if white == 255 and levels.dtype == np.uint8:
        return 255 - levels if inverted else levels
    places = np.arange(int(highest) + 1)
    if inverted:
        places = white - places
        # White is that of the film after inversion.
        white = white if bits < 16 else full_bits(places[int(lowest)])
        places = np.minimum(places, white)
    table = places * (255.0 / white) + 0.5
    return np.take(table.astype(np.uint8), levels)


def _from_floats(levels: NDArray[Any], lowest: float, highest: float, inverted: bool) -> NDArray[np.uint8]:
    if highest <= _UNIT_ENDS:
        white = 1.0
    else:
        whites = [2.0**depth - 1 for depth in _DEPTHS]
        white = next((white for white in whites if highest <= white * (1 + _ABOVE)), 0.0)
    if not white or (lowest < 0 and lowest <= -_BELOW * white):
        raise _outside(lowest, highest)
    if lowest < 0 and (levels < -_MANY_BELOW * white).mean() > _FEW:
        raise _outside(lowest, highest)
    shares = np.clip(levels.astype(np.float64) / white, 0, 1)
    return ((1 - shares if inverted else shares) * 255 + 0.5).astype(np.uint8)


def _outside(lowest: float, highest: float) -> ImageRejected:
    return ImageRejected(
        f"its pixels are {lowest:g} to {highest:g}, expected 0 to 65,535: save it with 8 or 16 bits",
        lowest=lowest,
        highest=highest,
    )


def full_bits(highest: float) -> int:
    """Return the white of deep samples: the maximum of the lowest depth in `_DEPTHS` that contains the highest."""
    return next(1 << depth for depth in _DEPTHS if highest < 1 << depth) - 1
