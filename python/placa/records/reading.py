"""The rule by which a file becomes squares of grey levels; it is stored with the data set and the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from placa.records.errors import UnknownReadingError, VolumeRowsError
from placa.records.source import ReadingFacts

if TYPE_CHECKING:
    import pandas as pd

#: Rule for a radiograph or slice: one square (see `placa.images.read`).
RESIZE_RULE: Literal["stretch"] = "stretch"
#: Rule for a CT volume: one square per slab (see `placa.images.ct.slabs`).
SLABS_RULE: Literal["ct-slabs"] = "ct-slabs"
#: Default number of slabs per volume: one every 2 cm of a chest of 30 cm.
SQUARES = 16
#: `Reading.options` of ``ct-slabs``.
VOLUME_OPTIONS: Mapping[str, Any] = {
    "window_level_hu": -600.0,
    "window_width_hu": 1500.0,
    "air_hu": -1000.0,
    "slab_mm": 5.0,
    # Middles of equal parts, from the feet upwards.
    "positions": "equal_parts",
    "orientation": "LPS",
    # The whole field of view, padded with air to a square in mm.
    "in_plane": "padded_square",
}
#: Windows of CT by name: level and width in HU (Murphy and Bell, *Windowing (CT)*, Radiopaedia).
WINDOWS: Mapping[str, tuple[float, float]] = {"lung": (-600.0, 1500.0), "mediastinum": (50.0, 350.0)}
#: Separator of the name of a file and the number of its square.
_MARK = "#"


@dataclass(frozen=True)
class Reading:
    """A rule for reading files.

    Attributes:
        rule: ``stretch``: one radiograph or slice, one square (see `placa.images.read`). ``ct-slabs``: one CT
            volume, `squares` squares (see `placa.images.ct.slabs`).
        squares: Number of squares per file.
        options: Parameters of the rule; for ``ct-slabs`` see `VOLUME_OPTIONS`. ``stretch`` has none, or the window of
            all DICOM slices: ``window_level_hu`` and ``window_width_hu``.
    """

    rule: Literal["stretch", "ct-slabs"] = RESIZE_RULE
    squares: int = 1
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        window = "" if self.window is None else f", window {self.window[0]:g},{self.window[1]:g} HU"
        return f"{self.rule} ({self.squares} squares per file{window})"

    @property
    def window(self) -> tuple[float, float] | None:
        """Level and width of the window in HU; None if each DICOM file has its own."""
        level, width = (self.options.get(name) for name in ("window_level_hu", "window_width_hu"))
        return None if level is None or width is None else (level, width)

    def first_rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the values of the first square of each file, given one value per square."""
        return values[:: self.squares]

    def middle_rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the values of the middle square of each file, given one value per square."""
        return values[self.squares // 2 :: self.squares]

    def rows_of(self, files: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row numbers of all squares of the given files, in order."""
        return (files[:, None] * self.squares + np.arange(self.squares)).ravel()

    def files_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the file numbers of rows that `rows_of` returned."""
        return rows[:: self.squares] // self.squares

    def as_record(self) -> ReadingFacts:
        """Return the rule for JSON."""
        return {"rule": self.rule, "squares": self.squares, "options": dict(self.options)}

    @classmethod
    def from_record(cls, stored: ReadingFacts) -> Reading:
        """Create the rule from the result of `as_record`.

        Raises:
            UnknownReadingError: This version of placa does not know the rule.
        """
        reading = cls(stored["rule"], stored["squares"], dict(stored["options"]))
        expected = slabs(reading.squares) if reading.rule == SLABS_RULE else stretch(reading.window)
        fixed = ("positions", "orientation", "in_plane")
        known = (reading.rule, reading.squares, reading.options.keys()) == (
            expected.rule,
            expected.squares,
            expected.options.keys(),
        )
        if reading.window is not None and not _is_window(*reading.window):
            known = False
        if not known or any(reading.options.get(name) != expected.options.get(name) for name in fixed):
            raise UnknownReadingError(
                f"Unknown rule for reading files: {reading.rule!r}, {reading.squares} squares, {reading.options}. Use "
                "the version of placa that wrote it.",
                **reading.as_record(),
            )
        return reading


#: The rule for radiographs: one image, one square.
STRETCH = Reading()


def stretch(window: tuple[float, float] | None = None) -> Reading:
    """Return the rule for radiographs, or for CT slices in one window.

    Args:
        window: Level and width in HU; None for the window in each DICOM file.
    """
    return Reading(options=_window_options(window))


def slabs(squares: int = SQUARES, window: tuple[float, float] | None = None) -> Reading:
    """Return the rule for CT volumes, with the options of `VOLUME_OPTIONS`.

    Args:
        squares: Number of slabs per volume.
        window: Level and width in HU; by default that of `VOLUME_OPTIONS`, the lung.
    """
    return Reading(SLABS_RULE, squares, {**VOLUME_OPTIONS, **_window_options(window)})


def _is_window(level: Any, width: Any) -> bool:
    numbers = isinstance(level, int | float) and isinstance(width, int | float)
    return numbers and math.isfinite(level) and 0 < width < math.inf


def _window_options(window: tuple[float, float] | None) -> dict[str, Any]:
    return {} if window is None else {"window_level_hu": window[0], "window_width_hu": window[1]}


def expand(images: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """Expand a table of files to one row per square, in the order of the pixel cache.

    Args:
        images: One row per file.
        reading: The rule for reading files.

    Returns:
        `images` itself if a file is one square; otherwise ``reading.squares`` consecutive rows per file, which differ
        only in ``image_id``: ``42#01``, ``42#02`` and so on.
    """
    if reading.squares == 1:
        return images
    rows = images.loc[images.index.repeat(reading.squares)].reset_index(drop=True)
    numbers = np.tile(np.arange(1, reading.squares + 1), len(images))
    width = max(2, len(str(reading.squares)))
    names = [f"{name}{_MARK}{number:0{width}}" for name, number in zip(rows["image_id"], numbers, strict=True)]
    return rows.assign(image_id=names)


def collapse(manifest: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """Reduce a table of squares to one row per file: the inverse of `expand`.

    Args:
        manifest: The rows that `expand` returned, in the same order, with any further columns.
        reading: The rule for reading files.

    Returns:
        `manifest` itself if a file is one square; otherwise the first row of each file, with the file's ``image_id``.

    Raises:
        VolumeRowsError: The rows are in another order, or some are missing.
    """
    if reading.squares == 1:
        return manifest
    names = manifest["image_id"].astype("string").str.rpartition(_MARK)[0]
    blocks = np.arange(len(manifest)) // reading.squares
    consecutive = len(manifest) % reading.squares == 0 and names.groupby(blocks).nunique().eq(1).all()
    if not consecutive or names.nunique() * reading.squares != len(manifest):
        raise VolumeRowsError(
            f"The manifest must have {reading.squares} consecutive rows per volume, got {len(manifest)} rows "
            "without such blocks. Run placa prepare again.",
            squares=reading.squares,
            rows=len(manifest),
        )
    first = slice(None, None, reading.squares)
    return manifest.iloc[first].assign(image_id=names.iloc[first]).reset_index(drop=True)
