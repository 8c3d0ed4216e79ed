"""Read a prepared data set for training, and check it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.progress import SILENT, Progress
from placa.dataset.embeddings import Embeddings, read_embeddings
from placa.dataset.errors import VolumeEmbeddingsError
from placa.dataset.prepared import read_prepared, select_rows, warn_if_changed
from placa.dataset.splits import assert_disjoint
from placa.records.manifest import findings_of
from placa.records.reading import Reading, collapse
from placa.records.source import SourceFacts
from placa.training.errors import MissingClassError, NotExclusiveError

#: The missing class of a finding that has no image ``with`` it, or none ``without``.
_CLASSES = {"with": "positive", "without": "negative"}


@dataclass(frozen=True)
class TrainingData:
    """A prepared data set for training.

    Attributes:
        directory: Its directory.
        manifest: One row per square of the pixel cache.
        files: One row per file; the manifest itself if each file is one square.
        pixels: Memory map of grey levels 0-255, shape ``(n, size, size)``, in the order of the manifest.
        truth: 0, 1, or NaN where unknown, shape ``(n, findings)``.
        findings: Names of the findings, in order.
        reading: Conversion of a file to squares.
        facts: Content of ``source.json``.
        embeddings: Embeddings of the rows of the manifest, on which a head is trained in place of a network on the
            pixels; None without them.
    """

    directory: Path
    manifest: pd.DataFrame
    files: pd.DataFrame
    pixels: NDArray[np.uint8]
    truth: NDArray[np.float32]
    findings: list[str]
    reading: Reading
    facts: SourceFacts
    embeddings: Embeddings | None = None

    @property
    def inputs(self) -> NDArray[Any]:
        """What the network receives, one row per row of the manifest: embeddings, or the pixels."""
        return self.pixels if self.embeddings is None else self.embeddings.vectors

    @property
    def size(self) -> int:
        """Side of the squares, in pixels."""
        return int(self.pixels.shape[1])

    def rows(self, split: str) -> NDArray[np.int64]:
        """Return the rows of the manifest in a split, in order."""
        return np.flatnonzero(self.manifest["split"] == split)


def read_training_data(
    directory: Path,
    by_splits: bool = True,
    features: str | Path | Iterable[str | Path] = (),
    provenance: Mapping[str, str] | None = None,
    progress: Progress = SILENT,
) -> TrainingData:
    """Read a prepared data set for training.

    Args:
        directory: A directory from ``placa prepare``.
        by_splits: Whether training uses the prepared splits and not folds.
        features: Files of embeddings; images without an embedding are left out.
        provenance: Provenance of the embeddings that the files do not state.
        progress: Display for the numbers of images.

    Returns:
        The data set.

    Raises:
        VolumeEmbeddingsError: There are embeddings, but the data set has volumes.
        MissingClassError: A class is missing from the training or the validation split.
        PlacaError: The directory is not a prepared data set, or a patient is in two splits.
    """
    prepared = read_prepared(directory)
    manifest, pixels, embeddings = prepared.manifest, prepared.pixels, None
    warn_if_changed(directory, prepared.facts, progress)
    if features:
        if prepared.reading.squares > 1:
            raise VolumeEmbeddingsError(
                f"{directory} has CT volumes of {prepared.reading.squares} squares each, and a file of embeddings has "
                "one row per image. Train without --features.",
                prepared=str(directory),
                squares=prepared.reading.squares,
            )
        embeddings, _ = read_embeddings(features, manifest["image_id"], provenance, progress=progress)
        manifest = manifest[embeddings.present].reset_index(drop=True)
        pixels = select_rows(pixels, embeddings.present)
    assert_disjoint(manifest)
    findings = findings_of(manifest)
    files = collapse(manifest, prepared.reading)
    if by_splits:
        require_classes(files, findings)
    truth = manifest[findings].to_numpy(dtype="float32", na_value=np.nan)
    return TrainingData(
        directory, manifest, files, pixels, truth, findings, prepared.reading, prepared.facts, embeddings
    )


def require_classes(manifest: pd.DataFrame, findings: list[str]) -> None:
    """Check before training that both classes exist.

    Every finding needs images of both classes in the training split. In the validation split one finding with both
    classes is enough: a rare finding may have no positive validation image. It is then not part of the mean AUROC, its
    scores are not recalibrated, and its thresholds are 0.5.

    Args:
        manifest: One row per file, with ``split`` and one column per finding.
        findings: Names of the findings.

    Raises:
        MissingClassError: A class is missing.
    """
    labels = manifest[findings].to_numpy(dtype="float32", na_value=np.nan)
    training, validation = (labels[manifest["split"] == split] for split in ("train", "validation"))
    require_both_classes(training, validation, findings, SILENT)


def require_exclusive(truth: NDArray[np.float32], findings: list[str]) -> None:
    """Check that findings can exclude each other: there are several, and no image has two.

    Args:
        truth: All labels: 0, 1, or NaN where unknown, shape ``(n, findings)``.
        findings: Names of the findings.

    Raises:
        NotExclusiveError: There is only one finding, or an image has several.
    """
    several = int((np.nansum(truth, axis=1) > 1).sum())
    if len(findings) < 2 or several:
        reason = f"{several} images have several of them" if several else "there is only one finding"
        raise NotExclusiveError(
            f"The findings {', '.join(findings)} do not exclude each other: {reason}. Train without --classes "
            "exclusive, or prepare other findings.",
            findings=findings,
            images=several,
        )


def require_both_classes(
    training: NDArray[np.float32], validation: NDArray[np.float32], findings: list[str], progress: Progress
) -> None:
    """Check the labels of one network as `require_classes` does, and warn of findings without a validation class.

    Args:
        training: Truth of the training rows: 0, 1, or NaN where unknown, shape ``(n, findings)``.
        validation: Truth of the validation rows, same format.
        findings: Names of the findings.
        progress: Display for warnings.

    Raises:
        MissingClassError: A class is missing.
    """
    for split, name, truth in (("train", "training", training), ("validation", "validation", validation)):
        lacking = _lacking(truth, findings)
        if lacking and (split == "train" or len(lacking) == len(findings)):
            finding, lacks = next(iter(lacking.items()))
            others = f"; {len(lacking) - 1} other findings lack a class too" if len(lacking) > 1 else ""
            raise MissingClassError(
                f"No image {lacks} {finding} among {len(truth)} {name} images{others}. Prepare more images, or use "
                "another --seed.",
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
    """Return the findings with images of one class only, and whether images ``with`` or ``without`` it are missing."""
    counts = {value: (truth == value).sum(axis=0) for value in (0, 1)}
    return {
        finding: "without" if counts[1][i] else "with"
        for i, finding in enumerate(findings)
        if not (counts[0][i] and counts[1][i])
    }
