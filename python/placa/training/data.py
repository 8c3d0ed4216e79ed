"""A prepared data set, checked and laid out for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.progress import Progress
from placa.dataset.prepared import read_prepared
from placa.dataset.splits import assert_disjoint
from placa.records.manifest import findings_of
from placa.records.reading import Reading, collapse
from placa.training.errors import MissingClassError

#: The class that a finding lacks where no image is ``with`` it, or ``without``.
_CLASSES = {"with": "positive", "without": "negative"}


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


def read_training_data(directory: Path, by_splits: bool = True) -> TrainingData:
    """Read a prepared data set for training.

    Args:
        directory: What ``placa prepare`` wrote.
        by_splits: Whether its splits are trained by, and not folds of all of it, which see to their own classes.

    Raises:
        PlacaError: It is no prepared data set, a patient is in two splits, or a class is missing from training or
            validation.
    """
    prepared = read_prepared(directory)
    manifest = prepared.manifest
    assert_disjoint(manifest)
    findings = findings_of(manifest)
    files = collapse(manifest, prepared.reading)
    if by_splits:
        require_classes(files, findings)
    truth = manifest[findings].to_numpy(dtype="float32", na_value=np.nan)
    return TrainingData(directory, manifest, files, prepared.pixels, truth, findings, prepared.reading, prepared.facts)


def require_classes(manifest: pd.DataFrame, findings: list[str]) -> None:
    """Refuse data from which nothing can be learnt, or by which nothing can be judged, before any work is done.

    Every finding needs images of both classes in training. In validation one finding that has both is enough: of
    fourteen findings a rare one may well have no positive image there, and is then not part of the mean AUROC, keeps
    its scores as they are and gets thresholds of 0.5.

    Raises:
        PlacaError: A class is missing; the message names split and finding.
    """
    for split in ("train", "validation"):
        rows = manifest[manifest["split"] == split]
        truth = rows[findings].to_numpy(dtype="float32", na_value=np.nan)
        lacking = _lacking(truth, findings)
        if lacking and (split == "train" or len(lacking) == len(findings)):
            finding, lacks = next(iter(lacking.items()))
            others = f"; {len(lacking) - 1} other findings lack a class too" if len(lacking) > 1 else ""
            raise MissingClassError(
                f"The {split} split has no image {lacks} {finding} among {len(rows)}{others}. Prepare more images, or "
                "use another --seed.",
                split=split,
                finding=finding,
                missing=_CLASSES[lacks],
                images=len(rows),
                findings=list(lacking),
            )


def require_both(
    learnt: NDArray[np.float32], judged: NDArray[np.float32], findings: list[str], progress: Progress
) -> None:
    """Do as `require_classes` does, for one network's own rows, and warn of findings that validation cannot judge.

    Args:
        learnt: The truth of the rows to learn from: 0, 1, or NaN where unknown, shape ``(n, findings)``.
        judged: The truth of the rows to judge by.
        findings: Their names.
        progress: Where to warn.

    Raises:
        PlacaError: A class is missing.
    """
    for split, name, truth in (("train", "training", learnt), ("validation", "validation", judged)):
        lacking = _lacking(truth, findings)
        if lacking and (truth is learnt or len(lacking) == len(findings)):
            finding, lacks = next(iter(lacking.items()))
            raise MissingClassError(
                f"No image {lacks} {finding} among {len(truth)} {name} images. Prepare more images, or use another "
                "--seed.",
                split=split,
                finding=finding,
                missing=_CLASSES[lacks],
                images=len(truth),
                findings=list(lacking),
            )
    for finding, lacks in lacking.items():
        progress.warn(
            f"no validation image {lacks} {finding}: this finding does not count in the choice of the epoch, its "
            "scores are not recalibrated, and its thresholds are 0.5"
        )


def _lacking(truth: NDArray[np.float32], findings: list[str]) -> dict[str, str]:
    """The findings that have images of one class only: ``with`` or ``without`` it there are none."""
    counts = {value: (truth == value).sum(axis=0) for value in (0, 1)}
    return {
        finding: "without" if counts[1][i] else "with"
        for i, finding in enumerate(findings)
        if not (counts[0][i] and counts[1][i])
    }
