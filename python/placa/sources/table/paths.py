"""Find the image files that a table names, and the DICOM series in the folders that it names."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pandas as pd

from placa.images.ct.choose import choose, group_series
from placa.images.ct.files import EXTENSIONS as VOLUME_EXTENSIONS
from placa.images.ct.series import begins_like_dicom
from placa.images.ct.slices import read_slices
from placa.images.listing import list_folder
from placa.images.read import EXTENSIONS, looks_like_image
from placa.records.codes import Note
from placa.records.reading import SQUARES, STRETCH, Reading, slabs
from placa.sources.errors import MissingColumnError
from placa.sources.table.columns import COLUMNS
from placa.sources.tables import TextTable

#: Folders that a table's path may begin with and the disk lacks (``CheXpert-v1.0/train/…``).
_DROPPED_FOLDERS = 3


def name_path_column(rows: TextTable, named: dict[str, str | None], base: Path) -> None:
    """Use the column of image ids, or of patients, if the table has no column of paths and its cells name files."""
    if named["path"] is None and named["id"] is not None:
        named["path"] = named["id"]
    patient = named["patient"]
    if named["path"] is None and patient is not None:
        files = find_paths(rows.frame[patient].drop_duplicates().head(1000), base, [])
        if files.map(os.path.isfile).any():
            named["path"] = patient
    if named["path"] is None:
        raise MissingColumnError(
            f"No column 'path' in {rows.path} (columns: {', '.join(map(str, rows.frame.columns[:12]))}). Name the "
            "image column with --path-column.",
            file=str(rows.path),
            column="path",
            accepted=list(COLUMNS["path"]),
            columns=list(map(str, rows.frame.columns)),
        )


def find_paths(text: pd.Series, root: Path, notes: list[Note]) -> pd.Series:
    """Return the file of each path, or of each name without folders or ending; a path as given if no file exists."""
    base = os.path.abspath(root)

    def resolve(name: str) -> str:
        path = os.path.normpath(os.path.join(base, name))
        if "\\" in name and not os.path.exists(path):
            # The table has Windows paths.
            return os.path.normpath(os.path.join(base, name.replace("\\", "/")))
        return path

    paths = text.map(resolve)
    lost = paths[(text != "") & ~paths.map(os.path.isfile).astype(bool)]
    if not len(lost) or not os.path.isdir(base):
        return paths
    found = _search(sorted(lost.unique()), base)
    if found:
        text_of_note = f"{len(found):,} images are not at their path in the table, and were found by name under {base}"
        notes.append(Note(text_of_note, "images_found_by_name", images=len(found)))
    return paths.map(lambda path: found.get(path, path))


def _search(lost: list[str], base: str) -> dict[str, str]:
    """Find files by the end of their path, without the ending of the name, in Unicode normal form.

    A file is used if only one fits.
    """
    by_end: dict[str, set[str]] = {}
    try:
        files = list_folder(base, looks_like_image).files
    except OSError:
        return {}
    for file in files:
        relative = os.path.relpath(file, base)
        for end in (relative, os.path.basename(relative)):
            for key in (_searched(end), _searched(os.path.splitext(end)[0])):
                by_end.setdefault(key, set()).add(os.path.abspath(file))
    found: dict[str, str] = {}
    for path in lost:
        inside = path.startswith(base + os.sep)
        relative = path[len(base) + 1 :] if inside else os.path.relpath(path, base)
        if relative.startswith(".."):
            continue
        parts = relative.split(os.sep)
        # The table may have a folder in front that the disk lacks.
        ends = ["/".join(parts[start:]) for start in range(min(len(parts) - 1, _DROPPED_FOLDERS) + 1)]
        for end in ends:
            stem, ending = os.path.splitext(end)
            names = [_searched(end)] + ([_searched(stem)] if ending.lower() in EXTENSIONS else [])
            matches = next((by_end[name] for name in names if name in by_end), set())
            if len(matches) == 1:
                found[path] = next(iter(matches))
            if matches:
                break
    return found


def _searched(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace(os.sep, "/")).casefold()


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
    volumes = folders | found.str.lower().str.endswith(VOLUME_EXTENSIONS).reindex(paths.index, fill_value=False)
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
