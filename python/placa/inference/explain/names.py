"""Names of images in the table of maps and of the files of maps: no paths, and hashes for DICOM files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from placa.images.by_rule import file_name, short_names
from placa.inference.public_ids import public_ids
from placa.records.reading import Reading
from placa.sources.dicom.patient_key import PatientKey


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
