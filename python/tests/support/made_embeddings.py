"""Embeddings of a prepared data set, as a user makes them with other libraries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

LENGTH = 16
PROVENANCE: dict[str, Any] = {
    "library": "timm",
    "version": "1.0.31",
    "checkpoint": "sha256:" + "1" * 64,
    "input_size": 224,
    "resize": "short side 224, bicubic, centre crop",
    "dtype": "float32",
    "backend": "torch",
}


def vectors_of(prepared: Path) -> tuple[list[str], np.ndarray]:
    """Return ids and embeddings: random numbers, with the label of the first finding in one of them."""
    manifest = pd.read_parquet(prepared / "manifest.parquet")
    random = np.random.default_rng(5)
    vectors = random.normal(size=(len(manifest), LENGTH)).astype("float32")
    vectors[:, 3] += 4 * manifest["Opacity"].fillna(0).to_numpy(dtype="float32")
    # Far from zero, and another scale, as embeddings are.
    return manifest["image_id"].tolist(), vectors * np.float32(0.01) + np.float32(7)


def write_embeddings(
    path: Path, ids: list[Any], vectors: np.ndarray, provenance: dict[str, Any] | None = PROVENANCE
) -> Path:
    """Write a file of embeddings as documented: a list of fixed size per image, and the provenance."""
    values = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    return write_columns(path, {"image_id": ids, "embedding": values}, provenance)


def write_columns(path: Path, columns: dict[str, Any], provenance: dict[str, Any] | None = PROVENANCE) -> Path:
    """Write any columns, with the provenance as metadata."""
    table = pa.table(columns)
    if provenance is not None:
        table = table.replace_schema_metadata({"placa": json.dumps(provenance)})
    pq.write_table(table, path)
    return path
