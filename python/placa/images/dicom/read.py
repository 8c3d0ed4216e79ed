"""Read a DICOM file as 8-bit grey levels.

`placa.images.dicom.grey` converts the stored values.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.images.dicom.decode import decode
from placa.images.dicom.grey import displayed, require_hounsfield_units, windowed
from placa.images.dicom.header import pixel_format, quiet, read_data_set, refuse
from placa.images.dicom.worker import decode_in_worker
from placa.images.grey import ImageRejected, decoding_slot


def read_grey(path: str | os.PathLike[str], window: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """Read the single frame of a DICOM file as a viewer displays it first, or in a given window.

    Args:
        path: A DICOM file, with or without preamble, in a transfer syntax that docs/pixels.md lists.
        window: Level and width of a window in HU, for CT slices; by default that of the file.

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
        found = pixel_format(header)
        if window is not None:
            require_hounsfield_units(header, found.photometric)
        with decoding_slot(found.size[0] * found.size[1]):
            stored = decode_in_worker(path) if header.file_meta.TransferSyntaxUID.is_encapsulated else decode(path)
            try:
                if window is not None:
                    return windowed(stored, header, *window)
                if found.photometric in {"grey", "inverted"}:
                    return displayed(stored, header, found.photometric == "inverted")
                return _luminance(stored, 8 if found.photometric == "palette" else found.bits_stored)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
                raise ImageRejected(f"its window, LUT or rescaling is damaged ({type(error).__name__})") from error


def _luminance(colours: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    from PIL import Image

    if bits != 8:
        colours = np.clip(colours * (255.0 / (2**bits - 1)) + 0.5, 0, 255)
    colours = colours.astype(np.uint8)
    return colours if colours.ndim == 2 else np.asarray(Image.fromarray(colours).convert("L"))
