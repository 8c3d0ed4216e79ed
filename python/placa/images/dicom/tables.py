"""Read look-up tables, palettes and decimal numbers of a data set, as the standard defines them.

pydicom counts the entries of 8-bit tables with 8 bits, reads palettes as little-endian, and rejects a decimal comma.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from placa.images.grey import ImageRejected

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def table_entries(values: Any, count: int, data: Dataset) -> NDArray[np.int64]:
    """Return the entries of a table (LUT Data, PS3.3 C.11.1.1; palettes, C.7.6.3.1.6).

    Args:
        values: Bytes (VR OW), or integers (VR US or SS); entries of 8 bits may be packed, two per word.
        count: Number of entries of the descriptor.
        data: The data set of the table, whose byte order the bytes have.

    Raises:
        ValueError: The table has fewer entries.
    """
    _, is_little = getattr(data, "original_encoding", (False, True))
    words = ">u2" if is_little is False else "<u2"
    if not isinstance(values, bytes):
        values = (np.atleast_1d(np.asarray(values, dtype=np.int64)) % 65536).astype(words).tobytes()
    if len(values) >= 2 * count:
        entries = np.frombuffer(values, dtype=words, count=count)
    else:
        # The first entry of a word is in its low byte.
        entries = np.frombuffer(values[: len(values) // 2 * 2], dtype=words).astype("<u2").view(np.uint8)
        if len(values) % 2:
            entries = np.append(entries, np.uint8(values[-1]))
        if len(entries) < count:
            raise ValueError("a look-up table has fewer entries than its descriptor states")
    return entries[:count].astype(np.int64)


def coloured(stored: NDArray[Any], data: Dataset) -> NDArray[np.uint8]:
    """Replace the indices of PALETTE COLOR by their colours (PS3.3 C.7.6.3.1.5 and C.7.6.3.1.6).

    Returns:
        RGB of 8 bits, shape ``(rows, columns, 3)``.

    Raises:
        ImageRejected: The file has no palette.
    """
    if "RedPaletteColorLookupTableData" not in data:
        if "SegmentedRedPaletteColorLookupTableData" not in data:
            raise ImageRejected("it has no palette, which its photometric interpretation needs: export it again")
        from pydicom.pixels.processing import apply_color_lut

        return _eight_bits(apply_color_lut(stored, data)[..., :3].astype(np.int64), 16)
    count, first, bits = (int(part) for part in data.RedPaletteColorLookupTableDescriptor)
    count = count % 65536 or 65536
    if first > 32767 and stored.dtype.kind == "i":
        first -= 65536
    places = np.clip(stored.astype(np.int64) - first, 0, count - 1)
    tables = [
        table_entries(data[f"{colour}PaletteColorLookupTableData"].value, count, data)
        for colour in ("Red", "Green", "Blue")
    ]
    return np.take(_eight_bits(np.stack(tables, axis=-1), bits), places, axis=0)


def _eight_bits(colours: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    """Scale entries to 8 bits; some writers state 16 bits and store 8, or the reverse."""
    white = 255 if colours.max() < 256 else max(2**bits - 1, 65535 if colours.max() > 2**bits - 1 else 0)
    return (colours * (255.0 / white) + 0.5).astype(np.uint8)


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
