"""Join embeddings of images, from parquet files, to the images of a data set, in the order of the data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from placa.core.files import fingerprint
from placa.core.places import public_path
from placa.core.progress import SILENT, Progress
from placa.dataset.embedding_files import (
    IMAGE_ID,
    ROWS,
    columns_of,
    ids_of,
    list_embedding_files,
    open_embeddings,
    other_length,
    read_blocks,
)
from placa.dataset.errors import DuplicateEmbeddingError, InvalidEmbeddingError, NoEmbeddingsError
from placa.records.embeddings import (
    EMBEDDINGS_SCHEMA,
    EmbeddingFacts,
    JoinedEmbeddings,
    Provenance,
    complete_provenance,
    require_same,
)
from placa.records.parquet_files import placa_metadata


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of the images of a data set.

    Attributes:
        vectors: Float32, shape ``(images, length)``, in the order of the images; those without one are left out.
        present: Whether each image has an embedding, shape ``(images with and without one,)``.
        facts: How they were joined.
        files: Their files.
    """

    vectors: NDArray[np.float32]
    present: NDArray[np.bool_]
    facts: JoinedEmbeddings
    files: list[Path]


def read_embeddings(
    places: str | Path | Iterable[str | Path],
    image_ids: Sequence[str] | pd.Series | None = None,
    given: Mapping[str, str] | None = None,
    expected: EmbeddingFacts | None = None,
    of: str = "",
    progress: Progress = SILENT,
) -> tuple[Embeddings, list[str]]:
    """Read embeddings in the order of images.

    Memory is that of the result and of a few thousand rows.

    Args:
        places: Parquet files, and folders of them.
        image_ids: The images; by default those of the files, in their order.
        given: Provenance that the files do not state.
        expected: Embeddings that these are compared with, such as those of a run.
        of: What `expected` belongs to, for messages.
        progress: Display for the counts.

    Returns:
        The embeddings, and the ids of the images with one.

    Raises:
        ProvenanceMismatchError: Two files, or the files and `expected`, were made in different ways.
        PlacaError: A file is missing or damaged, lacks a column, or has an invalid or duplicate embedding (see
            `placa.dataset.errors`); or no image has an embedding.
    """
    files = list_embedding_files(places)
    opened = [open_embeddings(file) for file in files]
    columns = [columns_of(path, file) for path, file in zip(files, opened, strict=True)]
    provenance = _common_provenance(files, opened, given or {}, expected, of)
    if image_ids is None:
        image_ids = pd.Series([one for file in opened for one in ids_of(file.read([IMAGE_ID]).column(0))])
        image_ids = image_ids.drop_duplicates()
    index = pd.Index(np.asarray(image_ids, dtype=object))
    present = np.zeros(len(index), dtype=bool)
    vectors: NDArray[np.float32] | None = None
    length = expected["length"] if expected else None
    rows = unused = empty = 0
    example = ""
    for path, file, names in zip(files, opened, columns, strict=True):
        for ids, values, filled in read_blocks(path, file, names):
            example = example or ids[0]
            rows += len(ids)
            places_of = index.get_indexer(pd.Index(ids, dtype=object))
            unused += int((places_of < 0).sum())
            empty += int(((places_of >= 0) & ~filled).sum())
            if not filled.any():
                continue
            if length is None:
                length = values.shape[1]
            if values.shape[1] != length:
                raise other_length(path, values.shape[1], length, None)
            if vectors is None:
                vectors = np.zeros((len(index), length), dtype=np.float32)
            wanted = places_of[filled]
            _add(vectors, present, values, wanted, path, index)
    if vectors is None or not present.any():
        expected_id = str(index[0]) if len(index) else ""
        raise NoEmbeddingsError(
            f"None of the {rows:,} rows of {files[0]} has the id of one of the {len(index):,} images: the file has "
            f"{example!r}, the data set {expected_id!r}. Write image_id as in the manifest.",
            files=[str(file) for file in files],
            rows=rows,
            images=len(index),
            example=example,
            expected=expected_id,
        )
    used, missing = int(present.sum()), int((~present).sum())
    facts: JoinedEmbeddings = {
        "length": int(vectors.shape[1]),
        "provenance": provenance,
        "files": [public_path(file) for file in files],
        "fingerprint": fingerprint(*files),
        "rows": rows,
        "used": used,
        "unused": unused,
        "empty": empty,
        "missing": missing,
    }
    progress.say(
        f"embeddings: {rows:,} rows = {used:,} used + {unused:,} unused + {empty:,} empty; "
        f"{len(index):,} images = {used:,} used + {missing:,} without an embedding"
    )
    if missing:
        _pack(vectors, present)
        vectors = vectors[:used]
    return Embeddings(vectors, present, facts, files), [str(one) for one in index[present]]


def _add(
    vectors: NDArray[np.float32],
    present: NDArray[np.bool_],
    values: NDArray[np.float32],
    wanted: NDArray[np.int64],
    path: Path,
    index: pd.Index,
) -> None:
    """Copy the embeddings of known images; `wanted` is -1 for others."""
    known = wanted >= 0
    wanted, values = wanted[known], values[known]
    repeated = present[wanted]
    if len(np.unique(wanted)) < len(wanted):
        repeated = repeated | pd.Series(wanted).duplicated().to_numpy()
    if repeated.any():
        name = str(index[wanted[repeated][0]])
        raise DuplicateEmbeddingError(
            f"{path} has several embeddings of the image {name!r}, or another file has one. Keep one row per image.",
            file=str(path),
            image_id=name,
        )
    broken = ~np.isfinite(values).all(axis=1)
    if broken.any():
        name = str(index[wanted[broken][0]])
        raise InvalidEmbeddingError(
            f"{int(broken.sum()):,} embeddings of {path} have a missing or infinite number, such as that of {name!r}. "
            "Make them again.",
            file=str(path),
            image_id=name,
            rows=int(broken.sum()),
        )
    vectors[wanted] = values
    present[wanted] = True


def _pack(vectors: NDArray[np.float32], present: NDArray[np.bool_]) -> None:
    """Move the rows that are present to the front, block by block, without a copy of the array."""
    rows = np.flatnonzero(present)
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        vectors[start : start + len(part)] = vectors[part]


def _common_provenance(
    files: Sequence[Path],
    opened: Sequence[pq.ParquetFile],
    given: Mapping[str, str],
    expected: EmbeddingFacts | None,
    of: str,
) -> Provenance:
    each = [
        complete_provenance(placa_metadata(file.schema_arrow, path, EMBEDDINGS_SCHEMA), given, str(path))
        for path, file in zip(files, opened, strict=True)
    ]
    for path, one in zip(files, each, strict=True):
        require_same(one, each[0], str(path), str(files[0]))
    if expected is not None:
        require_same(each[0], expected["provenance"], str(files[0]), of)
    return each[0]
