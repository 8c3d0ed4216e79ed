"""Convert data frames between Python and the R that rpy2 embeds.

rpy2's own pandas converter turns integers beyond 2^31 into text, missing integers into -2147483648, and converts texts
one by one. Here each column is copied as one block of numbers. A text column is an array of indices into its distinct
texts, which are one block of UTF-8, each terminated by NUL, the only character that R's texts cannot contain.
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

# R's missing values: for integers and logicals, and for doubles (a NaN with 1954 in its lower 32 bits).
_NA_INTEGER = np.int32(-(2**31))
_NA_REAL = np.uint64(0x7FF00000000007A2).view(np.float64)
_EXACT = 2**53  # Doubles represent all integers up to this one exactly.

# `unpack_frame` creates the data frame from the output of `to_r`; `pack_frame` creates the input of `from_r`.
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
    """Convert a frame to an R list, from which `unpack_frame` in R creates the data frame.

    Booleans become logical. Integers become integer, beyond 2^31 double, and beyond 2^53, where doubles are no longer
    exact, character. Floats become double. Categories become a factor, ordered if they are ordered. All other types,
    such as dates, become character. Missing values become the ``NA`` of the type. ``frame.attrs["placa"]``, which must
    be serialisable as JSON, becomes the attribute ``placa``, as `read_predictions` in R sets it.

    Args:
        frame: Any frame; its index is dropped.

    Raises:
        InvalidTextError: A text contains a NUL or is not valid Unicode.
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
    column = _inferred_type(column)
    missing = column.isna().to_numpy()
    if isinstance(column.dtype, pd.CategoricalDtype):
        texts = [str(level) for level in column.cat.categories]
        if len(set(texts)) == len(texts):
            kind = "ordered" if column.cat.ordered else "factor"
            return _to_r_list(kind, column.cat.codes.to_numpy(), missing, texts)
    if types.is_bool_dtype(column.dtype):
        return _to_r_list("logical", column.fillna(False).to_numpy(np.int32), missing)
    if types.is_integer_dtype(column.dtype):
        integers = column.fillna(0).to_numpy(np.uint64 if str(column.dtype).lower() == "uint64" else np.int64)
        largest = max(abs(int(integers.min())), abs(int(integers.max()))) if len(integers) else 0
        if largest < 2**31:
            return _to_r_list("integer", integers, missing)
        if largest <= _EXACT:
            return _to_r_list("double", integers, missing)
    elif types.is_float_dtype(column.dtype):
        return _to_r_list("double", column.to_numpy(np.float64, na_value=np.nan), missing)
    # R's indices start at 1.
    codes, values = pd.factorize(column)
    return _to_r_list("text", codes + 1, missing, [str(value) for value in values])


def _inferred_type(column: pd.Series) -> pd.Series:
    """Convert a column of Python objects to the type that all of them have, if there is one."""
    if column.dtype != object:
        return column
    kinds = {"boolean": "boolean", "integer": "Int64", "floating": "Float64", "mixed-integer-float": "Float64"}
    kind = kinds.get(types.infer_dtype(column, skipna=True))
    try:
        return column.astype(types.pandas_dtype(kind)) if kind else column
    except OverflowError:  # An integer beyond 2^63.
        return column


def _to_r_list(kind: str, values: _Array, missing: _Array, texts: Sequence[str] = ()) -> Any:
    import rpy2.rinterface as ri

    if kind == "double":
        vector = ri.FloatSexpVector.from_memoryview(_contiguous(np.where(missing, _NA_REAL, values.astype(np.float64))))
    else:
        integers = np.where(missing, _NA_INTEGER, (values + (kind in {"factor", "ordered"})).astype(np.int32))
        of_kind = ri.BoolSexpVector if kind == "logical" else ri.IntSexpVector
        vector = of_kind.from_memoryview(_contiguous(integers))
    return r_list(
        kind=ri.StrSexpVector([kind]),
        values=vector,
        text=ri.ByteSexpVector(_to_bytes(texts)),
        n_text=ri.IntSexpVector([len(texts)]),
    )


def r_list(**parts: Any) -> Any:
    """Return a named R list of R values."""
    import rpy2.rinterface as ri

    out = ri.ListSexpVector(list(parts.values()))
    out.names = ri.StrSexpVector(list(parts))
    return out


def _contiguous(values: _Array) -> memoryview:
    return np.ascontiguousarray(values).data


def _to_bytes(texts: Sequence[str]) -> bytes:
    joined = "".join(f"{text}\0" for text in texts)
    try:
        if joined.count("\0") > len(texts):
            raise ValueError("a NUL")
        return joined.encode()
    except ValueError as error:  # UnicodeEncodeError is one.
        wrong = next(text for text in texts if not _is_valid(text))
        raise InvalidTextError(
            f"The text {wrong!r} contains a NUL or is not valid Unicode, so R cannot read it. Remove these characters.",
            text=wrong,
        ) from error


def _is_valid(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def from_r(packed: Any) -> pd.DataFrame:
    """Create a frame from the output of `pack_frame` in R.

    Logical becomes ``bool`` and integer ``int64``, or ``boolean`` and ``Int64`` if a value is missing. Double becomes
    ``float64``, or ``int64`` if all values are integers and one of them exceeds the range of R's integers. Character
    becomes ``string`` and factors become categories. All other types (dates, times) become ``string``, formatted by R.

    Args:
        packed: The list that `pack_frame` returned.
    """
    names, columns = packed
    converted = [_column_from_r(*column) for column in columns]
    out = pd.DataFrame(dict(enumerate(converted)))
    out.columns = pd.Index(list(names), dtype=object)
    return out


def _column_from_r(kind: Any, values: Any, text: Any) -> pd.Series:
    kind, numbers = str(kind[0]), _to_numpy(values)
    if kind == "double":
        return _as_integers(numbers.astype(np.float64))
    missing = numbers == _NA_INTEGER
    if kind == "logical":
        return pd.Series(pd.arrays.BooleanArray(numbers == 1, missing) if missing.any() else numbers == 1)
    if kind == "integer":
        integers = numbers.astype(np.int64)
        return pd.Series(pd.arrays.IntegerArray(integers, missing) if missing.any() else integers)
    texts = _to_numpy(text).astype(np.uint8).tobytes().decode().split("\0")[:-1]
    codes = np.where(missing, 0, numbers) - 1
    if kind == "text":
        return pd.Series(np.array([*texts, None], dtype=object)[codes], dtype="string")
    return pd.Series(
        pd.Categorical.from_codes(codes.tolist(), pd.Index(texts, dtype=object), ordered=kind == "ordered")
    )


def _to_numpy(vector: Any) -> _Array:
    # A copy: R may free the vector while Python still uses the array.
    return np.array(vector.memoryview()) if len(vector) else np.empty(0, np.int32)


def _as_integers(numbers: _Array) -> pd.Series:
    """Convert doubles back to the integers that were too large for R's integers; leave other doubles unchanged."""
    missing = np.isnan(numbers)
    present = numbers[~missing]
    if not len(present) or not (2**31 <= np.abs(present).max() <= _EXACT) or (present != np.trunc(present)).any():
        return pd.Series(numbers)
    integers = np.where(missing, 0, numbers).astype(np.int64)
    return pd.Series(pd.arrays.IntegerArray(integers, missing) if missing.any() else integers)
