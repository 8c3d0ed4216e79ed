"""Read a prepared data set, which `placa prepare` wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.files import fingerprint
from placa.core.progress import Progress
from placa.dataset.batches import SplitRows, keras_batches, tensorflow_batches, torch_dataset
from placa.dataset.errors import RowCountMismatchError
from placa.dataset.pixel_cache import open_pixels, pixels_path
from placa.records.audit import Audit
from placa.records.errors import InvalidRecordError
from placa.records.files import read_record
from placa.records.manifest import findings_of, read_manifest
from placa.records.parquet_files import read_parquet_frame
from placa.records.reading import Reading
from placa.records.source import SourceFacts


@dataclass(frozen=True)
class Prepared:
    """A prepared data set.

    Attributes:
        manifest: One row per image.
        pixels: Grey levels 0-255, shape ``(n, size, size)``, row i for row i of the manifest; a memory map.
        facts: The content of ``source.json``.
        table: All rows of the table of the source, or None (see `placa.sources.source.Source`).
        other_labels: Labels of a second source, or None.
        boxes: Bounding boxes of lesions, or None.
        acquisition: How the images were acquired and read, or None (see `placa.sources.source.Source`).
    """

    manifest: pd.DataFrame
    pixels: NDArray[np.uint8]
    facts: SourceFacts
    table: pd.DataFrame | None
    other_labels: pd.DataFrame | None
    boxes: pd.DataFrame | None
    acquisition: pd.DataFrame | None = None

    @property
    def reading(self) -> Reading:
        """The rule for reading files."""
        return Reading.from_record(self.facts["reading"])

    def dataset(self, split: str, batch_size: int = 32, shuffle: bool | None = None, seed: int = 0) -> Any:
        """Return batches for a training loop of your own, without augmentation.

        Args:
            split: ``train``, ``validation`` or ``test``.
            batch_size: Images per batch; the last one can be shorter.
            shuffle: Whether each epoch has another order; by default for ``train`` only.
            seed: Seed of the order.

        Returns:
            A `keras.utils.PyDataset` of uint8 grey levels ``(b, size, size, 1)`` and float32 labels ``(b, findings)``:
            0, 1, or NaN where unknown. A CT volume has one item per square.

        Raises:
            UnknownNameError: No split has that name.
        """
        return keras_batches(self._split(split), batch_size, shuffle, seed)

    def to_tf(self, split: str, batch_size: int = 32, shuffle: bool | None = None, seed: int = 0) -> Any:
        """Return the batches of `dataset` as a `tf.data.Dataset`. Raises `MissingPackageError` without TensorFlow."""
        return tensorflow_batches(self._split(split), batch_size, shuffle, seed)

    def to_torch(self, split: str) -> Any:
        """Return a split as a `torch.utils.data.Dataset`, to which a `DataLoader` adds batches and their order.

        Returns:
            A dataset of uint8 grey levels ``(1, size, size)`` and float32 labels ``(findings,)``, as for `dataset`.

        Raises:
            MissingPackageError: torch cannot be imported.
        """
        return torch_dataset(self._split(split))

    def _split(self, split: str) -> SplitRows:
        return SplitRows(self.manifest, self.pixels, split)


#: Files of the optional tables; a prepared data set has those that its source has.
OPTIONAL_TABLES = {
    "table": "table.parquet",
    "other_labels": "labels.parquet",
    "boxes": "boxes.parquet",
    "acquisition": "acquisition.parquet",
}


def read_prepared(directory: str | Path) -> Prepared:
    """Read a prepared data set.

    Args:
        directory: The directory that ``placa prepare`` wrote.

    Raises:
        NotPreparedError: `directory` is not a prepared data set.
        RowCountMismatchError: Manifest and pixels have different numbers of rows.
        InvalidRecordError: The manifest has other findings than ``source.json``.
    """
    directory = Path(directory)
    manifest, pixels = read_images(directory)
    facts = read_record(directory / "source.json", SourceFacts)
    if set(facts["findings"]) != set(findings_of(manifest)):
        problem = f"its findings are {', '.join(facts['findings'])}, those of the manifest {findings_of(manifest)}"
        message = f"{directory / 'source.json'} does not belong to its manifest: {problem}. Run placa prepare again."
        raise InvalidRecordError(message, path=str(directory / "source.json"), problem=problem)
    optional = {
        name: read_parquet_frame(directory / file, "Run placa prepare again.") if (directory / file).is_file() else None
        for name, file in OPTIONAL_TABLES.items()
    }
    return Prepared(manifest, pixels, facts, **optional)


def warn_if_changed(directory: Path, facts: SourceFacts, progress: Progress) -> None:
    """Warn if a file has changed since `placa prepare`. Compares the fingerprints in ``source.json``."""
    pixels, stored = pixels_path(directory, facts["image_size"]), facts.get("files", {})
    changed = [name for name, one in stored.items() if _fingerprint(directory / name) != one]
    manifest = "manifest.parquet"
    if manifest not in changed and _fingerprint(directory / manifest, pixels) != facts["fingerprint"]:
        # Sets of the first versions have one fingerprint for both.
        changed += [pixels.name] if stored else [manifest, pixels.name]
    audit = directory / "audit.json"
    if audit.is_file() and read_record(audit, Audit).get("fingerprint", facts["fingerprint"]) != facts["fingerprint"]:
        changed.append(audit.name)
    if changed:
        progress.warn(
            f"files of {directory} were changed after placa prepare, or belong to another set: {', '.join(changed)}. "
            "Labels and splits may be those of other images. Run placa prepare again if you did not change them"
        )


def _fingerprint(*files: Path) -> str:
    return fingerprint(*(file for file in files if file.is_file()))


def read_images(directory: str | Path, size: int | None = None) -> tuple[pd.DataFrame, NDArray[np.uint8]]:
    """Read the manifest of a prepared data set, and open its pixels as a memory map.

    Args:
        directory: The directory that ``placa prepare`` wrote.
        size: Side of the squares, in pixels; by default that of the first pixel cache.

    Raises:
        NotPreparedError: `directory` is not a prepared data set.
        MissingPixelsError: It has no pixels of that size.
        RowCountMismatchError: Manifest and pixels have different numbers of rows.
    """
    directory = Path(directory)
    manifest, pixels = read_manifest(directory), open_pixels(directory, size)
    if len(pixels) != len(manifest):
        rows = len(manifest)
        message = f"{directory} has {rows} rows in its manifest, {len(pixels)} in its pixels. Run placa prepare again."
        raise RowCountMismatchError(message, rows=rows, pixels=len(pixels))
    return manifest, pixels


class _SelectedRows:
    """Rows of an array on disk, read when they are indexed."""

    def __init__(self, array: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        self._array, self._rows, self.shape = array, rows, (len(rows), *array.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, slice) and rows.stop is None:
            # A view, as of an array: `Reading.middle_rows` takes every row.
            return _SelectedRows(self._array, self._rows[rows])
        return self._array[self._rows[rows]]


def select_rows(array: NDArray[np.uint8], kept: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return some rows of a memory map without reading them.

    Args:
        array: The pixels of a data set, ``(n, size, size)``.
        kept: Whether each row is kept, shape ``(n,)``.

    Returns:
        `array` if all rows are kept; otherwise an object with the length, the shape, and the indexing by rows of an
        array.
    """
    return array if kept.all() else cast("NDArray[np.uint8]", _SelectedRows(array, np.flatnonzero(kept)))
