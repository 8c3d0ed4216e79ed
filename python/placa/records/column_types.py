"""Column types of parquet files of any program, as the few types that placa has (docs/formats.md)."""

from __future__ import annotations

import uuid
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: Integers from here are not exact as doubles, which R has.
INEXACT = 2**53


def plain_columns(table: pa.Table) -> tuple[pa.Table, list[str]]:
    """Convert the columns of a table to text, booleans, integers, doubles, dates and times.

    Categories become their values. Half floats and decimals become doubles. Integers from 2^53, and decimals without
    decimal places from it, become text, so that no identifier is rounded. Bytes become text if all are UTF-8, or a
    UUID each if all have 16 bytes. Times of the day and durations become seconds.

    Args:
        table: The table of a parquet file.

    Returns:
        The table without the columns of other types (lists, structures, maps, other bytes), and their names.
    """
    names, columns, left_out = [], [], []
    for name, column in zip(table.column_names, table.columns, strict=True):
        plain = _plain(column)
        if plain is None:
            left_out.append(name)
        else:
            names.append(name)
            columns.append(plain)
    return pa.table(columns, names=names), left_out


def largest_integer(column: Any) -> int:
    """Return the largest absolute value of a column of integers or decimals; 0 without values."""
    ends = pc.min_max(column).as_py().values()
    return max((abs(end) for end in ends if end is not None), default=0)


def _plain(column: Any) -> Any:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type))
    if pa.types.is_integer(kind):
        return column if largest_integer(column) < INEXACT else column.cast(pa.string())
    if pa.types.is_decimal(kind):
        return _plain_decimal(column)
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _plain_bytes(column)
    if pa.types.is_binary_view(kind):
        return _plain_bytes(column.cast(pa.binary()))
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return _seconds(column)
    known = (pa.types.is_string, pa.types.is_boolean, pa.types.is_null, pa.types.is_date, pa.types.is_timestamp)
    return column if any(is_kind(kind) for is_kind in known) else None


def _plain_decimal(column: Any) -> Any:
    if column.type.scale == 0:
        return column.cast(pa.string() if largest_integer(column) >= INEXACT else pa.int64())
    return column.cast(pa.float64())


def _plain_bytes(column: Any) -> Any:
    values = column.to_pylist()
    known = [value for value in values if value is not None]
    if known and all(len(value) == 16 for value in known):
        return pa.chunked_array(
            [[None if value is None else str(uuid.UUID(bytes=value)) for value in values]], pa.string()
        )
    try:
        texts = [None if value is None else value.decode() for value in values]
    except UnicodeDecodeError:
        return None
    return None if any("\0" in text for text in texts if text) else pa.chunked_array([texts], pa.string())


def _seconds(column: Any) -> Any:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
    whole = column.cast(pa.int32()).cast(pa.int64()) if column.type.bit_width == 32 else column.cast(pa.int64())
    return pc.divide(whole.cast(pa.float64(), safe=False), float(per_second))
