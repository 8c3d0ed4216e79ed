"""What a file says of itself before anything in it is decoded: its size, format and dimensions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from placa.core.progress import SILENT, Progress
from placa.core.system import cores
from placa.images.dicom.header import read_header as dicom_header
from placa.images.read import EXTENSIONS

_VOLUMES = frozenset({".mha", ".mhd", ".nii", ".gz", ".nrrd"})


@dataclass(frozen=True)
class Header:
    """One file: bytes, what kind it is in words, and pixels across and down; missing where it cannot be told."""

    bytes: float
    format: str
    width: float
    height: float


_NOTHING = Header(float("nan"), "", float("nan"), float("nan"))


def read_headers(paths: Sequence[str], progress: Progress = SILENT) -> pd.DataFrame:
    """Read the headers of files, each file once, on a few threads.

    Args:
        paths: Image files; those that are not there, or of no known kind, give missing values.
        progress: Where to show the bar.

    Returns:
        One row a path, in order: ``bytes``, ``format`` (text, empty where the file is gone), ``width``, ``height``.
    """
    unique = list(dict.fromkeys(paths))
    with progress.bar("file headers", len(unique)) as advance, ThreadPoolExecutor(2 * cores()) as pool:
        found: dict[str, Header] = {}
        for path, header in zip(unique, pool.map(read_header, unique), strict=True):
            found[path] = header
            advance()
    return pd.DataFrame([vars(found[path]) for path in paths], columns=["bytes", "format", "width", "height"])


def read_header(path: str) -> Header:
    """Read the header of one file; whatever is wrong with it, the answer is missing values and not an exception."""
    try:
        size = float(os.stat(path).st_size)
    except OSError:
        return _NOTHING
    extension = Path(path).suffix.lower()
    readers = (_picture, _dicom) if extension in EXTENSIONS else (_dicom, _picture)
    for reader in (_volume,) if extension in _VOLUMES else readers:
        try:
            kind, width, height = reader(path)
        except Exception:  # Libraries raise what they like at odd bytes, and this is a look, not a use.
            continue
        return Header(size, f"{extension} {kind}", float(width), float(height))
    return Header(size, extension or "no extension", float("nan"), float("nan"))


def _picture(path: str) -> tuple[str, int, int]:
    import warnings

    from PIL import Image

    with warnings.catch_warnings():
        # Nothing is decoded, and what is odd about a file was told when it was.
        warnings.simplefilter("ignore")
        with Image.open(path) as image:
            return f"{image.format} {image.mode}", *image.size


def _dicom(path: str) -> tuple[str, int, int]:
    header = dicom_header(path, ["Rows", "Columns", "PhotometricInterpretation", "BitsStored"])
    syntax = header.file_meta.get("TransferSyntaxUID", "")
    kind = f"DICOM {header.get('PhotometricInterpretation', '')} {header.get('BitsStored', '')} {syntax}"
    return kind, int(header.Columns), int(header.Rows)


def _volume(path: str) -> tuple[str, int, int]:
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(path)
    reader.ReadImageInformation()
    width, height = reader.GetSize()[:2]
    return f"volume {SimpleITK.GetPixelIDValueAsString(reader.GetPixelID())}", width, height
