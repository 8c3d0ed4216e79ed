"""Read the header of a NRRD: ``.nrrd``, or ``.nhdr`` with its voxels in another file.

The format: https://teem.sourceforge.net/nrrd/format.html.

SimpleITK ignores the units, and some damaged headers end its process.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from placa.images.ct.geometry import millimetres, voxel_file
from placa.images.grey import ImageRejected, refuse_format
from placa.images.pixel_format import PixelFormat

_HEAD = 1 << 20
_INTEGERS = {"short": 16, "int": 32, "longlong": 64, "char": 8}
_COMPRESSIONS = {"raw": "none", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
#: Spaces with a patient: the factors from their coordinates to left, posterior and superior.
_SPACES = {
    **dict.fromkeys(("left-posterior-superior", "lps"), (1, 1, 1)),
    **dict.fromkeys(("right-anterior-superior", "ras"), (-1, -1, 1)),
    **dict.fromkeys(("left-anterior-superior", "las"), (1, -1, 1)),
}


def read_nrrd(path: Path) -> tuple[PixelFormat, dict[str, str]]:
    """Return the format of a NRRD, and its key/value pairs.

    Raises:
        ImageRejected: The header is damaged, refers to another file, or states something that is not read.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not re.match(rb"NRRD000[1-5]\r?\n", head):
        raise ImageRejected("it is not a NRRD volume, or its header is damaged: copy it again")
    end = re.search(rb"\r?\n\r?\n", head)
    separate = path.suffix.lower() == ".nhdr"
    if end is None and not separate:
        raise ImageRejected("its NRRD header is truncated, or its voxels are in another file: copy it again")
    fields, pairs = _fields(head[: end.start() if end else None].decode("utf-8", errors="replace"))
    place = fields.get("datafile", "")
    if place and not separate:
        raise ImageRejected("its voxels are in another file, but a .nrrd file contains its voxels: save it again")
    if separate and not place:
        raise ImageRejected("its NRRD header names no file of voxels (data file): save it again")
    number, bits = _type(_required(fields, "type"))
    sizes = _integers(_required(fields, "sizes"))
    if _required(fields, "dimension") != str(len(sizes)):
        raise ImageRejected("the number of sizes in its header is not its dimension: copy it again")
    encoding = _required(fields, "encoding").lower()
    if encoding not in _COMPRESSIONS:
        raise refuse_format(f"a NRRD with the encoding {encoding[:16]}")
    if fields.get("lineskip", "0") != "0" or fields.get("byteskip", "0") != "0":
        raise refuse_format("a NRRD with a line skip or byte skip")
    if bits > 8 and fields.get("endian", "").lower() not in {"little", "big"}:
        raise ImageRejected("its header does not state its byte order (endian): save it again")
    found = PixelFormat(
        "NRRD",
        sizes,
        compression=_COMPRESSIONS[encoding],
        bits_allocated=bits,
        number=number,
        big_endian=fields.get("endian", "").lower() == "big",
        axes=_axes(fields) if len(sizes) == 3 else np.empty((0, 3)),
        offset=end.end() if end and not place else 0,
        data_file=voxel_file(path, place) if place else "",
    )
    return found, pairs


def _fields(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fields, by their name in lower case without spaces, and the key/value pairs."""
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    for number, line in enumerate(text.splitlines()[1:], start=2):
        if line.startswith("#"):
            continue
        key, assigns, value = line.partition(":=")
        name, colon, stated = line.partition(":")
        if assigns and len(key) <= len(name):
            pairs[key] = value
            continue
        name = name.lower().replace(" ", "")
        if not colon or not name or name in fields or not stated.isprintable():
            raise ImageRejected(f"its NRRD header is damaged in line {number}: copy it again")
        fields[name] = stated.strip()
    return fields, pairs


def _required(fields: dict[str, str], name: str) -> str:
    if not fields.get(name):
        raise ImageRejected(f"its NRRD header has no field {name!r}: copy it again")
    return fields[name]


def _type(text: str) -> tuple[Literal["unsigned", "signed", "float"], int]:
    """Return the kind and the bits of a type, such as ``short``, ``unsigned short int`` and ``uint16_t``."""
    if text in {"float", "double"}:
        return "float", 32 if text == "float" else 64
    exact = re.fullmatch(r"(u?)int(8|16|32|64)(_t)?", text)
    if exact:
        return "unsigned" if exact[1] else "signed", int(exact[2])
    short = re.fullmatch(r"(u|unsigned |signed )?(char|short|int|long long|longlong)( int)?", text)
    if short is None:
        raise refuse_format(f"a NRRD of the type {text[:24]}")
    bits = _INTEGERS[short[2].replace(" ", "")]
    return "unsigned" if (short[1] or "").startswith("u") else "signed", bits


def _integers(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[0-9]{1,9}( +[0-9]{1,9})*", text):
        raise ImageRejected(f"its header is damaged (sizes: {text[:40]}): copy it again")
    return tuple(int(word) for word in text.split())


def _axes(fields: dict[str, str]) -> NDArray[np.float64]:
    """Return the step of each index axis in mm, to the left, to posterior and to superior."""
    space = fields.get("space", "").lower()
    if space and space not in _SPACES:
        raise ImageRejected(
            f"its space is {space[:32]!r}, which does not state where the patient's head is: correct its header"
        )
    signs = np.array(_SPACES.get(space, (1, 1, 1)))
    if "spacedirections" not in fields:
        distances = [_number(word) for word in fields.get("spacings", "1 1 1").split()]
        units = _units(fields.get("units", ""))
        if len(distances) != 3:
            raise ImageRejected("its header is damaged (spacings): copy it again")
        return np.diag(np.array(distances) * units * signs)
    vectors = re.findall(r"\(([^()]*)\)", fields["spacedirections"])
    steps = [[_number(word) for word in vector.split(",")] for vector in vectors]
    if [len(step) for step in steps] != [3, 3, 3]:
        raise ImageRejected("its header is damaged (space directions): copy it again")
    return np.asarray(np.array(steps) * (_units(fields.get("spaceunits", "")) * signs))


def _units(text: str) -> NDArray[np.float64]:
    """Return the units of the three axes in mm."""
    names = re.findall(r'"([^"]*)"', text) or text.split() or [""] * 3
    if len(names) != 3:
        raise ImageRejected("its header is damaged (units): copy it again")
    return np.array([millimetres(name) for name in names])


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ImageRejected(f"its header is damaged ({text.strip()[:24]!r} is not a number): copy it again")
    return number
