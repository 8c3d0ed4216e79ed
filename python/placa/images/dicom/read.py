"""A DICOM file to 8-bit grey levels: what is one, what is refused, and how its pixels are decoded.

What the stored values then look like is told by `placa.images.dicom.grey`.
"""

from __future__ import annotations

import logging
import os
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from placa.images.dicom.grey import displayed
from placa.images.dicom.worker import decode_apart
from placa.images.grey import MAX_PIXELS, ImageRejected, refuse_size, room_for

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

_DICOMDIR = "1.2.840.10008.1.3.10"
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_EXTENDED = "1.2.840.10008.1.2.4.51"


def is_dicom(head: bytes) -> bool:
    """Say whether a file that begins with these bytes is DICOM.

    Args:
        head: The first 132 bytes or more.

    Returns:
        True after a preamble and ``DICM`` (PS3.10 section 7.1), and for a data set without them, as older software
        writes it: it begins with an element of group 0002 or 0008 whose value representation or length can be.
    """
    if head[128:132] == b"DICM":
        return True
    if len(head) < 8:
        return False
    tag, length = head[:4], head[4:8]
    if tag[:2] in {b"\x00\x02", b"\x00\x08"}:  # big-endian
        tag, length = tag[1::-1] + tag[:1:-1], length[::-1]
    known = tag[:2] in {b"\x02\x00", b"\x08\x00"} and int.from_bytes(tag[2:], "little") <= 0x70
    return known and (head[4:6] in {b"UL", b"UI", b"CS", b"OB", b"SH", b"DA"} or int.from_bytes(length, "little") <= 64)


def read_header(path: str | os.PathLike[str], tags: list[str] | None = None) -> Dataset:
    """Read the data set of a DICOM file without its pixels.

    Args:
        path: The file.
        tags: Keywords of the elements that are wanted; all by default.

    Raises:
        ImageRejected: The file is no DICOM, a DICOMDIR, or damaged. The reason repeats nothing from the data set, for
            that may name the patient.
        OSError: The file cannot be read.
    """
    with quiet():
        return _read(path, stop_before_pixels=True, specific_tags=tags and [*tags, "SOPClassUID"])


