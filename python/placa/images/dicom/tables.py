"""Read the entries of look-up tables and the decimal numbers of a data set, as the standard defines them.

pydicom counts the entries of 8-bit tables with 8 bits, reads palettes as little-endian, and rejects a decimal comma.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def table_entries(data: Any, count: int, big_endian: bool) -> NDArray[np.int64]:
    """Return the entries of a table (LUT Data, PS3.3 C.11.1.1; palettes, C.7.6.3.1.6).

    Args:
        data: Bytes (VR OW), or integers (VR US or SS); entries of 8 bits may be packed, two per word.
        count: Number of entries of the descriptor.
        big_endian: Byte order of the data set.

    Raises:
        ValueError: The table has fewer entries.
    """
    words = f"{'>' if big_endian else '<'}u2"
    if not isinstance(data, bytes):
        data = (np.atleast_1d(np.asarray(data, dtype=np.int64)) % 65536).astype(words).tobytes()
    if len(data) >= 2 * count:
        entries = np.frombuffer(data, dtype=words, count=count)
    else:
        # The first entry of a word is in its low byte.
        entries = np.frombuffer(data[: len(data) // 2 * 2], dtype=words).astype("<u2").view(np.uint8)
        if len(data) % 2:
            entries = np.append(entries, np.uint8(data[-1]))
        if len(entries) < count:
            raise ValueError("a look-up table has fewer entries than its descriptor states")
    return entries[:count].astype(np.int64)


def is_big_endian(data: Dataset) -> bool:
    """Return whether a data set was read from a big-endian file."""
    return getattr(data, "original_encoding", (False, True))[1] is False


def decimals(data: Dataset, keyword: str) -> list[float]:
    """Return the numbers of an element (VR DS); a decimal comma counts as a point, an empty value as NaN.

    Raises:
        ValueError: A value is not a number.
    """
    from pydicom.datadict import tag_for_keyword
    from pydicom.dataelem import RawDataElement

    element = data.get_item(tag_for_keyword(keyword) or 0)
    value = None if element is None else element.value
    if value is None:
        return []
    if isinstance(element, RawDataElement) and isinstance(value, bytes):
        value = value.decode("ascii", errors="replace").split("\\")
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        value = [value]
    words = (str(one).strip(" \0").replace(",", ".") for one in value)
    return [float(word) if word else float("nan") for word in words]
