"""Read DICOM headers: detect DICOM files and reject those that are not a single radiograph."""

from __future__ import annotations

import logging
import os
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from placa.core import limits
from placa.images.grey import ImageRejected, refuse_format, refuse_size
from placa.images.pixel_format import PixelFormat

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

_DICOMDIR = "1.2.840.10008.1.3.10"
_DEFLATED = b"1.2.840.10008.1.2.1.99"
#: Transfer syntaxes that pydicom does not know.
_NAMES = {
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
    "1.2.840.10008.1.2.8.1": "Deflated Image Frame Compression",
}
#: The beginnings of the names of transfer syntaxes that are not read.
_UNREAD = ("JPEG XL", "Deflated Image", "JPIP", "MPEG", "Fragmentable MPEG", "HEVC", "SMPTE")
_PHOTOMETRIC: dict[str, Literal["grey", "inverted", "RGB", "palette", "luminance"]] = {
    "MONOCHROME1": "inverted",
    "MONOCHROME2": "grey",
    "PALETTE COLOR": "palette",
    "RGB": "RGB",
    "YBR_FULL": "luminance",
    "YBR_FULL_422": "luminance",
    "YBR_PARTIAL_422": "luminance",
    "YBR_PARTIAL_420": "luminance",
    "YBR_ICT": "RGB",
    "YBR_RCT": "RGB",
}