def read_grey(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read the one frame of a DICOM file as a viewer would show it first.

    Args:
        path: A DICOM file, with or without preamble, in any transfer syntax that gdcm decodes.

    Returns:
        Grey levels 0-255, shape ``(rows, columns)``: the first window or VOI LUT applied, MONOCHROME1 inverted,
        padding black. Without either, images of up to 8 bits stay as they are, and deeper ones are stretched between
        the `placa.images.dicom.grey.TAILS` of their pixels. Of colour, the luminance.

    Raises:
        ImageRejected: The file is no DICOM image, has several frames, is meant for processing and not for
            presentation, is too large, damaged, or has pixels of a kind that is not read.
        OSError: The file cannot be read.
    """
    with quiet():
        # The header first: pixels of a kind that is not read are not loaded at all.
        header = _read(path, stop_before_pixels=True)
        refuse(header, os.stat(path).st_size)
        with room_for(header.Rows * header.Columns):
            stored = decode_apart(path) if header.file_meta.TransferSyntaxUID.is_encapsulated else decode(path)
            try:
                return _luminance(stored, header) if stored.ndim == 3 else displayed(stored, header)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
                raise ImageRejected(f"its window, LUT or rescaling is damaged ({type(error).__name__})") from error


def decode(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Decode the pixels of a DICOM file, in this process.

    Args:
        path: A file that `refuse` has nothing against.

    Returns:
        Stored values, shape ``(rows, columns)``, or in colour ``(rows, columns, 3)`` as RGB.

    Raises:
        ImageRejected: There are none, or they cannot be decoded.
        OSError: The file cannot be read.
    """
    with quiet():
        data = _read(path)
        if "PixelData" not in data:
            raise ImageRejected("it has no pixels, and what was to have some: it is truncated, copy it again")
        try:
            return _decode(path, data)
        except (ImageRejected, MemoryError):
            raise
        except Exception as error:
            # Damaged bytes make the decoders raise whatever the code they lead to raises.
            name = data.file_meta.TransferSyntaxUID.name
            said = " ".join(str(error).split())[:160]
            raise ImageRejected(f"its pixels ({name}) are damaged, truncated or not to be decoded ({said})") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom from printing or logging odd values, which may be a patient's name."""
    logging.getLogger("pydicom").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pydicom|placa|contextlib")
        yield


def _read(path: str | os.PathLike[str], **how: Any) -> Dataset:
    import pydicom

    with Path(path).open("rb") as file:
        head = file.read(1024)
    if not is_dicom(head):
        raise ImageRejected("it is no DICOM file, whatever its name ends with")
    marked = head[128:132] == b"DICM"
    if marked and _DEFLATED in head:
        _refuse_bomb(Path(path), start=144 + int.from_bytes(head[140:144], "little"))
    try:
        # Without a preamble pydicom reads only by force; is_dicom has seen what it will find.
        data = pydicom.dcmread(path, force=not marked, **how)
        sop_class = str(data.get("SOPClassUID") or data.file_meta.get("MediaStorageSOPClassUID") or "")
        if "TransferSyntaxUID" not in data.file_meta:
            data.file_meta.TransferSyntaxUID = _plain_syntax(data)
        # Asked for here, because of a UID that names no transfer syntax this raises.
        _ = data.file_meta.TransferSyntaxUID.is_encapsulated
    except OSError:
        raise
    except Exception as error:
        # Damaged bytes make pydicom raise whatever the code they lead to raises.
        raise ImageRejected(f"its DICOM header is damaged ({type(error).__name__}): copy it again") from error
    if sop_class == _DICOMDIR:
        raise ImageRejected("it is a DICOMDIR, an index of other files: name those, or their folder")
    if not marked and not sop_class.startswith("1.2.840.10008."):
        raise ImageRejected("it is no DICOM file, or damaged from its beginning: copy it again")
    return data


def _plain_syntax(data: Any) -> UID:
    from pydicom import uid

    implicit, little = data.original_encoding
    if implicit:
        return uid.ImplicitVRLittleEndian
    return uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian


def _refuse_bomb(path: Path, start: int) -> None:
    """Refuse a deflated data set that would fill the memory: pydicom inflates it whole, pixels wanted or not."""
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    with path.open("rb") as file:
        file.seek(start)
        while block := file.read(1 << 16):
            while block:
                try:
                    size += len(inflater.decompress(block, 1 << 20))
                except zlib.error as error:
                    raise ImageRejected(f"its deflated data set is damaged ({error}): copy it again") from error
                block = inflater.unconsumed_tail
                # Two bytes a pixel, and room for the largest headers.
                if size > 2 * MAX_PIXELS + (1 << 26):
                    raise ImageRejected("it inflates to more bytes than any radiograph has")


def refuse(data: Dataset, size_of_file: int) -> None:
    """Refuse what is no single radiograph, by the header alone."""
    kind = data.get("SOPClassUID") or data.file_meta.get("MediaStorageSOPClassUID")
    try:
        rows, columns = int(data.get("Rows") or 0), int(data.get("Columns") or 0)
        frames, bits = int(data.get("NumberOfFrames") or 1), int(data.get("BitsStored") or 0)
    except Exception as error:
        raise ImageRejected("its image size or number of frames is no number: copy it again") from error
    if rows < 1 or columns < 1:
        raise ImageRejected(f"it holds no image ({getattr(kind, 'name', None) or 'of unknown kind'})")
    if frames > 1:
        raise ImageRejected(f"it has {frames} frames, and one radiograph was expected: save the frame you mean")
    refuse_size(columns, rows, size_of_file)
    if not 2 <= bits <= 16:
        raise ImageRejected(f"it stores {bits} bits a sample (2 to 16 are read): it is a mask, a dose or damaged")
    if str(data.get("PresentationIntentType", "")).strip().upper() == "FOR PROCESSING":
        raise ImageRejected("it is raw detector data (FOR PROCESSING): export the image that is FOR PRESENTATION")


def _decode(path: str | os.PathLike[str], data: Dataset) -> NDArray[Any]:
    if data.file_meta.TransferSyntaxUID == _EXTENDED and data.BitsStored > 8:
        return _decode_extended(path, data)
    stored: NDArray[Any] = data.pixel_array
    if data.PhotometricInterpretation == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        stored = apply_color_lut(stored, data)[..., :3]
    if stored.ndim not in {2, 3} or (stored.ndim == 3 and stored.shape[2] != 3):
        raise ImageRejected(f"its pixels have the shape {stored.shape}, and one grey or RGB frame was expected")
    return stored


def _decode_extended(path: str | os.PathLike[str], data: Dataset) -> NDArray[Any]:
    """JPEG Extended with 12 bits, which pydicom does not ask gdcm for, although gdcm decodes it."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(os.fspath(path))
    if not reader.Read() or data.SamplesPerPixel != 1:
        raise ImageRejected("its pixels (JPEG Extended) cannot be decoded: save it in another transfer syntax")
    # gdcm hands bytes over as text; pydicom gets them back in the same way.
    raw = reader.GetImage().GetBuffer().encode("utf-8", errors="surrogateescape")
    kind = np.int16 if data.PixelRepresentation else np.uint16
    return np.frombuffer(raw, dtype=kind).reshape(data.Rows, data.Columns)


def _luminance(rgb: NDArray[Any], data: Dataset) -> NDArray[np.uint8]:
    from PIL import Image

    bits = 8 * rgb.dtype.itemsize if data.PhotometricInterpretation == "PALETTE COLOR" else int(data.BitsStored)
    if bits != 8:
        rgb = np.clip(rgb * (255.0 / (2**bits - 1)) + 0.5, 0, 255)
    return np.asarray(Image.fromarray(rgb.astype(np.uint8)).convert("L"))
