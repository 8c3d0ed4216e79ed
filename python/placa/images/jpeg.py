"""Read JPEG and JPEG-LS streams: their frame header (ISO/IEC 10918-1 and 14495-1, annex B), and streams beyond Pillow.

Pillow decodes JPEG with 8 bits. libjpeg-turbo (through imagecodecs) also decodes 12 bits and lossless JPEG with 2 to 16
bits, and CharLS decodes JPEG-LS. The same functions read image files and the frames of DICOM files.

Decoders fill blocks whose data are missing with grey, continue at the wrong place after a lost restart marker, and
leave out the details of missing scans, all without an error. So the markers are followed through the scans before
(annexes B, E and G).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from placa.core import limits
from placa.images.grey import FEWER_PIXELS, ImageRejected, refuse_format
from placa.images.pixel_format import PixelFormat

MAGIC = b"\xff\xd8\xff"
_LS = 0xF7
_LOSSLESS = 0xC3
#: Processes by the second byte of their frame header.
_PROCESSES = {
    0xC0: "baseline JPEG",
    0xC1: "extended JPEG",
    0xC2: "progressive JPEG",
    _LOSSLESS: "lossless JPEG",
    0xC5: "hierarchical JPEG",
    0xC6: "hierarchical progressive JPEG",
    0xC7: "hierarchical lossless JPEG",
    0xC9: "arithmetic-coded JPEG",
    0xCA: "arithmetic-coded progressive JPEG",
    0xCB: "arithmetic-coded lossless JPEG",
    0xCD: "hierarchical arithmetic-coded JPEG",
    0xCE: "hierarchical arithmetic-coded progressive JPEG",
    0xCF: "hierarchical arithmetic-coded lossless JPEG",
    _LS: "JPEG-LS",
}
_DECODED = {0xC0, 0xC1, 0xC2, _LOSSLESS, 0xC9, 0xCA, _LS}
#: Frame headers of sequential and of progressive JPEG.
_SEQUENTIAL, _PROGRESSIVE = {0xC0, 0xC1, 0xC3, 0xC9, 0xCB}, {0xC2, 0xCA}
_SCAN, _END, _RESTARTS = 0xDA, 0xD9, range(0xD0, 0xD8)
#: Markers without a length: TEM, RST0 to RST7, SOI.
_ALONE = {0x01, *_RESTARTS, 0xD8}
#: A marker in compressed data, where a zero byte follows each other byte of ones.
_MARKER = re.compile(rb"\xff+([\x01-\xfe])", re.DOTALL)
#: Compressed data that are added to a JPEG.
_ADDED = b"\x5a\xa5\x3c" * 400


def read_format(data: bytes) -> PixelFormat:
    """Read the frame header of a JPEG or JPEG-LS stream.

    Args:
        data: The stream, from its first marker.

    Raises:
        ImageRejected: The stream has no frame header, or is of a process that is not read.
    """
    return _frame(*_find_frame(data))


def _find_frame(data: bytes) -> tuple[int, bytes, int, bool]:
    """Return the marker and content of the frame header, Adobe's colour transformation (-1 without) and JFIF."""
    adobe, jfif = -1, False
    for marker, body, _ in _segments(data):
        if marker in _PROCESSES:
            return marker, body, adobe, jfif
        if marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
            adobe = body[11]
        jfif = jfif or (marker == 0xE0 and body[:4] == b"JFIF")
    raise ImageRejected("its JPEG stream has no frame header, so it is damaged or truncated: copy it again")


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield the marker and content of each segment before the end marker, and where it ends, with its compressed data.

    Raises:
        ImageRejected: A part between two restart markers is missing.
    """
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _END:
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            # A byte of ones before a marker is padding.
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : end]
        at = _end_of_scan(data, end) if marker == _SCAN else end
        yield marker, body, at


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


def _frame(marker: int, body: bytes, adobe: int, jfif: bool) -> PixelFormat:
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise ImageRejected("its JPEG frame header is truncated: copy it again")
    bits, height, width = body[0], int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    samples = body[5]
    name = _PROCESSES[marker] + (f" of {bits} bits" if bits != 8 else "")
    depths = range(2, 17) if marker in {_LOSSLESS, _LS} else (8, 12)
    if marker not in _DECODED or bits not in depths or (bits != 8 and marker in {0xC9, 0xCA}):
        raise refuse_format(f"a {name}" if name[0] not in "aehi" else f"an {name}")
    photometric: Literal["grey", "RGB", "luminance", "CMYK"] = "grey"
    if samples == 3:
        # Without a marker, components named R, G and B are not transformed (libjpeg, jdapimin.c).
        ids = bytes(body[6::3][:3])
        direct = adobe == 0 or (not jfif and adobe < 0 and (ids == b"RGB" or marker in {_LOSSLESS, _LS}))
        photometric = "RGB" if direct else "luminance"
    elif samples == 4:
        photometric = "CMYK"
    return PixelFormat(
        "JPEG-LS" if marker == _LS else "JPEG",
        (width, height),
        compression=name,
        samples=samples,
        bits_stored=bits,
        photometric=photometric,
    )


def stated_colours(data: bytes) -> Literal["RGB", "luminance"] | None:
    """Return what three components mean by their names, or by the marker of JFIF, which is always YCbCr."""
    _, body, _, _ = _find_frame(data)
    if body[6::3][:3] in {b"RGB", b"rgb"}:
        return "RGB"
    return "luminance" if data[2:4] == b"\xff\xe0" and data[6:10] == b"JFIF" else None


def decode(data: bytes, found: PixelFormat) -> NDArray[Any]:
    """Decode a stream without any conversion of colours.

    Args:
        data: The stream.
        found: Its format.

    Returns:
        Unsigned samples, shape ``(height, width)`` or ``(height, width, samples)``.

    Raises:
        ImageRejected: There are fewer data than the header states, or too many scans.
    """
    import imagecodecs

    if found.kind == "JPEG-LS":
        return np.asarray(imagecodecs.jpegls_decode(data))
    space = {1: "GRAYSCALE", 3: "YCBCR", 4: "CMYK"}.get(found.samples, "UNKNOWN")

    def samples(stream: bytes) -> NDArray[Any]:
        return np.asarray(imagecodecs.jpeg8_decode(stream, colorspace=space, outcolorspace=space))

    scans = read_scans(data)
    stored = samples(data)
    missing = 1 << (found.bits_stored - 1)
    require_complete(data, scans, bool((stored[-1, -1] == missing).any()), samples)
    return stored


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
    end, pixels, scans, progressive = 2, 0, 0, False
    # The lowest bit that was sent, by component and coefficient.
    lowest: dict[int, list[int | None]] = {}
    for marker, body, after in _segments(data):
        end = after
        if marker in _SEQUENTIAL | _PROGRESSIVE and len(body) >= 6:
            pixels = int.from_bytes(body[1:3], "big") * int.from_bytes(body[3:5], "big")
            progressive = marker in _PROGRESSIVE
            lowest = {component: [None] * 64 for component in body[6::3][: body[5]]}
        elif marker == _SCAN and body:
            scans += 1
            _refuse_scans(scans, pixels)
            _record(body, lowest)
    if progressive and any(bit != 0 for bits in lowest.values() for bit in bits):
        raise ImageRejected("the last scans of its progressive JPEG are missing, so it is truncated: copy it again")
    return Scans(end, progressive)


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


def require_complete(data: bytes, scans: Scans, ends_grey: bool, decode: Callable[[bytes], NDArray[Any]]) -> None:
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
        raise ImageRejected(FEWER_PIXELS)
