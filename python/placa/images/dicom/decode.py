"""Decode the pixels of a DICOM file in this process.

The frame header of a compressed stream decides how it is decoded, whatever the transfer syntax is called: JPEG and
JPEG-LS by `placa.images.jpeg`, JPEG 2000 and HTJ2K by `placa.images.jpeg2000`. pydicom decodes the rest, uncompressed
and RLE.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from placa.images import jpeg, jpeg2000
from placa.images.dicom.header import pixel_format, quiet, read_data_set
from placa.images.dicom.tables import coloured
from placa.images.grey import ImageRejected, refuse_format
from placa.images.pixel_format import PixelFormat

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def decode(path: str | os.PathLike[str], frames: list[int] | None = None) -> NDArray[Any]:
    """Decode the pixels of a DICOM file, in this process.

    Args:
        path: A file that `placa.images.dicom.header.refuse` accepts, or one of several frames.
        frames: The frames to decode; None for a file with one image.

    Returns:
        Stored values, shape ``(rows, columns)``, or ``(frames, rows, columns)`` if frames are named; of colours the
        luminance where the file has it, otherwise RGB of shape ``(rows, columns, 3)``.

    Raises:
        ImageRejected: The file has no pixels, or they cannot be decoded.
        OSError: The file cannot be read.
    """
    with quiet():
        data = read_data_set(path)
        if "PixelData" not in data:
            if "FloatPixelData" in data or "DoubleFloatPixelData" in data:
                raise refuse_format("a DICOM file with floating-point pixels")
            raise ImageRejected("its pixel data are missing, so it is truncated: copy it again")
        found = pixel_format(data)
        try:
            if frames is not None:
                return np.stack([_decode(data, found, frame) for frame in frames])
            return _decode(data, found)
        except (ImageRejected, MemoryError):
            raise
        except Exception as error:
            # Decoders raise any exception for damaged bytes.
            cause = " ".join(str(error).split())[:160]
            reason = f"its pixels ({found.compression}) are damaged, truncated or cannot be decoded ({cause})"
            raise ImageRejected(reason) from error


def _decode(data: Dataset, found: PixelFormat, frame: int = 0) -> NDArray[Any]:
    from pydicom import uid

    syntax = data.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated and syntax != uid.RLELossless:
        stored, found = _from_stream(data, found, frame)
    else:
        if not syntax.is_encapsulated:
            _require_length(len(data.PixelData) // int(data.get("NumberOfFrames") or 1), found)
        stored = _stored_values(_by_pydicom(data, frame), found, int(data.get("HighBit") or 0))
    if found.photometric == "palette":
        return coloured(stored, data)
    if stored.ndim == 2:
        return stored
    if found.photometric == "luminance":
        return _full_range(stored[..., 0], str(data.PhotometricInterpretation), found.bits_stored)
    if found.photometric != "RGB" or stored.shape[2] != 3:
        raise ImageRejected(f"its pixels have the shape {stored.shape}, expected one grey or RGB frame")
    return stored


def _require_length(received: int, found: PixelFormat) -> None:
    """Reject uncompressed pixels that exceed the size of the header by a row or more: they would be sheared.

    pydicom rejects fewer pixels; some writers add a few bytes.
    """
    row = found.size[0] * found.samples * found.bits_allocated // 8
    expected = row * found.size[1]
    if received >= expected + max(row, 2):
        raise ImageRejected(
            f"it has {received:,} bytes of pixels, but its header states {expected:,}: export it again",
            received=received,
            expected=expected,
        )


def _by_pydicom(data: Dataset, frame: int) -> NDArray[Any]:
    from pydicom.pixels.decoders.base import get_decoder

    unchanged: Any = {"correct_unused_bits": False}
    stored, _ = get_decoder(data.file_meta.TransferSyntaxUID).as_array(data, index=frame, raw=True, **unchanged)
    return stored


def _from_stream(data: Dataset, found: PixelFormat, number: int) -> tuple[NDArray[Any], PixelFormat]:
    """Decode a compressed frame, and correct its format by what the stream states."""
    from pydicom.encaps import get_frame

    frame = get_frame(data.PixelData, number, number_of_frames=int(data.get("NumberOfFrames") or 1))
    is_jpeg = frame.startswith(jpeg.MAGIC)
    if not is_jpeg and not frame.startswith((jpeg2000.MAGIC, jpeg2000.CODESTREAM)):
        raise ImageRejected(
            f"its pixels ({found.compression}) do not begin like a JPEG or JPEG 2000 stream: copy it again"
        )
    stream = jpeg.read_format(frame) if is_jpeg else jpeg2000.read_format(frame)
    _require_agreement(stream, found)
    if found.samples == 3:
        found = replace(found, photometric=_meaning(stream, found, str(data.PhotometricInterpretation), frame))
    stored = jpeg.decode(frame, stream) if is_jpeg else jpeg2000.decode(frame, stream)
    if stored.shape[:2] != found.size[::-1]:
        raise ImageRejected("its decoded pixels have another size than its header states: copy it again")
    # A stream has no bits above its own; the sign is in its highest bit.
    found = replace(found, bits_stored=min(found.bits_stored, stream.bits_stored))
    high = int(data.get("HighBit") or 0) if stream.bits_stored > found.bits_stored else found.bits_stored - 1
    return _stored_values(stored, found, high, unused_bits=False), found


def _require_agreement(stream: PixelFormat, found: PixelFormat) -> None:
    """Reject a compressed frame that the data set describes wrongly."""
    for what, inside, outside in (
        ("components", stream.samples, found.samples),
        ("columns", stream.size[0], found.size[0]),
        ("rows", stream.size[1], found.size[1]),
    ):
        if inside != outside:
            raise ImageRejected(
                f"its {stream.kind} stream has {inside} {what}, but its DICOM header states {outside}: export it again",
                inside=inside,
                outside=outside,
            )


def _meaning(
    stream: PixelFormat, found: PixelFormat, photometric: str, frame: bytes
) -> Literal["RGB", "luminance", "grey", "inverted", "palette", "CMYK"]:
    """Return what three components mean: what the stream states without doubt, otherwise what the data set states."""
    if stream.kind == "JPEG 2000":
        # The decoder reverses the transformations of the codestream (RCT and ICT).
        return "luminance" if photometric.startswith(("YBR_FULL", "YBR_PARTIAL")) else "RGB"
    return jpeg.stated_colours(frame) or found.photometric


def _full_range(luminance: NDArray[Any], photometric: str, bits: int) -> NDArray[Any]:
    """Scale the luminance of YBR_PARTIAL, which has 16 to 235 of 255 (PS3.3 C.7.6.3.1.2), to the full range."""
    if "PARTIAL" not in photometric:
        return luminance
    white = 2**bits - 1
    shares = np.clip((luminance.astype(np.float64) * (255 / white) - 16) / 219, 0, 1)
    return np.asarray(shares * white + 0.5).astype(luminance.dtype)


def _stored_values(samples: NDArray[Any], found: PixelFormat, high_bit: int, unused_bits: bool = True) -> NDArray[Any]:
    """Convert decoded samples to stored values: the bits that are used, and their sign (PS3.5 section 8.1.1).

    Args:
        samples: Integers of the allocated bits, signed or not.
        found: Their format.
        high_bit: Position of the highest bit that is used. It is ignored where the samples are in the lowest bits, as
            some writers store 12 bits there and state 15.
        unused_bits: Whether bits above the highest may hold something else, such as an overlay.

    Returns:
        Integers of 8 or 16 bits, signed if the format is.

    Raises:
        ImageRejected: A pixel uses more bits than the header states.
    """
    bits, signed = found.bits_stored, found.number == "signed"
    if samples.dtype == bool:
        samples = samples.astype(np.uint8)
    patterns: NDArray[Any] = samples.view(samples.dtype.str.replace("i", "u"))
    width = 8 * patterns.dtype.itemsize
    if bits >= width:
        return patterns.view(patterns.dtype.str.replace("u", "i")) if signed else patterns
    if _fits(patterns, bits, signed):
        shift = 0
    elif high_bit >= bits and high_bit < width:
        shift = high_bit + 1 - bits
    elif unused_bits or signed:
        shift = 0
    else:
        highest = int(patterns.max())
        raise ImageRejected(
            f"its highest sample is {highest}, but its header states {bits} bits: export it again",
            highest=highest,
            bits=bits,
        )
    values: NDArray[Any] = (patterns >> patterns.dtype.type(shift)) & patterns.dtype.type(2**bits - 1)
    narrow = np.uint8 if bits <= 8 else np.uint16
    if not signed:
        return values.astype(narrow)
    sign = 1 << (bits - 1)
    negative = (values & patterns.dtype.type(sign)) != 0
    return np.asarray(values.astype(np.int32) - negative * np.int32(2 * sign)).astype(np.int16)


def _fits(patterns: NDArray[Any], bits: int, signed: bool) -> bool:
    """Return whether all samples are in the lowest bits; negative ones may be extended to the full width."""
    above = patterns >> patterns.dtype.type(bits)
    if not above.any():
        return True
    if not signed:
        return False
    extended = (above == above.dtype.type(2 ** (8 * above.dtype.itemsize - bits) - 1)) & (
        patterns >> patterns.dtype.type(bits - 1) & patterns.dtype.type(1)
    ).astype(bool)
    return bool((extended | (above == 0)).all())
