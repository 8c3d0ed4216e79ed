"""Find the tables and the image files of a public set under a directory."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pandas as pd

from placa.core.files import explain_os_error
from placa.images.read import EXTENSIONS, looks_like_image
from placa.records.codes import Note
from placa.sources.errors import MissingFileError

#: Folders that have no images of a set: archives of macOS, thumbnails of network disks.
_JUNK = frozenset({"__macosx", "@eadir", "$recycle.bin"})
#: Depth of folders in which tables are searched.
_DEPTH = 2


def find_tables(root: Path, *patterns: str) -> list[Path]:
    """Find tables by name under a directory and its folders, the outermost first; ``.gz`` may follow the name."""
    found: list[Path] = []
    for depth in range(_DEPTH + 1):
        for pattern in patterns:
            for ending in ("", ".gz"):
                matched = sorted(root.glob("*/" * depth + pattern + ending))
                found += [path for path in matched if path.is_file() and _is_open(path, root) and path not in found]
    return found


def find_table(root: Path, title: str, *patterns: str) -> Path:
    """Find one table.

    Raises:
        MissingFileError: There is none.
    """
    found = find_tables(root, *patterns)
    if not found:
        present = sorted(path.name for path in root.iterdir() if path.suffix in {".csv", ".gz", ".json", ".txt"})
        raise MissingFileError(
            f"{root} has no {patterns[0]}, the table of {title}. Put it there.",
            directory=str(root),
            file=patterns[0],
            found=present,
        )
    return found[0]


def image_files(root: Path) -> list[str]:
    """List the image files under a directory, without hidden ones, masks and junk, sorted within each folder.

    A set has hundreds of thousands of files, so this is a plain walk: no file is opened unless its name has no
    extension.
    """

    def fail(error: OSError) -> None:
        raise explain_os_error(error, error.filename or root) from error

    found: list[str] = []
    for top, folders, names in os.walk(os.path.abspath(root), followlinks=True, onerror=fail):
        folders[:] = sorted(name for name in folders if not is_junk(name))
        for name in sorted(names):
            ending = os.path.splitext(name)[1].lower()
            if name.startswith(".") or (ending not in EXTENSIONS and ending and not ending[1:].isdigit()):
                continue
            path = os.path.join(top, name)
            if ending in EXTENSIONS or looks_like_image(Path(path)):
                found.append(path)
    return found


def _is_open(table: Path, root: Path) -> bool:
    return not any(map(is_junk, table.relative_to(root).parts[:-1]))


def is_junk(folder: str) -> bool:
    return folder.startswith(".") or folder.casefold() in _JUNK or "mask" in folder.casefold()


def file_key(path: str, parts: int) -> str:
    """Return the last parts of a path in lower case and composed letters, without extension of an image."""
    key = "/".join(path.replace("\\", "/").split("/")[-parts:])
    # Some names end with a space in a table, or on the disk.
    stem, ending = os.path.splitext(key.strip())
    return unicodedata.normalize("NFC", stem if ending.lower() in EXTENSIONS else key.strip()).strip().casefold()


def match_files(files: pd.Series, root: Path, parts: int, notes: list[Note]) -> pd.Series:
    """Find the file of each image.

    Args:
        files: The end of each path.
        root: Where files are searched.
        parts: The number of parts of `files`.
        notes: Receives remarks on files without a row, and on names that occur twice.

    Returns:
        Paths; missing where there is no file.
    """
    index: dict[str, str] = {}
    repeated: list[str] = []
    for path in image_files(root):
        key = file_key(path, parts)
        if key in index:
            repeated.append(path)
        else:
            index[key] = path
    keys = files.map(lambda name: file_key(name, parts))
    if repeated:
        text = f"images in two folders: {len(repeated):,}, such as {repeated[0]}; the first file is used"
        notes.append(Note(text, "images_twice", images=len(repeated)))
    unlisted = sorted(set(index) - set(keys))
    if unlisted:
        text = f"image files without a row in the tables: {len(unlisted):,}, such as {index[unlisted[0]]}"
        notes.append(Note(text, "files_without_row", files=len(unlisted)))
    return keys.map(index)
