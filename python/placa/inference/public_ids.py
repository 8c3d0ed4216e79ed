"""Image IDs of predictions that leave this machine: no paths, and hashes for DICOM files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from placa.images.dicom.header import is_dicom

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
