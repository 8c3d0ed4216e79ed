"""Data frames from Python to R and back, as values of the R that rpy2 embeds.

rpy2's own pandas converter turns integers beyond 2^31 into text, missing integers into -2147483648, and makes texts one
by one. Here a column goes over as the numbers it is made of, in one copy; texts go as numbers into the list of those
that differ, which are one block of UTF-8, each ended by a NUL, the one character that no text in R can hold.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from placa.evaluation.errors import InvalidTextError

_Array = np.ndarray[Any, Any]

# R's missing values: of integers and logicals, and of doubles (a NaN with 1954 in its lower half).
_NA_INTEGER = np.int32(-(2**31))
_NA_REAL = np.uint64(0x7FF00000000007A2).view(np.float64)
_EXACT = 2**53  # Doubles hold all whole numbers up to here.

# `unpack_frame` makes the data frame that `to_r` describes; `pack_frame` describes one for `from_r`.
R_FRAMES = """
unpack_frame <- function(frame) {
  columns <- lapply(frame$columns, function(column) {
    text <- readBin(column$text, "character", column$n_text)
    Encoding(text) <- "UTF-8"
    switch(column$kind,
      text = text[column$values],
      factor = structure(column$values, levels = text, class = "factor"),
      ordered = structure(column$values, levels = text, class = c("ordered", "factor")),
      column$values
    )
  })
  structure(
    columns,
    names = frame$names, row.names = .set_row_names(frame$n_rows), class = "data.frame",
    placa = if (nzchar(frame$note)) jsonlite::fromJSON(frame$note)
  )
}

as_bytes <- function(text) as.integer(writeBin(enc2utf8(text), raw()))

pack_frame <- function(frame) {
  columns <- lapply(unname(as.list(frame)), function(column) {
    if (is.factor(column)) {
      kind <- if (is.ordered(column)) "ordered" else "factor"
      return(list(kind = kind, values = as.integer(column), text = as_bytes(levels(column))))
    }
    if (is.object(column) || !(is.logical(column) || is.numeric(column))) {
      text <- enc2utf8(as.character(column))
      levels <- unique(text[!is.na(text)])
      return(list(kind = "text", values = match(text, levels), text = as_bytes(levels)))
    }
    list(kind = typeof(column), values = as.vector(column), text = integer())
  })
  list(names = enc2utf8(names(frame)), columns = columns)
}
"""


def to_r(frame: pd.DataFrame) -> Any:
    """Lay a frame out as an R list, of which `unpack_frame` in R makes the data frame.

    Booleans become logical; integers integer, beyond 2^31 double, and beyond 2^53, where doubles are not exact any
    more, text; floats double; categories a factor, ordered where they are; all else, dates for one, character. Missing
    values of each become R's ``NA`` of that type. ``frame.attrs["placa"]``, which must fit into JSON, becomes the
    attribute ``placa``, as `read_predictions` in R has it.

    Args:
        frame: Any frame; its index stays behind.

    Raises:
        PlacaError: A text holds a NUL or half a character, which R cannot hold.
    """
    import rpy2.rinterface as ri

    note = frame.attrs.get("placa")
    return r_list(
        columns=ri.ListSexpVector([_column_to_r(frame.iloc[:, place]) for place in range(frame.shape[1])]),
        names=ri.StrSexpVector([str(name) for name in frame.columns]),
        n_rows=ri.IntSexpVector([len(frame)]),
        note=ri.StrSexpVector([json.dumps(note, ensure_ascii=False) if note is not None else ""]),
    )


def _column_to_r(column: pd.Series) -> Any:
    column = _named_type(column)
    missing = column.isna().to_numpy()
    if isinstance(column.dtype, pd.CategoricalDtype):
        texts = [str(level) for level in column.cat.categories]
        if len(set(texts)) == len(texts):
            kind = "ordered" if column.cat.ordered else "factor"
            return _described(kind, column.cat.codes.to_numpy(), missing, texts)
    if types.is_bool_dtype(column.dtype):
        return _described("logical", column.fillna(False).to_numpy(np.int32), missing)
    if types.is_integer_dtype(column.dtype):
        whole = column.fillna(0).to_numpy(np.uint64 if str(column.dtype).lower() == "uint64" else np.int64)
        largest = max(abs(int(whole.min())), abs(int(whole.max()))) if len(whole) else 0
        if largest < 2**31:
            return _described("integer", whole, missing)
        if largest <= _EXACT:
            return _described("double", whole, missing)
    elif types.is_float_dtype(column.dtype):
        return _described("double", column.to_numpy(np.float64, na_value=np.nan), missing)
    # 1 + a code is a place in R's list, which counts from one.
    codes, values = pd.factorize(column)
    return _described("text", codes + 1, missing, [str(value) for value in values])


def _named_type(column: pd.Series) -> pd.Series:
    """Give a column of Python objects the type that all of them have, if they have one."""
    if column.dtype != object:
        return column
    kinds = {"boolean": "boolean", "integer": "Int64", "floating": "Float64", "mixed-integer-float": "Float64"}
    kind = kinds.get(types.infer_dtype(column, skipna=True))
    try:
        return column.astype(types.pandas_dtype(kind)) if kind else column
    except OverflowError:  # An integer beyond 2^63.
        return column


def _described(kind: str, values: _Array, missing: _Array, texts: Sequence[str] = ()) -> Any:
    import rpy2.rinterface as ri

    if kind == "double":
        vector = ri.FloatSexpVector.from_memoryview(_block(np.where(missing, _NA_REAL, values.astype(np.float64))))
    else:
        integers = np.where(missing, _NA_INTEGER, (values + (kind in {"factor", "ordered"})).astype(np.int32))
        of_kind = ri.BoolSexpVector if kind == "logical" else ri.IntSexpVector
        vector = of_kind.from_memoryview(_block(integers))
    return r_list(
        kind=ri.StrSexpVector([kind]),
        values=vector,
        text=ri.ByteSexpVector(_to_bytes(texts)),
        n_text=ri.IntSexpVector([len(texts)]),
    )


def r_list(**parts: Any) -> Any:
    """An R list of R's values, by name."""
    import rpy2.rinterface as ri

    out = ri.ListSexpVector(list(parts.values()))
    out.names = ri.StrSexpVector(list(parts))
    return out


