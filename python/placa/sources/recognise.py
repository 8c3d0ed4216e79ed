"""Recognise a data set by its files, for users who name another one."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from placa.core.errors import PathNotFoundError
from placa.sources.errors import MissingColumnError, MissingFileError, WrongSourceError
from placa.sources.public.files import find_tables

#: Names of files that only one source has.
_SIGNS = {
    "nih": ("Data_Entry_2017*.csv",),
    "rsna": ("stage_?_train_labels.csv", "stage_?_detailed_class_info.csv"),
    "siim": ("*train-rle*.csv",),
    "mimic": ("mimic-cxr-2*.csv",),
    "padchest": ("*chest_x_ray_images_labels*.csv",),
    "vindr": ("image_labels_train.csv", "annotations_train.csv"),
    "openi": ("NLMCXR_reports*", "indiana_reports.csv"),
    "covidx": ("train_COVIDx*.txt", "train_split*.txt"),
    "cohen": ("metadata.csv",),
    "nlm-tb": ("shenzhen_metadata.csv", "montgomery_metadata.csv"),
}
_FOLDERS = {
    "nlm-tb": ("CXR_png", "ChinaSet_AllFiles", "MontgomerySet"),
    "tbx11k": ("imgs/tb", "TBX11K/imgs/tb"),
    "kermany": ("chest_xray/train/PNEUMONIA", "train/PNEUMONIA"),
    "stoic": ("data/mha",),
    "openi": ("ecgen-radiology",),
}
#: Tables whose name several sources use, and the columns that identify the source.
_COLUMNS = {
    "chexpert": (("train.csv", "valid.csv", "test.csv"), {"Path", "Support Devices"}),
    "vindr": (("train.csv",), {"image_id", "class_name", "rad_id"}),
}
#: Bytes of a table in which its header is searched.
_HEAD = 4096


@contextmanager
def naming_another_source(root: Path, expected: str) -> Iterator[None]:
    """Replace the error of a missing file or column by one that names the data set that the directory has.

    Args:
        root: The directory that the user named.
        expected: The source that is read.

    Raises:
        WrongSourceError: The directory has the files of another source.
    """
    try:
        yield
    except (MissingFileError, MissingColumnError, PathNotFoundError) as error:
        raise _recognise(root, expected) or error from error


def _recognise(root: Path, expected: str) -> WrongSourceError | None:
    """Return the error that names the data set of a directory; None if it is not known or is the expected one."""
    if not root.is_dir():
        return None
    found = [kind for kind, names in _SIGNS.items() if find_tables(root, *names)]
    found += [kind for kind, names in _FOLDERS.items() if any((root / name).is_dir() for name in names)]
    found += [kind for kind, (names, columns) in _COLUMNS.items() if _has_columns(root, names, columns)]
    if not found or expected in found:
        return None
    found = list(dict.fromkeys(found))
    tries = " or ".join(f"placa prepare {kind}" for kind in found)
    return WrongSourceError(
        f"{root} looks like another data set. Try {tries} {root}.", directory=str(root), expected=expected, found=found
    )


def _has_columns(root: Path, names: tuple[str, ...], columns: set[str]) -> bool:
    return any(columns <= _header(table) for table in find_tables(root, *names))


def _header(table: Path) -> set[str]:
    """Return the names in the first line of a comma-separated table."""
    try:
        with gzip.open(table) if table.suffix == ".gz" else table.open("rb") as file:
            lines = file.read(_HEAD).decode("utf-8-sig", errors="replace").splitlines()
    except OSError:
        # The reader of the expected source reports the problem of the file.
        return set()
    return {name.strip().strip('"') for name in lines[0].split(",")} if lines else set()
