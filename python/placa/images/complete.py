"""Reject pictures whose data are fewer or more than their header states, or whose checksum is wrong.

Decoders fill missing rows with black or grey, cut or shear what is too long, and report nothing.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image

from placa.images.grey import ImageRejected
from placa.images.jpeg_scans import Scans

_PNG = b"\x89PNG\r\n\x1a\n"
#: Bytes that are read at once.
_BLOCK = 1 << 20
#: Samples per pixel, by colour type of PNG.
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
#: The seven images of an interlaced PNG: first column, first row, and the distances of columns and rows.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
#: Compressed data that are added to a JPEG.
_ADDED = b"\x5a\xa5\x3c" * 400
#: Position of the size of the pixels in a BMP.
_SIZE_OF_PIXELS = slice(34, 38)
#: Bits per pixel of an uncompressed PNM, by Pillow's name of its samples.
_BITS = {"1;I": 1, "L": 8, "I;16B": 16, "RGB": 24}
_FEWER = "it has fewer pixels than its header states, so it is truncated or damaged: copy it again"
_MORE = "it has more pixels than its header states, so its header is damaged: copy it again"


def require_complete_png(file: BinaryIO) -> None:
    """Check the checksums of a PNG's critical chunks, and the number of its bytes of pixels.

    Args:
        file: An open file, which may be no PNG; afterwards it is at its start.

    Raises:
        ImageRejected: A checksum is wrong, there are fewer pixels than the header states, or at least a row more.
    """
    file.seek(0)
    if file.read(8) != _PNG:
        file.seek(0)
        return
    expected, most, received = 0, 0, 0
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
                most = expected + _bytes_of_row(block)
            elif kind == b"IDAT" and received < most:
                received += _inflated(inflate, block, most - received)
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
    if expected and received == most:
        raise ImageRejected(_MORE)


def _bytes_of_row(header: bytes) -> int:
    width, _, depth, colour, _, _, _ = struct.unpack(">IIBBBBB", header)
    bits: int = width * depth * _SAMPLES.get(colour, 0)
    return 1 + (bits + 7) // 8


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


def require_complete_jpeg(data: bytes, scans: Scans, ends_grey: bool, decode: Callable[[bytes], NDArray[Any]]) -> None:
    """Check that a JPEG's compressed data do not end before its pixels.

    A decoder uses all compressed data and no more. If its result depends on bytes that are added to the end of the
    data, they ended too early.

    Args:
        data: The file, or the stream in a DICOM file.
        scans: Its scans.
        ends_grey: Whether its last pixel has the level of a missing block, which is the middle one. If not, a
            sequential JPEG with an end marker is complete.
        decode: Decodes a JPEG, if possible in a smaller size.

    Raises:
        ImageRejected: There are fewer data than the header states.
    """
    if not (scans.progressive or ends_grey or scans.end >= len(data)):
        return
    # Frames in DICOM files are padded to an even length.
    end = scans.end if scans.end < len(data) else len(data.rstrip(b"\0"))
    more = data[:end] + _ADDED + data[end:]
    if not np.array_equal(decode(data), decode(more)):
        raise ImageRejected(_FEWER)


def require_complete_raw(image: Image.Image, head: bytes, size_of_file: int) -> None:
    """Check that an uncompressed BMP or PNM has no row more than its header states, before it is decoded.

    Args:
        image: The opened image.
        head: The first bytes of the file.
        size_of_file: Its size in bytes.

    Raises:
        ImageRejected: There is at least a row more.
    """
    tiles: list[Any] = getattr(image, "tile", [])
    if len(tiles) != 1 or tiles[0][0] != "raw":
        return
    _, _, offset, samples = tiles[0]
    # A BMP states the distance of its rows, and the size of its pixels, after which a colour profile may follow.
    row = samples[1] if isinstance(samples, tuple) else (image.width * _BITS.get(samples, 0) + 7) // 8
    received = size_of_file - offset
    if image.format == "BMP":
        received = min(received, int.from_bytes(head[_SIZE_OF_PIXELS], "little") or received)
    if row and received >= row * (image.height + 1):
        raise ImageRejected(_MORE)


def require_colours(image: Image.Image) -> None:
    """Check that a palette has a colour for each index of a decoded image.

    Raises:
        ImageRejected: An index has no colour.
    """
    if image.mode != "P" or image.palette is None:
        return
    highest = image.getextrema()[1]
    colours = len(image.palette.palette) // len(image.palette.mode)
    if isinstance(highest, int | float) and highest >= colours:
        raise ImageRejected(
            f"its palette has {colours} colours, but its pixels use number {highest}: save it again",
            colours=colours,
            highest=highest,
        )


def require_contrast(grey: Image.Image) -> None:
    """Reject an image of one grey level, such as one whose window is far from its values.

    Raises:
        ImageRejected: All pixels are equal.
    """
    lowest, highest = grey.convert("L").getextrema()
    if lowest == highest:
        raise ImageRejected(f"all its pixels have the same grey level ({lowest}): check the file and its window")
