"""Read a DICOM file as 8-bit grey levels.

`placa.images.dicom.grey` converts the stored values.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from placa.images.dicom.decode import decode
from placa.images.dicom.grey import displayed
from placa.images.dicom.header import quiet, read_data_set, refuse
from placa.images.dicom.worker import decode_in_worker
from placa.images.grey import ImageRejected, decoding_slot

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def read_grey(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read the single frame of a DICOM file as a viewer displays it first.

    Args:
        path: A DICOM file, with or without preamble, in any transfer syntax that gdcm decodes.

    Returns:
        Grey levels 0-255, shape ``(rows, columns)``: the first window or VOI LUT applied, MONOCHROME1 inverted,
        padding black. Without window and LUT, images of up to 8 bits are not changed, and deeper ones are scaled
        between the quantiles `placa.images.dicom.grey.TAILS` of their pixels. Colours are converted to luminance.

    Raises:
        ImageRejected: The file is not a DICOM image, has several frames, is raw data (FOR PROCESSING), is too large or
            damaged, or has pixels of an unsupported kind.
        OSError: The file cannot be read.
    """
    with quiet():
        # The header is read first, so that unsupported pixels are not loaded.
        header = read_data_set(path, stop_before_pixels=True)
        refuse(header, os.stat(path).st_size)
        with decoding_slot(header.Rows * header.Columns):
            stored = decode_in_worker(path) if header.file_meta.TransferSyntaxUID.is_encapsulated else decode(path)
            try:
                return _luminance(stored, header) if stored.ndim == 3 else displayed(stored, header)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
                raise ImageRejected(f"its window, LUT or rescaling is damaged ({type(error).__name__})") from error


def _luminance(rgb: NDArray[Any], data: Dataset) -> NDArray[np.uint8]:
    from PIL import Image

    bits = 8 * rgb.dtype.itemsize if data.PhotometricInterpretation == "PALETTE COLOR" else int(data.BitsStored)
    if bits != 8:
        rgb = np.clip(rgb * (255.0 / (2**bits - 1)) + 0.5, 0, 255)
    return np.asarray(Image.fromarray(rgb.astype(np.uint8)).convert("L"))
