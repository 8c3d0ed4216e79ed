"""Read parquet tables as text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from placa.records.codes import Note
from placa.sources.errors import TableFormatError
from placa.sources.tables.text_table import TextTable, name_columns

if TYPE_CHECKING:
    import pyarrow as pa


def read_parquet(path: Path, columns: Sequence[str]) -> TextTable:
    import pyarrow as pa

    from placa.records.parquet_files import read_parquet as read_table

    try:
        table = read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise TableFormatError(
            f"{path} cannot be read as parquet ({error}). Create the file again.",
            file=str(path),
            format="parquet",
        ) from error
    texts, notes = {}, []
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            if _is_list_of_texts(column.type):
                texts[name] = _lists_as_text(column)
                continue
            text = column.cast(pa.string())
            _refuse_nul(path, name, text)
            texts[name] = text.to_pandas().fillna("").str.strip().astype(object)
        except (pa.ArrowException, TypeError, ValueError):
            note = f"{path.name}: column {name!r} was not read: its type {column.type} cannot be converted to text"
            notes.append(Note(note, "column_not_read", file=path.name, column=str(name), type=str(column.type)))
    header = [" ".join(str(name).split()) for name in texts]
    frame = pd.concat(texts.values(), axis=1, keys=range(len(header))) if texts else pd.DataFrame()
    lines = np.arange(1, len(frame) + 1, dtype=np.int64)
    return TextTable(path, name_columns(path, frame, header, columns), lines, notes=notes, unit="row")


def _refuse_nul(path: Path, name: str, column: pa.ChunkedArray) -> None:
    """Refuse the character NUL, which R cannot read, as `read_text_table` does."""
    import pyarrow.compute as pc

    if "\0" in name or pc.any(pc.match_substring(column, "\0")).as_py():
        raise TableFormatError(
            f"Column {name!r} of {path} contains the character NUL. Remove it.", file=str(path), format="binary"
        )


def _is_list_of_texts(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    entry = kind.value_type.value_type if pa.types.is_dictionary(kind.value_type) else kind.value_type
    return bool(pa.types.is_string(entry) or pa.types.is_large_string(entry))


def _lists_as_text(column: pa.ChunkedArray) -> pd.Series:
    """Return lists as JSON, and missing lists as ``""``."""
    texts = ["" if values is None else json.dumps(values, ensure_ascii=False) for values in column.to_pylist()]
    return pd.Series(texts, dtype=object)
