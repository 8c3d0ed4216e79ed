"""Image IDs and names of files for outputs that leave this machine: no paths, and hashes for DICOM files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from placa.images.by_rule import file_name, short_names
from placa.images.dicom.header import is_dicom
from placa.records.reading import Reading

if TYPE_CHECKING:
    import pandas as pd

    from placa.sources.dicom.patient_key import PatientKey

_EXTENSIONS = {".dcm", ".dicom", ".ima"}


def without_paths(
    table: pd.DataFrame, rejected: Sequence[tuple[str, str]], key: Callable[[], PatientKey]
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Replace the paths of predictions by image IDs.

    Args:
        table: Predictions with ``image_id`` and ``path``, as `placa.inference.predict.Predictor.predict` returns them.
        rejected: Path and reason of each image that cannot be read.
        key: Returns the key of the hashes; called if there is a DICOM file.

    Returns:
        The table without ``path``. ``image_id`` of a DICOM file is a keyed hash of its name, because archives name
        files by patient or study; that of another file is its name, or, if several files have the same name, the
        path below their common directory. The reasons have the ID of a DICOM file, and the path of another.
    """
    paths = list(dict.fromkeys([*table["path"], *(path for path, _ in rejected)]))
    ids = public_ids(paths, dict(zip(table["path"], table["image_id"], strict=True)), key)
    table = table.assign(image_id=table["path"].map(ids)).drop(columns="path")
    return table, [(ids[path] if _is_dicom_file(path) else path, reason) for path, reason in rejected]


def public_ids(paths: Sequence[str], named: Mapping[str, str], key: Callable[[], PatientKey]) -> dict[str, str]:
    """Return the image ID of each path, as `without_paths` describes it.

    Args:
        paths: Distinct paths.
        named: Names of readable files, by path; that of another is its file name.
        key: Returns the key of the hashes; called if there is a DICOM file.
    """
    common = os.path.dirname(paths[0]) if len(paths) == 1 else os.path.commonpath([os.path.abspath(p) for p in paths])
    ids = {}
    for path in paths:
        name = named.get(path, os.path.basename(path))
        if os.path.basename(name) != name:
            name = os.path.relpath(os.path.abspath(path), common)
        ids[path] = key().pseudonym("image", name) if _is_dicom_file(path) else name
    return ids


def image_ids(paths: Sequence[str], reading: Reading, key: Callable[[], PatientKey] | None) -> dict[str, str]:
    """Return the ID of each image, as `placa predict --out` writes it.

    Args:
        paths: Distinct paths.
        reading: The rule for reading them.
        key: Returns the key of the hashes; None for the names of files, also of DICOM files.
    """
    named = dict(zip(paths, short_names(reading, paths), strict=True))
    return named if key is None else public_ids(paths, named, key)


def names_of_maps(ids: dict[str, str], reading: Reading) -> dict[str, str]:
    """Return the beginning of the file names of an image's maps: its ID without folders and extension, numbered.

    Args:
        ids: The ID of each image, by path.
        reading: The rule for reading them.
    """
    taken: set[str] = set()
    names: dict[str, str] = {}
    for path, image in ids.items():
        stem = safe_name(Path(image).stem if reading.squares == 1 else file_name(reading, image))
        name, number = stem, 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        names[path] = name
    return names


def safe_name(name: str, most: int = 120) -> str:
    """Return a name for a file, of at most `most` bytes: a long one ends with its hash, so that it stays unique."""
    safe = re.sub(r"[^\w.\-]+", "_", name)
    if len(safe.encode()) <= most:
        return safe
    return (
        f"{safe.encode()[: most - 9].decode(errors='ignore')}-{sha256(name.encode(errors='replace')).hexdigest()[:8]}"
    )


def _is_dicom_file(path: str) -> bool:
    if Path(path).suffix.lower() in _EXTENSIONS:
        return True
    if os.path.isdir(path):
        # A folder that was skipped, such as __MACOSX.
        return False
    try:
        with open(path, "rb") as file:
            return is_dicom(file.read(256))
    except OSError:
        # A name whose content is unknown is treated like that of a DICOM file.
        return True
