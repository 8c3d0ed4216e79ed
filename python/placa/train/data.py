"""A prepared data set, checked and laid out for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.errors import PlacaError
from placa.manifest import findings_of
from placa.prepared import read_prepared
from placa.reading import Reading, collapse
from placa.splits import assert_disjoint


@dataclass(frozen=True)
class TrainingData:
    """What training needs of a prepared data set.

    Attributes:
        directory: Where it lies.
        manifest: One row a square of the pixel cache.
        files: One row a file; the manifest itself where a file is one square.
        pixels: Grey levels 0-255, shape ``(n, size, size)``, row i for row i of the manifest; a memory map.
        truth: 0, 1, or NaN where unknown, shape ``(n, findings)``.
        findings: Their names, in order.
        reading: How a file became squares.
        facts: The content of ``source.json``.
    """

    directory: Path
    manifest: pd.DataFrame
    files: pd.DataFrame
    pixels: NDArray[np.uint8]
    truth: NDArray[np.float32]
    findings: list[str]
    reading: Reading
    facts: dict[str, Any]

    @property
    def size(self) -> int:
        """Side of the squares, in pixels."""
        return int(self.pixels.shape[1])

    def rows(self, split: str) -> NDArray[np.int64]:
        """The rows of the manifest that belong to a split, in order."""
        return np.flatnonzero(self.manifest["split"] == split)


def read_training_data(directory: Path) -> TrainingData:
    """Read a prepared data set for training.

    Args:
        directory: What ``placa prepare`` wrote.

    Raises:
        PlacaError: It is no prepared data set, a patient is in two splits, or a class is missing from training or
            validation.
    """
    prepared = read_prepared(directory)
    manifest = prepared.manifest
    assert_disjoint(manifest)
    findings = findings_of(manifest)
    files = collapse(manifest, prepared.reading)
    require_classes(files, findings)
    truth = manifest[findings].to_numpy(dtype="float32", na_value=np.nan)
    return TrainingData(directory, manifest, files, prepared.pixels, truth, findings, prepared.reading, prepared.facts)


def require_classes(manifest: pd.DataFrame, findings: list[str]) -> None:
    """Refuse data in which training or validation lacks a class, before any work is done.

    Raises:
        PlacaError: One does; the message names split and finding.
    """
    for split in ("train", "validation"):
        rows = manifest[manifest["split"] == split]
        for finding in findings:
            counts = {value: int((rows[finding] == value).sum()) for value in (0, 1)}
            if not all(counts.values()):
                lacks = f"with {finding}" if not counts[1] else f"without {finding}"
                raise PlacaError(
                    f"The {split} split has no image {lacks} ({len(rows)} images in all), and both kinds are needed: "
                    "prepare more images, or another --seed."
                )
