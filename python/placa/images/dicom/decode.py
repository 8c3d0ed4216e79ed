"""Decode the pixels of a DICOM file in this process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from placa.images.dicom.header import quiet, read_data_set
from placa.images.grey import ImageRejected

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_EXTENDED = "1.2.840.10008.1.2.4.51"


def decode(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Decode the pixels of a DICOM file, in this process.

    Args:
        path: A file that `placa.images.dicom.header.refuse` accepts.

    Returns:
        Stored values, shape ``(rows, columns)``, or in colour ``(rows, columns, 3)`` as RGB.

    Raises:
        ImageRejected: The file has no pixels, or they cannot be decoded.
        OSError: The file cannot be read.
    """
    with quiet():
        data = read_data_set(path)
        if "PixelData" not in data:
            raise ImageRejected("its pixel data are missing, so it is truncated: copy it again")
        try:
            return _decode(path, data)
        except (ImageRejected, MemoryError):
            raise
        except Exception as error:
            # Decoders raise any exception for damaged bytes.
            name = data.file_meta.TransferSyntaxUID.name
            cause = " ".join(str(error).split())[:160]
            raise ImageRejected(f"its pixels ({name}) are damaged, truncated or cannot be decoded ({cause})") from error


def _decode(path: str | os.PathLike[str], data: Dataset) -> NDArray[Any]:
    if data.file_meta.TransferSyntaxUID == _EXTENDED and data.BitsStored > 8:
        return _decode_extended(path, data)
    stored: NDArray[Any] = data.pixel_array
    if data.PhotometricInterpretation == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        stored = apply_color_lut(stored, data)[..., :3]
    if stored.ndim not in {2, 3} or (stored.ndim == 3 and stored.shape[2] != 3):
        raise ImageRejected(f"its pixels have the shape {stored.shape}, expected one grey or RGB frame")
    return stored


def _decode_extended(path: str | os.PathLike[str], data: Dataset) -> NDArray[Any]:
    """Decode JPEG Extended with 12 bits; pydicom does not pass it to gdcm, although gdcm decodes it."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(os.fspath(path))
    if not reader.Read() or data.SamplesPerPixel != 1:
        raise ImageRejected("its pixels (JPEG Extended) cannot be decoded: save it in another transfer syntax")
    # gdcm returns bytes as text; pydicom converts them in the same way.
    raw = reader.GetImage().GetBuffer().encode("utf-8", errors="surrogateescape")
    kind = np.int16 if data.PixelRepresentation else np.uint16
    return np.frombuffer(raw, dtype=kind).reshape(data.Rows, data.Columns)
