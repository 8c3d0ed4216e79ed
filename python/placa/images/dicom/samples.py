"""Convert decoded samples to stored values: the bits that are used, and their sign (PS3.5 section 8.1.1)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.images.grey import ImageRejected
from placa.images.pixel_format import PixelFormat


def stored_values(samples: NDArray[Any], found: PixelFormat, high_bit: int, unused_bits: bool = True) -> NDArray[Any]:
    """Return stored values.

    Args:
        samples: Integers of the allocated bits, signed or not.
        found: Their format.
        high_bit: Position of the highest bit that is used. It is ignored where the samples are in the lowest bits, as
            some writers store 12 bits there and state 15.
        unused_bits: Whether bits above the highest may hold something else, such as an overlay.

    Returns:
        Integers of 8 or 16 bits, signed if the format is.

    Raises:
        ImageRejected: A pixel uses more bits than the header states.
    """
    bits, signed = found.bits_stored, found.number == "signed"
    if samples.dtype == bool:
        samples = samples.astype(np.uint8)
    patterns: NDArray[Any] = samples.view(samples.dtype.str.replace("i", "u"))
    width = 8 * patterns.dtype.itemsize
    if bits >= width:
        return patterns.view(patterns.dtype.str.replace("u", "i")) if signed else patterns
    if _fits(patterns, bits, signed):
        shift = 0
    elif high_bit >= bits and high_bit < width:
        shift = high_bit + 1 - bits
    elif unused_bits or signed:
        shift = 0
    else:
        highest = int(patterns.max())
        raise ImageRejected(
            f"its highest sample is {highest}, but its header states {bits} bits: export it again",
            highest=highest,
            bits=bits,
        )
    values: NDArray[Any] = (patterns >> patterns.dtype.type(shift)) & patterns.dtype.type(2**bits - 1)
    narrow = np.uint8 if bits <= 8 else np.uint16
    if not signed:
        return values.astype(narrow)
    sign = 1 << (bits - 1)
    negative = (values & patterns.dtype.type(sign)) != 0
    return np.asarray(values.astype(np.int32) - negative * np.int32(2 * sign)).astype(np.int16)


def _fits(patterns: NDArray[Any], bits: int, signed: bool) -> bool:
    """Return whether all samples are in the lowest bits; negative ones may be extended to the full width."""
    above = patterns >> patterns.dtype.type(bits)
    if not above.any():
        return True
    if not signed:
        return False
    extended = (above == above.dtype.type(2 ** (8 * above.dtype.itemsize - bits) - 1)) & (
        patterns >> patterns.dtype.type(bits - 1) & patterns.dtype.type(1)
    ).astype(bool)
    return bool((extended | (above == 0)).all())