def is_dicom(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is DICOM.

    Args:
        head: The first 132 bytes or more.

    Returns:
        True after a preamble and ``DICM`` (PS3.10 section 7.1), and for a data set without them, as older software
        writes it: it starts with an element of group 0002 or 0008 with a plausible value representation or length.
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
    """Read the data set of a DICOM file, except its pixels.

    Args:
        path: The file.
        tags: Keywords of the elements to read; all by default.

    Raises:
        ImageRejected: The file is not DICOM, a DICOMDIR, or damaged. The reason contains nothing from the data set,
            because the data set may name the patient.
        OSError: The file cannot be read.
    """
    with quiet():
        return read_data_set(path, stop_before_pixels=True, specific_tags=tags and [*tags, "SOPClassUID"])


@contextmanager
def quiet() -> Iterator[None]:
    """Stop pydicom from printing or logging invalid values, which may contain the name of a patient."""
    logging.getLogger("pydicom").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pydicom|placa|contextlib")
        yield


@cache
def _allow_broken_gdcm() -> None:
    """Make pydicom go without gdcm if that cannot be loaded; call it before pydicom is imported.

    pydicom expects an ImportError. Beside a folder named ``dl``, gdcm raises an AttributeError, and the import of
    pydicom fails. placa does not use gdcm.
    """
    try:
        import gdcm  # noqa: F401
    except ImportError:
        return
    except Exception:
        # None makes `import gdcm` raise an ImportError.
        sys.modules["gdcm"] = None  # type: ignore[assignment]


def read_data_set(path: str | os.PathLike[str], **how: Any) -> Dataset:
    """Read a DICOM file with pydicom. Call it within `quiet`.

    Args:
        path: The file.
        how: Keyword arguments of `pydicom.dcmread`.

    Raises:
        ImageRejected: The file is not DICOM, a DICOMDIR, or damaged.
        OSError: The file cannot be read.
    """
    _allow_broken_gdcm()
    import pydicom

    with Path(path).open("rb") as file:
        head = file.read(1024)
    if not is_dicom(head):
        raise ImageRejected("it is not a DICOM file, despite its extension")
    marked = head[128:132] == b"DICM"
    if marked and _DEFLATED in head:
        _refuse_bomb(Path(path), start=144 + int.from_bytes(head[140:144], "little"))
    try:
        # pydicom reads files without a preamble only with force; `is_dicom` has checked the content.
        data = pydicom.dcmread(path, force=not marked, **how)
        sop_class = str(data.get("SOPClassUID") or data.file_meta.get("MediaStorageSOPClassUID") or "")
        if "TransferSyntaxUID" not in data.file_meta:
            data.file_meta.TransferSyntaxUID = _plain_syntax(data)
    except OSError:
        raise
    except Exception as error:
        # pydicom raises any exception for damaged bytes.
        raise ImageRejected(f"its DICOM header is damaged ({type(error).__name__}): copy it again") from error
    _require_syntax(data.file_meta.TransferSyntaxUID)
    if sop_class == _DICOMDIR:
        raise ImageRejected("it is a DICOMDIR, an index of other files: name the files or their directory")
    if not marked and not sop_class.startswith("1.2.840.10008."):
        raise ImageRejected("it is not a DICOM file, or its beginning is damaged: copy it again")
    return data


def _require_syntax(syntax: Any) -> None:
    """Reject a transfer syntax that is not read, by its name."""
    from pydicom.uid import UID

    if not isinstance(syntax, UID):
        raise ImageRejected("its DICOM header is damaged (several transfer syntaxes): copy it again")
    name = _NAMES.get(syntax, syntax.name)
    if syntax.is_transfer_syntax and not name.startswith(_UNREAD):
        return
    shown = f"{syntax}, a private one" if syntax.is_private else str(syntax) if name == syntax else f"{name} ({syntax})"
    raise ImageRejected(
        f"its transfer syntax is {shown}, which is not read: export it as Explicit VR Little Endian",
        syntax=str(syntax),
    )


def _plain_syntax(data: Any) -> UID:
    from pydicom import uid

    implicit, little = data.original_encoding
    if implicit:
        return uid.ImplicitVRLittleEndian
    return uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian


def _refuse_bomb(path: Path, start: int) -> None:
    """Reject a deflated data set that would fill the memory: pydicom always decompresses it completely."""
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
                # Two bytes per pixel, and room for the largest headers.
                if size > 2 * limits.MAX_PIXELS + (1 << 26):
                    raise ImageRejected("its deflated data set is larger than any radiograph")


def refuse(data: Dataset, size_of_file: int) -> None:
    """Reject a file that is not a single radiograph, by its header.

    Args:
        data: The data set, with or without pixels.
        size_of_file: Size of the file in bytes.

    Raises:
        ImageRejected: The file has no image, several frames, too many pixels, an unsupported depth, or raw data.
    """
    kind = data.get("SOPClassUID") or data.file_meta.get("MediaStorageSOPClassUID")
    try:
        rows, columns = int(data.get("Rows") or 0), int(data.get("Columns") or 0)
        frames, bits = int(data.get("NumberOfFrames") or 1), int(data.get("BitsStored") or 0)
    except Exception as error:
        raise ImageRejected("its image size or number of frames is not a number: copy it again") from error
    if rows < 1 or columns < 1:
        raise ImageRejected(f"it has no image ({getattr(kind, 'name', None) or 'of unknown kind'})")
    if frames > 1:
        reason = f"it has {frames} frames, expected 1: save the frame that you need as a file"
        raise ImageRejected(reason, frames=frames)
    refuse_size(columns, rows, size_of_file)
    if not 2 <= bits <= 16:
        reason = f"it has {bits} bits per sample, expected 2 to 16: it is a mask or a dose, not a radiograph"
        raise ImageRejected(reason, bits=bits)
    intent = str(data.get("PresentationIntentType") or "").strip().upper()
    if intent == "FOR PROCESSING" or str(getattr(kind, "name", "")).endswith("For Processing"):
        raise ImageRejected("it is raw detector data (FOR PROCESSING): export the image that is FOR PRESENTATION")


def pixel_format(data: Dataset) -> PixelFormat:
    """Return the format of the pixels, by the header (PS3.3 C.7.6.3).

    Raises:
        ImageRejected: A number is missing or damaged, or the photometric interpretation is not read.
    """
    photometric = str(data.get("PhotometricInterpretation") or "").strip().upper()
    if photometric not in _PHOTOMETRIC:
        raise refuse_format(f"a DICOM image with the photometric interpretation {photometric[:16] or 'missing'}")
    try:
        size = int(data.Columns), int(data.Rows)
        samples = int(data.get("SamplesPerPixel") or 1)
        allocated, stored = int(data.BitsAllocated), int(data.BitsStored)
        signed = bool(data.get("PixelRepresentation") or 0)
    except Exception as error:
        raise ImageRejected("its number of bits or samples is missing or damaged: export it again") from error
    meaning = _PHOTOMETRIC[photometric]
    if meaning == "grey" and str(data.get("PresentationLUTShape") or "").strip().upper() == "INVERSE":
        # MONOCHROME1 with IDENTITY contradicts the standard (PS3.3 C.8.11.1.1.2); what MONOCHROME1 means is kept.
        meaning = "inverted"
    if samples != (3 if meaning in {"RGB", "luminance"} else 1):
        raise ImageRejected(
            f"it has {samples} samples per pixel, which its photometric interpretation {photometric} does not have: "
            "export it again",
            samples=samples,
            photometric=photometric,
        )
    if allocated < stored:
        raise ImageRejected(
            f"it stores {stored} bits in {allocated}: export it again", stored=stored, allocated=allocated
        )
    syntax = data.file_meta.TransferSyntaxUID
    return PixelFormat(
        "DICOM",
        size,
        compression=syntax.name if syntax.is_compressed else "none",
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        number="signed" if signed else "unsigned",
        photometric=meaning,
    )
