"""How one file becomes squares of grey levels: said once, stored with data and model, and the same for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from placa.core.errors import PlacaError
from placa.images.read import RESIZE_RULE, find_images, read_image

if TYPE_CHECKING:
    import pandas as pd

#: A CT volume, several slabs (see `placa.images.ct.slabs`).
SLABS_RULE = "ct-slabs"
#: Slabs a volume becomes where nobody says otherwise: one every 2 cm of a chest of 30 cm.
SQUARES = 16
#: Volumes read at once: one of 512 x 512 x 400 voxels takes 200 MB, so that more cores do not mean more memory.
_VOLUMES_AT_ONCE = 2
#: Between the name of a file and the number of its square.
_MARK = "#"


@dataclass(frozen=True)
class Reading:
    """A rule by which files are read.

    Attributes:
        rule: ``stretch``: one radiograph or slice, one square (see `placa.images.read`). ``ct-slabs``: one CT
            volume, as many squares as `squares` says (see `placa.images.ct.slabs`).
        squares: How many squares a file becomes.
        options: What the rule wants to know beyond the size; for ``ct-slabs`` see `placa.images.ct.slabs.OPTIONS`.
    """

    rule: str = RESIZE_RULE
    squares: int = 1
    options: dict[str, Any] = field(default_factory=dict)

    def read(self, path: str, size: int) -> NDArray[np.uint8]:
        """Read one file.

        Args:
            path: The file.
            size: Side of the squares to make, in pixels.

        Returns:
            Grey levels 0-255, shape ``(squares, size, size)``.

        Raises:
            ImageRejected: The file cannot be used.
        """
        if self.rule == SLABS_RULE:
            from placa.images.ct.slabs import read_slabs

            return read_slabs(path, size, self.squares, self.options)
        return read_image(path, size)[None]

    def find(self, places: Iterable[str | os.PathLike[str]]) -> list[Path]:
        """List the files of this kind: files as they are given, folders with everything under them.

        Raises:
            PlacaError: A place does not exist, or there is no such file in all of them.
        """
        if self.rule == SLABS_RULE:
            from placa.images.ct.slabs import find_volumes

            return find_volumes(places)
        return find_images(places)

    def name(self, path: str | os.PathLike[str]) -> str:
        """What a file is called in a table: its name; a volume without its ending, as STOIC's own table names it."""
        if self.rule == SLABS_RULE:
            from placa.images.ct.slabs import stem

            return stem(path)
        return Path(path).name

    def workers(self, cores: int) -> int:
        """How many files may be read at once on so many cores."""
        return min(cores, _VOLUMES_AT_ONCE) if self.rule == SLABS_RULE else cores

    def as_dict(self) -> dict[str, Any]:
        """The rule for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any] | None) -> Reading:
        """The rule that `as_dict` wrote; where nothing was written, that of data and models of before: ``stretch``.

        Raises:
            PlacaError: It is a rule that this version of placa does not know.
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
            raise PlacaError(
                f"The files were read by a rule that this placa does not know ({reading.rule}, {reading.squares} "
                f"squares, {reading.options}): use the version that wrote it."
            )
        return reading


#: Most files: one image, one square.
STRETCH = Reading()


def slabs(squares: int = SQUARES) -> Reading:
    """The rule for CT volumes, with the options of `placa.images.ct.slabs.OPTIONS`.

    Args:
        squares: How many slabs a volume becomes.
    """
    from placa.images.ct.slabs import OPTIONS

    return Reading(SLABS_RULE, squares, dict(OPTIONS))


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
        PlacaError: The rows are not in that order, or some are gone.
    """
    if reading.squares == 1:
        return manifest
    names = manifest["image_id"].astype("string").str.rpartition(_MARK)[0]
    blocks = np.arange(len(manifest)) // reading.squares
    whole = len(manifest) % reading.squares == 0 and names.groupby(blocks).nunique().eq(1).all()
    if not whole or names.nunique() * reading.squares != len(manifest):
        raise PlacaError(
            f"The manifest was to hold {reading.squares} rows in a row for each volume, and does not: prepare the data "
            "set again."
        )
    first = slice(None, None, reading.squares)
    return manifest.iloc[first].assign(image_id=names.iloc[first]).reset_index(drop=True)
