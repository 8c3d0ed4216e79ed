"""Read the size, format and dimensions of image files without decoding their pixels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from placa.core.progress import SILENT, Progress
from placa.core.system import cores
from placa.images import tiff
from placa.images.ct.files import read_format
from placa.images.dicom.header import read_header as dicom_header
from placa.images.read import EXTENSIONS

_VOLUMES = frozenset({".mha", ".mhd", ".nii", ".gz", ".nrrd", ".nhdr"})


@dataclass(frozen=True)
class Header:
    """The header of one file: bytes, format in words, width and height in pixels; NaN or ``""`` if unknown."""

    bytes: float
    format: str
    width: float
    height: float


_UNKNOWN = Header(float("nan"), "", float("nan"), float("nan"))


def read_headers(paths: Sequence[str], progress: Progress = SILENT) -> pd.DataFrame:
    """Read the headers of files on several threads, each file once.

    Args:
        paths: Image files; missing files and unknown formats give missing values.
        progress: Shows a bar.

    Returns:
        One row per path, in order: ``bytes``, ``format`` (text, ``""`` for a missing file), ``width`` and ``height`` in
        pixels.
    """
    unique = list(dict.fromkeys(paths))
    with progress.bar("file headers", len(unique)) as advance, ThreadPoolExecutor(2 * cores()) as pool:
        found: dict[str, Header] = {}
        for path, header in zip(unique, pool.map(read_header, unique), strict=True):
            found[path] = header
            advance()
    return pd.DataFrame([vars(found[path]) for path in paths], columns=["bytes", "format", "width", "height"])


def read_header(path: str) -> Header:
    """Read the header of one file; any error gives missing values instead of an exception."""
    try:
        size = float(os.stat(path).st_size)
    except OSError:
        return _UNKNOWN
    extension = Path(path).suffix.lower()
    readers = (_picture, _tiff, _dicom) if extension in EXTENSIONS else (_dicom, _picture, _tiff)
    for reader in (_volume,) if extension in _VOLUMES else readers:
        # Libraries raise any exception, or return any value, for damaged bytes; the next reader is tried.
        with suppress(Exception):
            kind, width, height = reader(path)
            return Header(size, f"{extension} {kind}", float(width), float(height))
    return Header(size, extension or "no extension", float("nan"), float("nan"))


def _picture(path: str) -> tuple[str, int, int]:
    import warnings

    from PIL import Image

    with warnings.catch_warnings():
        # Nothing is decoded here, and prepare has already reported odd files.
        warnings.simplefilter("ignore")
        with Image.open(path) as image:
            return f"{image.format} {image.mode}", *image.size


def _tiff(path: str) -> tuple[str, int, int]:
    with tiff.open_page(path) as (page, _):
        found = tiff.read_format(page)
        return f"TIFF {found.photometric} {found.number} {found.bits_stored}", found.size[0], found.size[1]


def _dicom(path: str) -> tuple[str, int, int]:
    header = dicom_header(path, ["Rows", "Columns", "PhotometricInterpretation", "BitsStored"])
    syntax = header.file_meta.get("TransferSyntaxUID", "")
    kind = f"DICOM {header.get('PhotometricInterpretation', '')} {header.get('BitsStored', '')} {syntax}"
    return kind, int(header.Columns), int(header.Rows)


def _volume(path: str) -> tuple[str, int, int]:
    found = read_format(Path(path))
    number = "float" if found.number == "float" else f"{found.number} integer"
    return f"volume {found.bits_allocated}-bit {number}", found.size[0], found.size[1]
