"""Read JPEG 2000: the boxes of a JP2 file and the header of its codestream (ISO/IEC 15444-1, annexes A and I).

OpenJPEG (through imagecodecs) decodes all depths with their sign, HTJ2K included. Pillow does not keep the sign, and
its colours have 8 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from placa.images.grey import ImageRejected, refuse_format
from placa.images.pixel_format import PixelFormat

MAGIC = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
CODESTREAM = b"\xff\x4f\xff\x51"
#: Enumerated colour spaces (table I.10) that OpenJPEG decodes as RGB or grey: sRGB, grey, sYCC.
_SPACES: dict[int, tuple[Literal["grey", "RGB"], int]] = {16: ("RGB", 3), 17: ("grey", 1), 18: ("RGB", 3)}


def read_format(data: bytes) -> PixelFormat:
    """Read the header of a JP2 file or of a bare codestream.

    Raises:
        ImageRejected: The header is damaged, or its components have several depths or sizes.
    """
    boxes = {b"jp2c": memoryview(data)} if data.startswith(CODESTREAM) else dict(_boxes(memoryview(data)))
    try:
        return _format(boxes)
    except (KeyError, IndexError, struct.error) as error:
        raise ImageRejected("its JPEG 2000 header is damaged: copy it again") from error


def _format(boxes: dict[bytes, memoryview]) -> PixelFormat:
    stream = boxes[b"jp2c"]
    if stream[:4] != CODESTREAM:
        raise ImageRejected("its JPEG 2000 header is damaged: copy it again")
    *sizes, components = struct.unpack_from(">8IH", stream, 8)
    width, height = sizes[0] - sizes[2], sizes[1] - sizes[3]
    parts = [bytes(stream[42 + 3 * i : 45 + 3 * i]) for i in range(components)]
    depths = {part[0] for part in parts}
    if b"pclr" in boxes:
        # Entries of a palette take the place of the samples.
        components, depths = boxes[b"pclr"][2], set(boxes[b"pclr"][3 : 3 + boxes[b"pclr"][2]])
    if len(depths) > 1:
        raise refuse_format("a JPEG 2000 whose components have several depths")
    depth = depths.pop()
    bits, signed = (depth & 0x7F) + 1, bool(depth & 0x80)
    if bits > 16:
        raise refuse_format(f"a JPEG 2000 of {bits} bits")
    photometric, colours = _colours(boxes.get(b"colr"), components)
    return PixelFormat(
        "JPEG 2000",
        (width, height),
        samples=components,
        bits_stored=bits,
        number="signed" if signed else "unsigned",
        photometric=photometric,
        transparency=_opacity(boxes.get(b"cdef"), components, colours),
        # Of components with fewer samples than pixels, Pillow reads those of 8 bits.
        planar=any(part[1:] != b"\x01\x01" for part in parts),
    )


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the type and content of each box; a box that contains boxes is replaced by them."""
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        begin = at + 8
        if length == 1 and at + 16 <= len(data):
            length, begin = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        end = len(data) if length == 0 else at + length
        if end < begin:
            return
        if kind == b"jp2h":
            yield from _boxes(data[begin:end])
        else:
            yield kind, data[begin:end]
        at = end


def _colours(box: memoryview | None, components: int) -> tuple[Literal["grey", "RGB"], int]:
    """Return the meaning of the samples, and how many of them are colours."""
    if box is not None and box[0] == 1:
        space = int.from_bytes(box[3:7], "big")
        if space not in _SPACES:
            raise refuse_format(f"a JPEG 2000 of the colour space {space}")
        if _SPACES[space][1] <= components:
            return _SPACES[space]
    return ("grey", 1) if components < 3 else ("RGB", 3)


def _opacity(box: memoryview | None, components: int, colours: int) -> Literal["none", "straight", "premultiplied"]:
    if components <= colours:
        return "none"
    if box is None:
        # Files without channel definitions are common; an additional component is opacity, as other readers take it.
        return "straight" if components == colours + 1 else "none"
    for number in range(int.from_bytes(box[:2], "big")):
        channel, kind, _ = struct.unpack_from(">3H", box, 2 + 6 * number)
        if channel == components - 1 and kind in {1, 2}:
            return "straight" if kind == 1 else "premultiplied"
    return "none"


def decode(data: bytes, found: PixelFormat) -> NDArray[Any]:
    """Decode all components, shape ``(height, width)`` or ``(height, width, samples)``."""
    import imagecodecs

    if found.planar:
        raise refuse_format("a JPEG 2000 with subsampled components")
    return np.asarray(imagecodecs.jpeg2k_decode(data))
