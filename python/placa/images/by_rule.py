"""List, read and name files by the rule of a `Reading`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placa.core.faults import retry_faults
from placa.images.listing import Listing
from placa.images.read import find_images, read_image
from placa.records.reading import SLABS_RULE, Reading

#: Maximum number of volumes read at once: one of 512 x 512 x 400 voxels takes 200 MB of memory.
_VOLUMES_AT_ONCE = 2


def read_file(reading: Reading, path: str, size: int) -> NDArray[np.uint8]:
    """Read one file.

    Args:
        reading: The rule.
        path: The file.
        size: Side of the squares, in pixels.

    Returns:
        Grey levels 0-255, shape ``(squares, size, size)``.

    Raises:
        ImageRejected: The file cannot be used.
        MachineFaultError: The machine failed, such as by too many open files.
    """
    return retry_faults(lambda: _read_once(reading, path, size), path)


def _read_once(reading: Reading, path: str, size: int) -> NDArray[np.uint8]:
    if reading.rule == SLABS_RULE:
        # Imported for volumes only, here and below.
        from placa.images.ct.slabs import read_slabs

        return read_slabs(path, size, reading.squares, reading.options)
    return read_image(path, size, reading.window)[None]


def list_files(reading: Reading, places: Iterable[str | os.PathLike[str]], without: Sequence[Path] = ()) -> Listing:
    """List files for a rule: given files, and all files of the kind under given folders.

    Args:
        reading: The rule.
        places: Files and folders.
        without: Paths to skip in folders, such as that of the output.

    Raises:
        PathNotFoundError: A place does not exist.
        NoFilesFoundError: The places contain no file of the kind.
    """
    if reading.rule == SLABS_RULE:
        from placa.images.ct.slabs import find_volumes

        return find_volumes(places, without)
    return find_images(places, without)


def file_name(reading: Reading, path: str | os.PathLike[str]) -> str:
    """Return the name of a file in tables; that of a volume has no extension, as in the table of STOIC."""
    if reading.rule == SLABS_RULE:
        from placa.images.ct.slabs import stem

        return stem(path)
    return Path(path).name


def short_names(reading: Reading, paths: Sequence[str]) -> list[str]:
    """Return the file names if they are unique, for joining with a table of labels; otherwise the paths."""
    names = [file_name(reading, path) for path in paths]
    return names if len(set(names)) == len(names) else list(paths)


def files_at_once(reading: Reading, cores: int) -> int:
    """Return how many files may be read at once on `cores` cores."""
    return min(cores, _VOLUMES_AT_ONCE) if reading.rule == SLABS_RULE else cores
