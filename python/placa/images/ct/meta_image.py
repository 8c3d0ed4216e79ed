"""Validate the text header of a MetaImage (``.mha``) before SimpleITK reads the file.

The reader of SimpleITK does not validate the header: a wrong number of dimensions crashes the process, and damaged or
missing voxels become noise without a message.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from pathlib import Path

from placa.images.read import ImageRejected

_HEAD = 1 << 16
#: Block size in bytes; small, because a compressed block may expand a thousandfold.
_BLOCK = 1 << 16
#: Maximum length of a line; the reader of SimpleITK stores each in an array of fixed length.
_LONGEST = 1000
_TYPES = {
    *("MET_CHAR", "MET_UCHAR", "MET_SHORT", "MET_USHORT", "MET_INT", "MET_UINT", "MET_FLOAT", "MET_DOUBLE"),
    *("MET_LONG", "MET_ULONG", "MET_LONG_LONG", "MET_ULONG_LONG"),
}
#: Fields of numbers; a field has NDims to this power numbers.
_POWERS = {
    **dict.fromkeys(("DimSize", "ElementSpacing", "ElementSize"), 1),
    **dict.fromkeys(("Offset", "Position", "Origin", "CenterOfRotation"), 1),
    **dict.fromkeys(("TransformMatrix", "Rotation", "Orientation"), 2),
}
_POSITIVE = {"DimSize", "ElementSpacing", "ElementSize"}


class MetaImage:
    """A MetaImage with a text header, followed by the voxels.

    Args:
        path: The file.

    Raises:
        ImageRejected: The header is not that of a MetaImage, is damaged, or refers to another file.
        OSError: The file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            before, name, after = file.read(_HEAD).partition(b"ElementDataFile")
        line, newline, _ = after.partition(b"\n")
        if not newline:
            raise ImageRejected("it is not an .mha volume, or its header is truncated")
        fields = _fields(before.decode("latin-1"))
        if line.strip(b"= \r\t") != b"LOCAL":
            raise ImageRejected("its voxels are in another file, but an .mha file contains its voxels: save it again")
        if not _is_true(fields.get("BinaryData", "")):
            raise ImageRejected("its voxels are stored as text, not as binary data: save it as binary")
        self._path = path
        self._begin = len(before) + len(name) + len(line) + 1
        self.compressed = _is_true(fields.get("CompressedData", ""))
        found = path.stat().st_size - self._begin
        stated = fields.get("CompressedDataSize", "")
        if self.compressed and stated != str(found):
            raise ImageRejected(
                f"it is truncated or damaged: its header has {stated or 'no'} bytes of compressed voxels, but "
                f"the file has {found}; copy it again"
            )

    def count_voxel_bytes(self, enough: int) -> int:
        """Count the bytes of voxels; counting stops soon after `enough`.

        Raises:
            ImageRejected: The voxels are compressed and damaged.
        """
        if not self.compressed:
            return self._path.stat().st_size - self._begin
        return count(self._inflated(), enough)

    def _inflated(self) -> Iterator[bytes]:
        inflate = zlib.decompressobj()
        with self._path.open("rb") as file:
            file.seek(self._begin)
            while block := file.read(_BLOCK):
                try:
                    yield inflate.decompress(block)
                except zlib.error as error:
                    raise ImageRejected(f"its compressed voxels are damaged ({error}): copy it again") from error


def count(blocks: Iterator[bytes], enough: int) -> int:
    """Return the number of bytes in blocks; counting stops after the block that exceeds `enough`."""
    found = 0
    for block in blocks:
        found += len(block)
        if found > enough:
            break
    return found


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not name or not line.isprintable() or len(line) > _LONGEST or name in fields:
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


def _numbers(text: str, expected: int, positive: bool) -> bool:
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        return False
    return len(numbers) == expected and all(math.isfinite(one) and (one > 0 or not positive) for one in numbers)


def _is_true(value: str) -> bool:
    return value[:1] in {"T", "t", "1"}
