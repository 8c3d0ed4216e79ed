"""A prepared data set on disk, whole: what `placa prepare` wrote and what `placa audit` reads again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.files import read_json
from placa.dataset.errors import RowCountMismatchError
from placa.dataset.pixel_cache import open_pixels
from placa.records.manifest import read_manifest
from placa.records.reading import Reading


@dataclass(frozen=True)
class Prepared:
    """A prepared data set.

    Attributes:
        manifest: One row an image.
        pixels: Grey levels 0-255, shape ``(n, size, size)``, row i for row i of the manifest; a memory map.
        facts: The content of ``source.json``.
        table: Every row of the source's own table, or None (see `placa.sources.source.Source`).
        other_labels: A second source of labels, or None.
        boxes: Where lesions lie, or None.
    """

    manifest: pd.DataFrame
    pixels: NDArray[np.uint8]
    facts: dict[str, Any]
    table: pd.DataFrame | None
    other_labels: pd.DataFrame | None
    boxes: pd.DataFrame | None

    @property
    def reading(self) -> Reading:
        """How a file became rows of the manifest."""
        return Reading.from_dict(self.facts.get("reading"))


#: The tables that a prepared set has only where its source has them, by file name.
OPTIONAL_TABLES = {"table": "table.parquet", "other_labels": "labels.parquet", "boxes": "boxes.parquet"}


def read_prepared(directory: Path) -> Prepared:
    """Read a prepared data set.

    Args:
        directory: What ``placa prepare`` wrote.

    Raises:
        NotPreparedError: It is no prepared data set.
        RowCountMismatchError: Its pixels do not belong to its manifest.
    """
    manifest, pixels = read_images(directory)
    optional = {
        name: pd.read_parquet(directory / file) if (directory / file).is_file() else None
        for name, file in OPTIONAL_TABLES.items()
    }
    return Prepared(manifest, pixels, read_json(directory / "source.json"), **optional)


def read_images(directory: Path, size: int | None = None) -> tuple[pd.DataFrame, NDArray[np.uint8]]:
    """Read what every stage needs of a prepared data set: its manifest, and its pixels as a memory map.

    Args:
        directory: What ``placa prepare`` wrote.
        size: Side of the squares, in pixels; the only one there is by default.

    Raises:
        NotPreparedError: It is no prepared data set.
        MissingPixelsError: It has no pixels of that size.
        RowCountMismatchError: Its pixels do not belong to its manifest.
    """
    manifest, pixels = read_manifest(directory), open_pixels(directory, size)
    if len(pixels) != len(manifest):
        rows = len(manifest)
        message = f"{directory} has {rows} rows in its manifest and {len(pixels)} in its pixels: prepare it again."
        raise RowCountMismatchError(message, rows=rows, pixels=len(pixels))
    return manifest, pixels
