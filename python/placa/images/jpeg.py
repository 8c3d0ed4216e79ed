"""Read JPEG and JPEG-LS streams: their frame header (ISO/IEC 10918-1 and 14495-1, annex B), and streams beyond Pillow.

Pillow decodes JPEG with 8 bits. libjpeg-turbo (through imagecodecs) also decodes 12 bits and lossless JPEG with 2 to 16
bits, and CharLS decodes JPEG-LS. The same functions read image files and the frames of DICOM files.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from placa.images.complete import require_complete_jpeg
from placa.images.grey import ImageRejected, refuse_format
from placa.images.jpeg_scans import read_scans
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
#: Markers without a length: padding, TEM, RST0 to RST7, SOI.
_ALONE = {0x01, *range(0xD0, 0xD9)}


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
    at, adobe, jfif = 2, -1, False
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        if marker in _PROCESSES:
            return marker, body, adobe, jfif
        if marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
            adobe = body[11]
        jfif = jfif or (marker == 0xE0 and body[:4] == b"JFIF")
        at += 2 + length
    raise ImageRejected("its JPEG stream has no frame header, so it is damaged or truncated: copy it again")


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
        bits_allocated=8 if bits <= 8 else 16,
        bits_stored=bits,
        photometric=photometric,
        big_endian=True,
    )


def has_rgb_names(data: bytes) -> bool:
    """Return whether the three components of a stream are named R, G and B, or r, g and b."""
    _, body, _, _ = _find_frame(data)
    return body[6::3][:3] in {b"RGB", b"rgb"}


def is_jfif(data: bytes) -> bool:
    """Return whether a stream begins with the marker of JFIF, whose three components are always YCbCr."""
    return data[2:4] == b"\xff\xe0" and data[6:10] == b"JFIF"


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
    require_complete_jpeg(data, scans, bool((stored[-1, -1] == missing).any()), samples)
    return stored
