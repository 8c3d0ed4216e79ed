"""Follow the markers of a JPEG through its scans (ISO/IEC 10918-1, annexes B, E and G), before it is decoded.

Decoders fill blocks whose data are missing with grey, continue at the wrong place after a lost restart marker, and
leave out the details of missing scans, all without an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from placa.core import limits
from placa.images.grey import ImageRejected

#: A marker in compressed data, where a zero byte follows each other byte of ones.
_MARKER = re.compile(rb"\xff+([\x01-\xfe])", re.DOTALL)
#: Frame headers of sequential and of progressive JPEG.
_SEQUENTIAL, _PROGRESSIVE = {0xC0, 0xC1, 0xC3, 0xC9, 0xCB}, {0xC2, 0xCA}
_SCAN, _END = 0xDA, 0xD9
_RESTARTS = range(0xD0, 0xD8)


@dataclass(frozen=True)
class Scans:
    """The scans of a JPEG.

    Attributes:
        end: Position of the end marker; the length of the data if they have none.
        progressive: Whether each scan adds details to the scans before.
    """

    end: int
    progressive: bool


def read_scans(data: bytes) -> Scans:
    """Read the scans of the first image of a JPEG.

    Args:
        data: A JPEG, from its first marker.

    Raises:
        ImageRejected: Parts between restart markers or scans are missing, or there are more scans than any image has.
    """
    at, pixels, scans = 2, 0, 0
    # The lowest bit that was sent, by component and coefficient.
    lowest: dict[int, list[int | None]] = {}
    progressive = False
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _END:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:
            at += 1
            continue
        body = data[at + 4 : at + 2 + length]
        at += 2 + length
        if marker in _SEQUENTIAL | _PROGRESSIVE and len(body) >= 6:
            pixels = int.from_bytes(body[1:3], "big") * int.from_bytes(body[3:5], "big")
            progressive = marker in _PROGRESSIVE
            lowest = {component: [None] * 64 for component in body[6::3][: body[5]]}
        elif marker == _SCAN and body:
            scans += 1
            _refuse_scans(scans, pixels)
            _record(body, lowest)
            at = _end_of_scan(data, at)
    if progressive and any(bit != 0 for bits in lowest.values() for bit in bits):
        raise ImageRejected("the last scans of its progressive JPEG are missing, so it is truncated: copy it again")
    return Scans(at, progressive)


def _refuse_scans(scans: int, pixels: int) -> None:
    if scans * pixels > limits.MAX_PIXELS_OF_SCANS:
        raise ImageRejected(
            f"it has more than {scans - 1:,} scans of {pixels:,} pixels, and the limit for all scans is "
            f"{limits.MAX_PIXELS_OF_SCANS:,} pixels",
            scans=scans,
            pixels=pixels,
        )


def _record(body: bytes, lowest: dict[int, list[int | None]]) -> None:
    """Record the coefficients of a scan: their components, range, and lowest bit."""
    count = body[0]
    if len(body) < 4 + 2 * count:
        return
    first, last, bits = body[1 + 2 * count : 4 + 2 * count]
    for component in body[1 : 1 + 2 * count : 2]:
        sent = lowest.get(component, [])
        for coefficient in range(first, min(last + 1, len(sent))):
            sent[coefficient] = bits & 15


def _end_of_scan(data: bytes, begin: int) -> int:
    """Return the position of the marker after a scan; its restart markers must be in order."""
    expected = 0
    for found in _MARKER.finditer(data, begin):
        marker = found[1][0]
        if marker not in _RESTARTS:
            return found.start()
        if marker & 7 != expected:
            raise ImageRejected("a part between two restart markers of its JPEG is missing: copy it again")
        expected = (expected + 1) % 8
    return len(data)
