"""Read what the header of a DICOM file states about each of its CT slices."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from placa.images.dicom.header import quiet, read_header
from placa.images.dicom.tables import decimals
from placa.images.grey import ImageRejected

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: CT Image Storage, Enhanced CT and Legacy Converted Enhanced CT.
CT_CLASSES = frozenset(f"1.2.840.10008.5.1.4.1.1.2{end}" for end in ("", ".1", ".2"))
#: All tags that `slices_of` reads.
SLICE_TAGS = [
    *("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "ProtocolName"),
    *("BodyPartExamined", "ConvolutionKernel", "SliceThickness", "ImageType", "AcquisitionNumber", "PatientID"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"),
    *("RescaleType", "Rows", "Columns", "BitsAllocated", "NumberOfFrames"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
]


@dataclass(frozen=True)
class Slice:
    """One slice of a CT series, as its header states it.

    Attributes:
        path: The file.
        frame: The number of the frame in the file; None if the file has one image.
        uid: SOPInstanceUID, with the frame.
        study: PatientID and StudyInstanceUID, or the folder; they identify the patient.
        series: SeriesInstanceUID, or the folder.
        size: Columns and rows.
        position: ImagePositionPatient, in mm.
        orientation: ImageOrientationPatient.
        spacing: Distance of rows and of columns, in mm.
        slope: RescaleSlope.
        intercept: RescaleIntercept.
        unit: RescaleType, or ``HU``.
        image_type: ImageType, in upper case.
        acquisition: AcquisitionNumber.
        number: SeriesNumber.
        thickness: SliceThickness.
        kernel: ConvolutionKernel.
        description: SeriesDescription, ProtocolName and BodyPartExamined.
        title: SeriesDescription.
        truncated: Whether the file is shorter than its pixels.
        compressed: Whether the pixels are compressed; they are then decoded in another process.
    """

    path: str
    frame: int | None
    uid: str
    study: tuple[str, str]
    series: str
    size: tuple[int, int]
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    slope: float
    intercept: float
    unit: str
    image_type: tuple[str, ...]
    acquisition: str
    number: str
    thickness: str
    kernel: str
    description: str
    title: str
    truncated: bool
    compressed: bool


def read_slices(paths: Iterable[str | os.PathLike[str]], series: str | None = None) -> list[Slice]:
    """Read the slices of CT files; other DICOM files, and damaged ones, have none.

    Args:
        paths: DICOM files.
        series: SeriesInstanceUID of the slices to return; all by default.
    """
    found: list[Slice] = []
    for path in (os.fspath(one) for one in paths):
        try:
            state = os.stat(path)
            found += _slices_in(path, state.st_mtime_ns, state.st_size)
        except (ImageRejected, OSError):
            continue
    return [one for one in found if series in {None, one.series}]


@lru_cache(maxsize=8192)
def _slices_in(path: str, changed: int, size: int) -> tuple[Slice, ...]:
    """Read the slices of a file; a folder is searched and then read, so its headers are kept."""
    return tuple(slices_of(read_header(path, SLICE_TAGS), path))


def slices_of(header: Dataset, path: str) -> list[Slice]:
    """Return the slices in a header with `SLICE_TAGS`; none if it is not that of a CT image.

    Raises:
        ImageRejected: A number is damaged.
    """
    with quiet():
        if str(header.get("SOPClassUID") or "") not in CT_CLASSES:
            return []
        try:
            return _slices(header, path)
        except ImageRejected:
            raise
        except Exception as error:
            # pydicom raises any exception for damaged bytes.
            raise ImageRejected("its slice position, spacing or rescaling is damaged: export it again") from error


def _slices(header: Dataset, path: str) -> list[Slice]:
    rows, columns = int(header.get("Rows") or 0), int(header.get("Columns") or 0)
    frames = list(header.get("PerFrameFunctionalGroupsSequence") or [])
    shared = next(iter(header.get("SharedFunctionalGroupsSequence") or []), None)
    folder = os.path.dirname(os.path.abspath(path))
    compressed = bool(header.file_meta.TransferSyntaxUID.is_compressed)
    common: dict[str, Any] = {
        "path": path,
        "study": (_text(header, "PatientID"), _text(header, "StudyInstanceUID") or folder),
        "series": _text(header, "SeriesInstanceUID") or folder,
        "size": (columns, rows),
        "number": _text(header, "SeriesNumber"),
        "description": " ".join(_text(header, n) for n in ("SeriesDescription", "ProtocolName", "BodyPartExamined")),
        "title": _text(header, "SeriesDescription"),
        "truncated": not compressed and _is_truncated(header, path, rows * columns * max(1, len(frames))),
        "compressed": compressed,
    }
    if not frames:
        return [Slice(frame=None, **common, **_facts([header], header))]
    return [
        Slice(frame=number, **common, **_facts([*_groups(frame), *_groups(shared), header], header, number))
        for number, frame in enumerate(frames)
    ]


def _facts(places: list[Dataset], header: Dataset, frame: int | None = None) -> dict[str, Any]:
    """Return the facts of a slice, from the first place that has each."""

    def numbers(name: str) -> tuple[float, ...]:
        return tuple(next((found for place in places if (found := decimals(place, name))), []))

    def text(*names: str) -> str:
        return next((found for place in places for name in names if (found := _text(place, name))), "")

    kinds = next((kind for place in places for name in ("FrameType", "ImageType") if (kind := place.get(name))), ())
    return {
        "uid": _text(header, "SOPInstanceUID") + ("" if frame is None else f"#{frame}"),
        "position": numbers("ImagePositionPatient"),
        "orientation": numbers("ImageOrientationPatient"),
        "spacing": numbers("PixelSpacing"),
        "slope": float(np.nan_to_num((numbers("RescaleSlope") or (1.0,))[0], nan=1.0)),
        "intercept": float(np.nan_to_num((numbers("RescaleIntercept") or (0.0,))[0])),
        "unit": text("RescaleType").upper() or "HU",
        "image_type": tuple(str(kind).upper() for kind in ([kinds] if isinstance(kinds, str) else kinds)),
        "acquisition": text("AcquisitionNumber", "FrameAcquisitionNumber"),
        "thickness": text("SliceThickness"),
        "kernel": text("ConvolutionKernel"),
    }


def _groups(item: Dataset | None) -> list[Dataset]:
    """Return the first item of each sequence in a functional group (PS3.3 C.7.6.16)."""
    if item is None:
        return []
    return [element.value[0] for element in item if element.VR == "SQ" and len(element.value)]


def _is_truncated(header: Dataset, path: str, pixels: int) -> bool:
    expected = pixels * int(header.get("BitsAllocated") or 16) // 8
    return Path(path).stat().st_size < expected


def _text(place: Dataset, name: str) -> str:
    value = place.get(name)
    if value is not None and not isinstance(value, str) and hasattr(value, "__getitem__") and len(value):
        value = value[0]
    return "" if value is None else str(value).replace("\0", "").strip()
