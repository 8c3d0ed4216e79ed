"""Read parquet files of embeddings, in the forms that libraries of Python and of R write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from placa.core.errors import PathNotFoundError
from placa.core.text import as_list
from placa.dataset.errors import EmbeddingColumnError, EmbeddingLengthError
from placa.records.parquet_files import parquet_faults

#: The columns of a file of embeddings. Instead of the second, it may have the columns ``embedding_1``, ``embedding_2``…
IMAGE_ID, EMBEDDING = "image_id", "embedding"
#: Rows that are read at once: 1.5 MB of 768 numbers.
ROWS = 512
#: Bytes of a column that are read at once.
_BUFFER = 1 << 20
_NUMBERED = re.compile(rf"{EMBEDDING}_(\d+)")


def list_embedding_files(places: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the parquet files among files and folders.

    Raises:
        PathNotFoundError: A place does not exist, or a folder has no parquet file.
    """
    files: list[Path] = []
    for place in map(Path, as_list(places)):
        found = sorted(place.glob("*.parquet")) if place.is_dir() else [place]
        if not found or not found[0].is_file():
            what = "has no .parquet file" if place.is_dir() else "does not exist"
            raise PathNotFoundError(f"{place} {what}. Name files of embeddings.", path=str(place))
        files += found
    return files


def open_embeddings(path: Path) -> pq.ParquetFile:
    with parquet_faults(path, "Create it again."):
        # Page by page: by default, the complete file is read ahead.
        return pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)


def columns_of(path: Path, file: pq.ParquetFile) -> list[str]:
    """Return the columns with the numbers: ``embedding``, or ``embedding_1`` and so on."""
    columns = file.schema_arrow.names
    numbered = sorted((name for name in columns if _NUMBERED.fullmatch(name)), key=lambda name: int(name[10:]))
    if IMAGE_ID not in columns or (EMBEDDING not in columns and not numbered):
        lacking = IMAGE_ID if IMAGE_ID not in columns else EMBEDDING
        shown = ", ".join(columns[:8]) + (" …" if len(columns) > 8 else "")
        raise EmbeddingColumnError(
            f"No column {lacking!r} in {path} (columns: {shown}). A file of embeddings has image_id and embedding, a "
            "list of numbers, or embedding_1, embedding_2 and so on.",
            file=str(path),
            column=lacking,
            type=None,
            columns=columns,
        )
    chosen = [EMBEDDING] if EMBEDDING in columns else numbered
    for name in chosen:
        _require_numbers(path, name, file.schema_arrow.field(name).type, chosen != [EMBEDDING])
    return chosen


def read_blocks(
    path: Path, file: pq.ParquetFile, columns: list[str]
) -> Iterator[tuple[list[str], NDArray[np.float32], NDArray[np.bool_]]]:
    """Yield the ids of some rows, the embeddings of those with one, and which have one."""
    for batch in file.iter_batches(ROWS, columns=[IMAGE_ID, *columns], use_threads=False):
        ids = ids_of(batch.column(IMAGE_ID))
        if columns == [EMBEDDING]:
            yield ids, *_vectors(path, batch.column(EMBEDDING), ids)
        else:
            parts = [batch.column(name).cast(pa.float32()).to_numpy(zero_copy_only=False) for name in columns]
            yield ids, np.stack(parts, axis=1), np.ones(len(ids), dtype=bool)


def _require_numbers(path: Path, name: str, kind: pa.DataType, wide: bool) -> None:
    kind = _storage(kind)
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    number = kind if wide else kind.value_type if lists else None
    if number is None or not pa.types.is_floating(number):
        wanted = "a float" if wide else "a list of floats, best of fixed size and float32"
        raise EmbeddingColumnError(
            f"Column {name!r} of {path} must be {wanted}, got {kind}. Write it again.",
            file=str(path),
            column=name,
            type=str(kind),
            columns=[name],
        )


def _storage(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _vectors(path: Path, column: pa.Array, ids: list[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    filled = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    if not filled.all():
        column, ids = column.drop_null(), [one for one, has in zip(ids, filled, strict=True) if has]
    if len(column) == 0:
        return np.empty((0, 0), dtype=np.float32), filled
    lengths = np.asarray(pc.list_value_length(column))
    if (lengths != lengths[0]).any() or lengths[0] == 0:
        odd = int(np.flatnonzero(lengths != lengths[0])[0]) if (lengths != lengths[0]).any() else 0
        raise other_length(path, int(lengths[odd]), int(lengths[0]), ids[odd])
    numbers = column.flatten().to_numpy(zero_copy_only=False)
    # A number beyond the range of float32 becomes infinite, which is reported.
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32, copy=False).reshape(len(column), -1), filled


def ids_of(column: pa.Array | pa.ChunkedArray) -> list[str]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return [one or "" for one in column.cast(pa.string()).to_pylist()]


def other_length(path: Path, length: int, expected: int, image_id: str | None) -> EmbeddingLengthError:
    whose = f"{path} have" if image_id is None else f"{image_id!r} in {path} has"
    return EmbeddingLengthError(
        f"Embeddings must have {expected or 'one or more'} numbers, but those of {whose} {length}. Make all "
        "embeddings with the same network.",
        file=str(path),
        length=length,
        expected=expected,
        image_id=image_id,
    )