def _block(values: _Array) -> memoryview:
    return np.ascontiguousarray(values).data


def _to_bytes(texts: Sequence[str]) -> bytes:
    joined = "".join(f"{text}\0" for text in texts)
    try:
        if joined.count("\0") > len(texts):
            raise ValueError("a NUL")
        return joined.encode()
    except ValueError as error:  # UnicodeEncodeError is one.
        wrong = next(text for text in texts if not _is_text(text))
        raise InvalidTextError(
            f"R can hold no text like {wrong!r}: it has a NUL, or is no valid Unicode.", text=wrong
        ) from error


def _is_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def from_r(packed: Any) -> pd.DataFrame:
    """Make a frame of what `pack_frame` in R says of a data frame.

    Logical becomes ``bool``, integer ``int64``, both nullable (``boolean``, ``Int64``) where a value is missing; double
    becomes ``float64``, but an integer again where all values are whole and one lies beyond R's integers; character
    ``string``; factors categories. All else (dates, times) comes as R writes it, as ``string``.

    Args:
        packed: The list that `pack_frame` returned.
    """
    names, columns = packed
    arrived = [_column_from_r(*column) for column in columns]
    out = pd.DataFrame(dict(enumerate(arrived)))
    out.columns = pd.Index(list(names), dtype=object)
    return out


def _column_from_r(kind: Any, values: Any, text: Any) -> pd.Series:
    kind, numbers = str(kind[0]), _numbers(values)
    if kind == "double":
        return _whole_again(numbers.astype(np.float64))
    missing = numbers == _NA_INTEGER
    if kind == "logical":
        return pd.Series(pd.arrays.BooleanArray(numbers == 1, missing) if missing.any() else numbers == 1)
    if kind == "integer":
        whole = numbers.astype(np.int64)
        return pd.Series(pd.arrays.IntegerArray(whole, missing) if missing.any() else whole)
    texts = _numbers(text).astype(np.uint8).tobytes().decode().split("\0")[:-1]
    codes = np.where(missing, 0, numbers) - 1
    if kind == "text":
        return pd.Series(np.array([*texts, None], dtype=object)[codes], dtype="string")
    return pd.Series(
        pd.Categorical.from_codes(codes.tolist(), pd.Index(texts, dtype=object), ordered=kind == "ordered")
    )


def _numbers(vector: Any) -> _Array:
    # A copy: R may collect the vector while Python still has the array.
    return np.array(vector.memoryview()) if len(vector) else np.empty(0, np.int32)


def _whole_again(numbers: _Array) -> pd.Series:
    missing = np.isnan(numbers)
    there = numbers[~missing]
    if not len(there) or not (2**31 <= np.abs(there).max() <= _EXACT) or (there != np.trunc(there)).any():
        return pd.Series(numbers)
    whole = np.where(missing, 0, numbers).astype(np.int64)
    return pd.Series(pd.arrays.IntegerArray(whole, missing) if missing.any() else whole)
