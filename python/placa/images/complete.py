"""Reject pictures whose data are fewer than their header states, or whose checksum is wrong.

Decoders fill missing rows with black or grey and report nothing.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from typing import Any, BinaryIO

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image

from placa.images.grey import ImageRejected

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
#: Bytes that are read at once.
_BLOCK = 1 << 20
#: Samples per pixel, by colour type of PNG.
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
#: The seven images of an interlaced PNG: first column, first row, and the distances of columns and rows.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
#: The grey of blocks without data in a JPEG.
_NO_DATA = 128
_FEWER = "it has fewer pixels than its header states, so it is truncated or damaged: copy it again"


def require_complete_png(file: BinaryIO) -> None:
    """Check the checksums of a PNG's critical chunks, and the number of its bytes of pixels.

    Args:
        file: An open file, which may be no PNG; afterwards it is at its start.

    Raises:
        ImageRejected: A checksum is wrong, or there are fewer pixels than the header states.
    """
    file.seek(0)
    if file.read(8) != _PNG:
        file.seek(0)
        return
    expected, received = 0, 0
    inflate = isal_zlib.decompressobj()
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        checksum = isal_zlib.crc32(kind)
        left = length
        while left and (block := file.read(min(left, _BLOCK))):
            left -= len(block)
            checksum = isal_zlib.crc32(block, checksum)
            if kind == b"IHDR" and length == 13:
                expected = _bytes_of_pixels(block)
            elif kind == b"IDAT" and received <= expected:
                received += _inflated(inflate, block, expected + 1 - received)
        # Lower case is an ancillary chunk, such as a comment.
        if left or (kind[:1].isupper() and file.read(4) != struct.pack(">I", checksum)):
            raise ImageRejected("its checksum is wrong, so it is damaged or truncated: copy it again")
        if kind[:1].islower():
            file.seek(4, os.SEEK_CUR)
        if kind == b"IEND":
            break
    file.seek(0)
    if received < expected:
        raise ImageRejected(_FEWER)


def _bytes_of_pixels(header: bytes) -> int:
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * _SAMPLES.get(colour, 0)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        # Each row starts with a byte for its filter.
        total += rows * (1 + (columns * bits + 7) // 8) if columns > 0 and rows > 0 else 0
    return total


def _inflated(inflate: Any, block: bytes, most: int) -> int:
    count = 0
    try:
        while block and count < most and not inflate.eof:
            count += len(inflate.decompress(block, min(_BLOCK, most - count)))
            block = inflate.unconsumed_tail
    except (isal_zlib.error, zlib.error) as error:  # type: ignore[misc]  # its stub calls the class an exception
        raise ImageRejected("its compressed pixels are damaged or truncated: copy it again") from error
    return count


def require_complete_jpeg(data: bytes, last: int) -> None:
    """Check that a JPEG's compressed data do not end before its pixels.

    A decoder uses all compressed data and no more. If its result depends on bytes that are added to the end of the
    data, they ended too early.

    Args:
        data: The file.
        last: The grey level of its last pixel; missing blocks of a sequential JPEG are `_NO_DATA`.

    Raises:
        ImageRejected: There are fewer data than the header states.
    """
    if not data.startswith(_JPEG):
        return
    progressive = _is_progressive(data)
    if not progressive and last != _NO_DATA:
        return
    end = data.rfind(b"\xff\xd9")
    if end < 0:
        return
    more = data[:end] + b"\x5a\xa5\x3c" * 400 + data[end:]
    if not np.array_equal(_decode(data, progressive), _decode(more, progressive)):
        raise ImageRejected(_FEWER)


def _is_progressive(data: bytes) -> bool:
    """Return whether the frame header of a JPEG, which is before its first scan, is that of a progressive one."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
        if data[place + 1] == 0xC2:
            return True
        # A byte that fills has no length.
        place += 1 if data[place + 1] == 0xFF else 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return False


def _decode(data: bytes, large: bool) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as picture:
        # The later scans of a progressive JPEG change details alone.
        if not large:
            picture.draft("L", (1, 1))
        return np.asarray(picture, dtype=np.uint8)


def require_contrast(grey: Image.Image) -> None:
    """Reject an image of one grey level, such as one whose window is far from its values.

    Raises:
        ImageRejected: All pixels are equal.
    """
    lowest, highest = grey.convert("L").getextrema()
    if lowest == highest:
        raise ImageRejected(f"all its pixels have the same grey level ({lowest}): check the file and its window")
