"""Read the header of a MetaImage (``.mha``, or ``.mhd`` with its voxels in another file), https://itk.org/Wiki/ITK/MetaIO/Documentation.

The reader of SimpleITK does not validate the header: a wrong number of dimensions ends the process, and damaged or
missing voxels become noise without a message.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from placa.images.ct.geometry import millimetres, voxel_file
from placa.images.grey import ImageRejected
from placa.images.pixel_format import PixelFormat

_HEAD = 1 << 18
_TYPES: dict[str, tuple[Literal["unsigned", "signed", "float"], int]] = {
    "MET_CHAR": ("signed", 8),
    "MET_UCHAR": ("unsigned", 8),
    "MET_SHORT": ("signed", 16),
    "MET_USHORT": ("unsigned", 16),
    "MET_INT": ("signed", 32),
    "MET_UINT": ("unsigned", 32),
    "MET_LONG": ("signed", 32),
    "MET_ULONG": ("unsigned", 32),
    "MET_LONG_LONG": ("signed", 64),
    "MET_ULONG_LONG": ("unsigned", 64),
    "MET_FLOAT": ("float", 32),
    "MET_DOUBLE": ("float", 64),
}
_DIRECTIONS = ("TransformMatrix", "Rotation", "Orientation")
#: Fields of numbers; a field has NDims to this power numbers.
_POWERS = {
    **dict.fromkeys(("DimSize", "ElementSpacing", "ElementSize"), 1),
    **dict.fromkeys(("Offset", "Position", "Origin", "CenterOfRotation"), 1),
    **dict.fromkeys(_DIRECTIONS, 2),
    **dict.fromkeys(("ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset"), 0),
}
#: Name of a copied DICOM element.
_TAG = re.compile(r"[0-9a-fA-F]{4}\|[0-9a-fA-F]{4}")
_POSITIVE = {"DimSize", "ElementSpacing", "ElementSize"}


def read_meta_image(path: Path) -> tuple[PixelFormat, dict[str, str]]:
    """Return the format of a MetaImage, and all fields of its header.

    Args:
        path: A file with a text header, followed by the voxels or the name of their file.

    Raises:
        ImageRejected: The header is not that of a MetaImage, is damaged, or refers to another file.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        before, name, after = file.read(_HEAD).partition(b"ElementDataFile")
    line, newline, _ = after.partition(b"\n")
    separate = path.suffix.lower() == ".mhd"
    if not newline and not (separate and name):
        raise ImageRejected("it is not an .mha volume, or its header is truncated")
    fields = _fields(before)
    place = _decoded(line).strip("= \r\t")
    if place != "LOCAL" and not separate:
        raise ImageRejected("its voxels are in another file, but an .mha file contains its voxels: save it again")
    other = "" if place == "LOCAL" else voxel_file(path, place)
    if not _is_true(fields.get("BinaryData", "")):
        raise ImageRejected("its voxels are stored as text, not as binary data: save it as binary")
    number, bits = _TYPES[fields["ElementType"]]
    offset = 0 if other else len(before) + len(name) + len(line) + 1
    found = path.with_name(other or path.name).stat().st_size - offset
    stated = fields.get("CompressedDataSize", "")
    compressed = _is_true(fields.get("CompressedData", ""))
    if compressed and stated != str(found):
        raise ImageRejected(
            f"it is truncated or damaged: its header has {stated or 'no'} bytes of compressed voxels, but "
            f"the file has {found}; copy it again"
        )
    sizes = tuple(int(float(word)) for word in fields["DimSize"].split())
    return PixelFormat(
        "MetaImage",
        sizes,
        compression="zlib" if compressed else "none",
        bits_allocated=bits,
        number=number,
        big_endian=any(_is_true(fields.get(name, "")) for name in ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")),
        slope=float(fields.get("ElementToIntensityFunctionSlope", 1)),
        intercept=float(fields.get("ElementToIntensityFunctionOffset", 0)),
        axes=_axes(fields) if len(sizes) == 3 else np.empty((0, 3)),
        offset=offset,
        data_file=other,
    ), fields


def _axes(fields: dict[str, str]) -> NDArray[np.float64]:
    """Return the step of each index axis in mm, to the left, to posterior and to superior."""
    directions = next((fields[name] for name in _DIRECTIONS if name in fields), "1 0 0 0 1 0 0 0 1")
    spacings = fields.get("ElementSpacing") or fields.get("ElementSize") or "1 1 1"
    matrix = np.array([float(word) for word in directions.split()]).reshape(3, 3)
    lengths = np.linalg.norm(matrix, axis=1)
    unit = millimetres(fields.get("DistanceUnits", "").replace("?", ""))
    distances = np.array([float(word) for word in spacings.split()]) * unit
    if not (lengths > 0).all():
        raise ImageRejected(
            "the directions in its header are not independent (their determinant is 0): correct its header"
        )
    return np.asarray(matrix / lengths[:, None] * distances[:, None])


def _fields(text: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    lines = text.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    in_tag = False
    for number, line in enumerate(lines, start=1):
        name, equals, value = (part.strip() for part in _decoded(line).partition("="))
        if _TAG.fullmatch(name) or (in_tag and not equals):
            # A text of the DICOM header, copied along: of any characters, and of several lines.
            in_tag = True
            continue
        in_tag = False
        if not equals or not name or not (name + value.replace("\t", " ")).isprintable() or name in fields:
            raise ImageRejected(f"it is not an .mha volume, or its header is damaged in line {number}: copy it again")
        fields[name] = value
    if fields.get("NDims") not in {"2", "3", "4"} or "DimSize" not in fields or fields.get("ElementType") not in _TYPES:
        raise ImageRejected("it is not an .mha volume: its header has no valid NDims, DimSize or ElementType")
    for name, power in _POWERS.items():
        if name in fields and not _numbers(fields[name], int(fields["NDims"]) ** power, name in _POSITIVE):
            raise ImageRejected(f"its header is damaged ({name} = {fields[name]}): copy it again")
    for name, usual in (("HeaderSize", "0"), ("ElementNumberOfChannels", "1"), ("ObjectType", "Image")):
        if fields.get(name, usual) != usual:
            raise ImageRejected(f"its header has {name} = {fields[name]}, expected {usual}: convert it again")
    return fields


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def _numbers(text: str, expected: int, positive: bool) -> bool:
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        return False
    return len(numbers) == expected and all(math.isfinite(one) and (one > 0 or not positive) for one in numbers)


def _is_true(value: str) -> bool:
    return value[:1] in {"T", "t", "1"}
