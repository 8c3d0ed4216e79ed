"""Replace the indices of PALETTE COLOR by their colours (PS3.3 C.7.6.3.1.5 and C.7.6.3.1.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from placa.images.dicom.tables import is_big_endian, table_entries
from placa.images.grey import ImageRejected

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def coloured(stored: NDArray[Any], data: Dataset) -> NDArray[np.uint8]:
    """Return RGB of 8 bits, shape ``(rows, columns, 3)``.

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
    big_endian = is_big_endian(data)
    places = np.clip(stored.astype(np.int64) - first, 0, count - 1)
    tables = [
        table_entries(data[f"{colour}PaletteColorLookupTableData"].value, count, big_endian)
        for colour in ("Red", "Green", "Blue")
    ]
    return np.take(_eight_bits(np.stack(tables, axis=-1), bits), places, axis=0)


def _eight_bits(colours: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    """Scale entries to 8 bits; some writers state 16 bits and store 8, or the reverse."""
    white = 255 if colours.max() < 256 else max(2**bits - 1, 65535 if colours.max() > 2**bits - 1 else 0)
    return (colours * (255.0 / white) + 0.5).astype(np.uint8)
