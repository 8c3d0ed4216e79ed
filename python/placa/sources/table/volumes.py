"""Recognise a table of CT volumes, and find the DICOM series in the folders that it names."""

from __future__ import annotations

import os

import pandas as pd

from placa.images.ct.choose import choose, group_series
from placa.images.ct.files import EXTENSIONS
from placa.images.ct.series import begins_like_dicom
from placa.images.ct.slices import read_slices
from placa.images.listing import list_folder
from placa.records.codes import Note
from placa.records.reading import SQUARES, STRETCH, Reading, slabs


def find_volumes_of(paths: pd.Series, slices: int | None, notes: list[Note]) -> tuple[pd.Series, Reading]:
    """Return the files of a table, and the rule for reading them.

    Args:
        paths: The paths of the table. If more than half of the existing ones are volumes or folders, all are read as
            volumes, and the path of a folder is replaced by that of the first slice of its best DICOM series.
        slices: The number of slabs per volume; if it is given, all paths are volumes.
        notes: Remarks; one is added for volumes.
    """
    found = paths[paths.map(os.path.exists).astype(bool)]
    folders = found.map(os.path.isdir).astype(bool).reindex(paths.index, fill_value=False)
    volumes = folders | found.str.lower().str.endswith(EXTENSIONS).reindex(paths.index, fill_value=False)
    if slices is None and 2 * int(volumes.sum()) <= len(found):
        return paths, STRETCH
    reading = slabs(slices or SQUARES)
    text = f"{int(volumes.sum()):,} CT volumes are read as {reading.squares} squares each"
    notes.append(Note(text, "volumes_found", volumes=int(volumes.sum()), squares=reading.squares))
    return paths.mask(folders, paths[folders].map(_series_in)), reading


def _series_in(folder: str) -> str:
    """Return the file of the first slice of the best CT series in a folder; the folder if it has none."""
    files = [str(file) for file in list_folder(folder, begins_like_dicom).files]
    found = [best for best, _ in choose(group_series(read_slices(files)))]
    best = min(found, key=lambda one: one.rank, default=None)
    return folder if best is None or best.scattered else best.path
