"""How one file becomes squares of grey levels: said once, stored with data and model, and the same for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from placa.records.errors import UnknownReadingError, VolumeRowsError

if TYPE_CHECKING:
    import pandas as pd

#: A radiograph or slice, one square (see `placa.images.read`).
RESIZE_RULE = "stretch"
#: A CT volume, several slabs (see `placa.images.ct.slabs`).
SLABS_RULE = "ct-slabs"
#: Slabs a volume becomes where nobody says otherwise: one every 2 cm of a chest of 30 cm.
SQUARES = 16
#: What `Reading.options` holds for ``ct-slabs``.
VOLUME_OPTIONS: Mapping[str, Any] = {
    "window_level_hu": -600.0,
    "window_width_hu": 1500.0,
    "air_hu": -1000.0,
    "slab_mm": 5.0,
    "positions": "middles of equal parts, from the feet upwards",
    "orientation": "LPS",
    "in_plane": "whole field of view, padded with air to a square in mm",
}
#: Between the name of a file and the number of its square.
_MARK = "#"


@dataclass(frozen=True)
class Reading:
    """A rule by which files are read.

    Attributes:
        rule: ``stretch``: one radiograph or slice, one square (see `placa.images.read`). ``ct-slabs``: one CT
            volume, as many squares as `squares` says (see `placa.images.ct.slabs`).
        squares: How many squares a file becomes.
        options: What the rule wants to know beyond the size; for ``ct-slabs`` see `VOLUME_OPTIONS`.
    """

    rule: str = RESIZE_RULE
    squares: int = 1
    options: dict[str, Any] = field(default_factory=dict)

    def first_rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """Take of one value per square the first of each file."""
        return values[:: self.squares]

    def middle_rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """Take of one value per square the middle one of each file."""
        return values[self.squares // 2 :: self.squares]

    def rows_of(self, files: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of all squares of some files, in order."""
        return (files[:, None] * self.squares + np.arange(self.squares)).ravel()

    def files_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Undo `rows_of`."""
        return rows[:: self.squares] // self.squares

    def as_dict(self) -> dict[str, Any]:
        """The rule for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any] | None) -> Reading:
        """The rule that `as_dict` wrote; where nothing was written, that of data and models of before: ``stretch``.

        Raises:
            UnknownReadingError: It is a rule that this version of placa does not know.
        """
        if stored is None:
            return STRETCH
        reading = cls(str(stored["rule"]), int(stored["squares"]), dict(stored["options"]))
        like = slabs(reading.squares) if reading.rule == SLABS_RULE else STRETCH
        fixed = ("positions", "orientation", "in_plane")
        known = (reading.rule, reading.squares, reading.options.keys()) == (
            like.rule,
            like.squares,
            like.options.keys(),
        )
        if not known or any(reading.options.get(name) != like.options.get(name) for name in fixed):
            raise UnknownReadingError(
                f"The files were read by a rule that this placa does not know ({reading.rule}, {reading.squares} "
                f"squares, {reading.options}): use the version that wrote it.",
                **reading.as_dict(),
            )
        return reading


#: Most files: one image, one square.
STRETCH = Reading()


def slabs(squares: int = SQUARES) -> Reading:
    """The rule for CT volumes, with the options of `VOLUME_OPTIONS`.

    Args:
        squares: How many slabs a volume becomes.
    """
    return Reading(SLABS_RULE, squares, dict(VOLUME_OPTIONS))


def expand(images: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """Give each square of each file a row of its own, in the order of the pixel cache.

    Args:
        images: One row a file.
        reading: How files become squares.

    Returns:
        `images` itself where a file is one square; else ``reading.squares`` rows a file, one after the other, alike but
        for ``image_id``: ``42#01``, ``42#02`` and so on.
    """
    if reading.squares == 1:
        return images
    rows = images.loc[images.index.repeat(reading.squares)].reset_index(drop=True)
    numbers = np.tile(np.arange(1, reading.squares + 1), len(images))
    width = max(2, len(str(reading.squares)))
    names = [f"{name}{_MARK}{number:0{width}}" for name, number in zip(rows["image_id"], numbers, strict=True)]
    return rows.assign(image_id=names)


def collapse(manifest: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """Undo `expand`: one row a file.

    Args:
        manifest: What `expand` returned, in its order, whatever columns it gained since.
        reading: How files became squares.

    Returns:
        `manifest` itself where a file is one square; else each file's first row, with the file's own ``image_id``.

    Raises:
        VolumeRowsError: The rows are not in that order, or some are gone.
    """
    if reading.squares == 1:
        return manifest
    names = manifest["image_id"].astype("string").str.rpartition(_MARK)[0]
    blocks = np.arange(len(manifest)) // reading.squares
    whole = len(manifest) % reading.squares == 0 and names.groupby(blocks).nunique().eq(1).all()
    if not whole or names.nunique() * reading.squares != len(manifest):
        raise VolumeRowsError(
            f"The manifest was to hold {reading.squares} rows in a row for each volume, and does not: prepare the data "
            "set again.",
            squares=reading.squares,
            rows=len(manifest),
        )
    first = slice(None, None, reading.squares)
    return manifest.iloc[first].assign(image_id=names.iloc[first]).reset_index(drop=True)
