"""Convert predictions and thresholds to data frames of the R that rpy2 embeds.

rpy2's own pandas converter is slow, because it converts texts one by one, and it shortens a text at a NUL. Here each
column is copied as one block of numbers; a text column is an array of indices into its distinct texts, which are one
block of UTF-8, each terminated by NUL.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api import types

from placa.evaluation.errors import InvalidTextError
from placa.records.column_types import INEXACT, plain_columns

# R's missing values: for integers and logicals, and for doubles (a NaN with 1954 in its lower 32 bits).
_NA_INTEGER = np.int32(-(2**31))
_NA_REAL = np.uint64(0x7FF00000000007A2).view(np.float64)
# NUL and halves of surrogate pairs.
_INVALID = re.compile("[\0\ud800-\udfff]")

#: Types of pandas that keep integers beside missing values.
_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype(), pa.bool_(): pd.BooleanDtype()}

_DATA_FRAME = """
function(columns, n_rows, note) {
  columns <- lapply(columns, function(column) {
    if (!is.list(column)) return(column)
    texts <- readBin(column[[2]], "character", column[[3]])
    Encoding(texts) <- "UTF-8"
    texts[column[[1]]]
  })
  structure(
    columns,
    row.names = .set_row_names(n_rows), class = "data.frame", placa = jsonlite::fromJSON(note)
  )
}
"""


def to_r(frame: pd.DataFrame) -> Any:
    """Convert a frame to an R data frame.

    Booleans become logical. Integers become integer, beyond 2^31 double, and from 2^53, where doubles are no longer
    exact, character. Floats and decimals become double. All other types, such as categories and dates, become
    character. Columns of lists, structures or bytes without text are left out. Missing values become the ``NA`` of the
    type. ``frame.attrs["placa"]``, which must be serialisable as JSON, becomes the attribute ``placa``, as
    `read_predictions` in R sets it.

    Args:
        frame: Any frame; its index is dropped.

    Raises:
        InvalidTextError: A text contains a NUL or is not valid Unicode.
    """
    import rpy2.rinterface as ri

    plain = [(str(name), _plain(frame.iloc[:, place])) for place, name in enumerate(frame.columns)]
    known = [(name, column) for name, column in plain if column is not None]
    columns = ri.ListSexpVector([_column_to_r(column) for _, column in known])
    columns.names = ri.StrSexpVector([name for name, _ in known])
    note = json.dumps(frame.attrs.get("placa"), ensure_ascii=False)
    return ri.evalr(_DATA_FRAME)(columns, ri.IntSexpVector([len(frame)]), ri.StrSexpVector([note]))


def _plain(column: pd.Series) -> pd.Series | None:
    """Return a column that has a type in R; None for lists, structures and bytes, which placa does not use."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype(column.cat.categories.dtype) if column.notna().all() else column.astype(object)
    if isinstance(column.dtype, pd.ArrowDtype):
        return _by_arrow(pa.array(column))
    if column.dtype != object:
        return column
    values = list(column.dropna())
    if any(isinstance(value, dict | list | tuple | set | np.ndarray) for value in values):
        return None
    if values and any(all(isinstance(value, kind) for value in values) for kind in (Decimal, bytes)):
        return _by_arrow(pa.array(column, from_pandas=True))
    return column.convert_dtypes()


def _by_arrow(column: pa.Array) -> pd.Series | None:
    table, left_out = plain_columns(pa.table({"column": column}))
    return None if left_out else table.to_pandas(types_mapper=_NULLABLE.get)["column"]


def _column_to_r(column: pd.Series) -> Any:
    import rpy2.rinterface as ri

    def integers(values: Any) -> memoryview:
        return np.where(missing, _NA_INTEGER, values).astype(np.int32).data

    missing = column.isna().to_numpy()
    if types.is_bool_dtype(column.dtype):
        return ri.BoolSexpVector.from_memoryview(integers(column.fillna(False).to_numpy(np.int32)))
    largest = _largest(column) if types.is_integer_dtype(column.dtype) else 0
    if types.is_integer_dtype(column.dtype) and largest < 2**31:
        return ri.IntSexpVector.from_memoryview(integers(column.fillna(0).to_numpy(np.int64)))
    if types.is_numeric_dtype(column.dtype) and largest < INEXACT:
        numbers = np.where(missing, _NA_REAL, column.to_numpy(np.float64, na_value=np.nan))
        return ri.FloatSexpVector.from_memoryview(numbers.data)
    codes, values = pd.factorize(column)
    texts = [str(value) for value in values]
    if wrong := next(filter(_INVALID.search, texts), None):
        raise InvalidTextError(
            f"The text {wrong!r} contains a NUL or is not valid Unicode, so R cannot read it. Remove these characters.",
            text=wrong,
        )
    block = ri.ByteSexpVector("".join(f"{text}\0" for text in texts).encode())
    # R's indices start at 1.
    indices = ri.IntSexpVector.from_memoryview(integers(codes + 1))
    return ri.ListSexpVector([indices, block, ri.IntSexpVector([len(texts)])])


def _largest(column: pd.Series) -> int:
    present = column.dropna()
    # As Python's integers: the absolute value of -2^63 is not an int64.
    return max(abs(int(present.min())), abs(int(present.max()))) if len(present) else 0
