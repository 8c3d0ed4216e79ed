"""Read DICOM headers: detect DICOM files and reject those that are not a single radiograph."""

from __future__ import annotations

import logging
import os
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placa.images.grey import MAX_PIXELS, ImageRejected, refuse_size

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

_DICOMDIR = "1.2.840.10008.1.3.10"
_DEFLATED = b"1.2.840.10008.1.2.1.99"


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


def read_data_set(path: str | os.PathLike[str], **how: Any) -> Dataset:
    """Read a DICOM file with pydicom. Call it within `quiet`.

    Args:
        path: The file.
        how: Keyword arguments of `pydicom.dcmread`.

    Raises:
        ImageRejected: The file is not DICOM, a DICOMDIR, or damaged.
        OSError: The file cannot be read.
    """
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
        # This raises for a UID that is not a transfer syntax.
        _ = data.file_meta.TransferSyntaxUID.is_encapsulated
    except OSError:
        raise
    except Exception as error:
        # pydicom raises any exception for damaged bytes.
        raise ImageRejected(f"its DICOM header is damaged ({type(error).__name__}): copy it again") from error
    if sop_class == _DICOMDIR:
        raise ImageRejected("it is a DICOMDIR, an index of other files: name the files or their directory")
    if not marked and not sop_class.startswith("1.2.840.10008."):
        raise ImageRejected("it is not a DICOM file, or its beginning is damaged: copy it again")
    return data


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
                if size > 2 * MAX_PIXELS + (1 << 26):
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
        reason = f"it has {bits} bits per sample, expected 2 to 16: it is a mask, a dose or damaged"
        raise ImageRejected(reason, bits=bits)
    if str(data.get("PresentationIntentType", "")).strip().upper() == "FOR PROCESSING":
        raise ImageRejected("it is raw detector data (FOR PROCESSING): export the image that is FOR PRESENTATION")
