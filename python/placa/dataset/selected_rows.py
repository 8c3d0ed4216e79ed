"""Rows of an array on disk, read when they are indexed."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray


class _SelectedRows:
    def __init__(self, array: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        self._array, self._rows, self.shape = array, rows, (len(rows), *array.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, slice) and rows.stop is None:
            # A view, as of an array: `Reading.middle_rows` takes every row.
            return _SelectedRows(self._array, self._rows[rows])
        return self._array[self._rows[rows]]


def select_rows(array: NDArray[np.uint8], kept: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return some rows of a memory map without reading them.

    Args:
        array: The pixels of a data set, ``(n, size, size)``.
        kept: Whether each row is kept, shape ``(n,)``.

    Returns:
        `array` if all rows are kept; otherwise an object with the length, the shape, and the indexing by rows of an
        array.
    """
    return array if kept.all() else cast("NDArray[np.uint8]", _SelectedRows(array, np.flatnonzero(kept)))
