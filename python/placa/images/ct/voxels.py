"""Read the voxels of a volume by its `PixelFormat`: uncompressed, gzip, zlib or bzip2, in any byte order."""

from __future__ import annotations

import bz2
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip, isal_zlib
from numpy.typing import NDArray

from placa.core import limits
from placa.images.ct.nifti import open_nifti
from placa.images.grey import ImageRejected
from placa.images.pixel_format import PixelFormat

#: Block size in bytes; small, because a compressed block may expand a thousandfold.
_BLOCK = 1 << 16
#: Maximum number of bytes that a file may have beyond its voxels, if they are fewer than a slice.
_SPARE = 1 << 16


class Voxels:
    """The voxels of a volume; uncompressed ones are read in parts.

    Args:
        path: The file.
        found: Its format.

    Raises:
        ImageRejected: An uncompressed file has fewer or far more bytes than its header states.
    """

    def __init__(self, path: Path, found: PixelFormat) -> None:
        self._path, self._format = path, found
        kind = {"unsigned": "u", "signed": "i", "float": "f"}[found.number]
        self._dtype = np.dtype(f"{'>' if found.big_endian else '<'}{kind}{found.bits_allocated // 8}")
        self._bytes = int(np.prod(found.size, dtype=np.int64)) * self._dtype.itemsize
        # The first axis changes fastest, so a slice is along the last.
        self._spare = min(_SPARE, self._bytes // found.size[-1] - 1)
        with path.open("rb") as file:
            zipped = found.kind.startswith("NIfTI") and file.read(2) == b"\x1f\x8b"
        self._in_parts = found.compression == "none" and not zipped
        if self._in_parts:
            self._require_bytes(path.stat().st_size - found.offset)

    def slab(self, axis: int, start: int, count: int) -> NDArray[Any]:
        """Return `count` slices along an index axis as stored values, indexed by the file's axes.

        Raises:
            ImageRejected: The voxels are damaged or truncated.
        """
        if self._in_parts and axis == 2:
            columns, rows, _ = self._format.size
            begin = self._format.offset + start * rows * columns * self._dtype.itemsize
            part = np.fromfile(self._path, dtype=self._dtype, count=rows * columns * count, offset=begin)
            if len(part) < rows * columns * count:
                raise ImageRejected("it is truncated: copy it again")
            return part.reshape((columns, rows, count), order="F")
        where: list[slice] = [slice(None)] * 3
        where[axis] = slice(start, start + count)
        return self._all[tuple(where)]

    @cached_property
    def _all(self) -> NDArray[Any]:
        stored = np.empty(self._bytes // self._dtype.itemsize, dtype=self._dtype)
        view, done, found = stored.view(np.uint8).data, 0, 0
        end = time.monotonic() + limits.MAX_SECONDS
        for block in self._blocks():
            if time.monotonic() > end:
                raise ImageRejected(f"its voxels need more than {limits.MAX_SECONDS:.0f} seconds")
            taken = min(len(block), len(view) - done)
            view[done : done + taken] = block[:taken]
            done, found = done + taken, found + len(block)
            if found > self._bytes + self._spare:
                break
        self._require_bytes(found)
        return stored.reshape(self._format.size, order="F")

    def _blocks(self) -> Iterator[bytes]:
        """Yield the bytes of the voxels in order; checksums are verified at the end."""
        compression = self._format.compression
        with open_nifti(self._path) if self._format.kind.startswith("NIfTI") else self._path.open("rb") as file:
            file.seek(self._format.offset)
            opened: Any = file
            if compression == "gzip":
                opened = igzip.IGzipFile(fileobj=file)  # type: ignore[no-untyped-call]
            elif compression == "bzip2":
                opened = bz2.BZ2File(file)
            inflate = isal_zlib.decompressobj() if compression == "zlib" else None
            while block := opened.read(_BLOCK if inflate else 16 * _BLOCK):
                try:
                    yield inflate.decompress(block) if inflate else block
                except isal_zlib.error as error:  # type: ignore[misc]  # its stub calls the class an exception
                    raise ImageRejected(f"its compressed voxels are damaged ({error}): copy it again") from error

    def _require_bytes(self, found: int) -> None:
        if found < self._bytes:
            text = f"it is truncated: it has {found:,} of {self._bytes:,} bytes of voxels; copy it again"
            raise ImageRejected(text, found=found, expected=self._bytes)
        if found > self._bytes + self._spare:
            raise ImageRejected(
                f"it has more than the {self._bytes:,} bytes of voxels of its header: copy it again",
                found=found,
                expected=self._bytes,
            )
