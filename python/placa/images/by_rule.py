"""Files by the rule of a `Reading`: which ones it takes, how they are read and named."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placa.images.ct.slabs import find_volumes, read_slabs, stem
from placa.images.read import find_images, read_image
from placa.records.reading import SLABS_RULE, Reading

#: Volumes read at once: one of 512 x 512 x 400 voxels takes 200 MB, so that more cores do not mean more memory.
_VOLUMES_AT_ONCE = 2


def read_file(reading: Reading, path: str, size: int) -> NDArray[np.uint8]:
    """Read one file.

    Args:
        reading: The rule.
        path: The file.
        size: Side of the squares to make, in pixels.

    Returns:
        Grey levels 0-255, shape ``(squares, size, size)``.

    Raises:
        ImageRejected: The file cannot be used.
    """
    if reading.rule == SLABS_RULE:
        return read_slabs(path, size, reading.squares, reading.options)
    return read_image(path, size)[None]


def list_files(reading: Reading, places: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List the files of this kind: files as they are given, folders with everything under them.

    Raises:
        PlacaError: A place does not exist, or there is no such file in all of them.
    """
    return find_volumes(places) if reading.rule == SLABS_RULE else find_images(places)


def file_name(reading: Reading, path: str | os.PathLike[str]) -> str:
    """What a file is called in a table: its name; a volume without its ending, as STOIC's own table names it."""
    return stem(path) if reading.rule == SLABS_RULE else Path(path).name


def short_names(reading: Reading, paths: Sequence[str]) -> list[str]:
    """File names where they tell the images apart, which join with a table of labels; whole paths where they don't."""
    names = [file_name(reading, path) for path in paths]
    return names if len(set(names)) == len(names) else list(paths)


def files_at_once(reading: Reading, cores: int) -> int:
    """How many files may be read at once on so many cores."""
    return min(cores, _VOLUMES_AT_ONCE) if reading.rule == SLABS_RULE else cores
