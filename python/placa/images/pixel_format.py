"""The format of pixels, as the header of a file states it, before any decoder is chosen.

Each format has one function that reads its header into a `PixelFormat`: `placa.images.png`, `placa.images.jpeg`,
`placa.images.jpeg2000`, `placa.images.tiff`, `placa.images.dicom.header`, and `placa.images.ct` for volumes. What a
library reports is used only where it equals the standard.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PixelFormat:
    """What the header of a file states about its pixels.

    Attributes:
        kind: Name of the format: ``PNG``, ``JPEG``, ``JPEG 2000``, ``TIFF``, ``DICOM``, ``NIfTI-1``, ``NRRD`` …
        compression: Of JPEG, TIFF, DICOM and volumes: name of the compression, ``none`` without one.
        size: Width, height and, of volumes, depth, in samples.
        samples: Number of samples per pixel, transparency included.
        bits_allocated: Of PNG, DICOM and volumes: bits per sample in the file or after decompression.
        bits_stored: Of images: bits per sample that are used; white is their maximum, except that 16 bits may contain
            fewer.
        number: How a sample is stored.
        photometric: Meaning of the samples. ``grey``: the highest is white; ``inverted``: the lowest is white;
            ``luminance``: the first sample is the luminance and the rest is colour (YCbCr, CIE Lab).
        planar: Of TIFF and JPEG 2000: whether samples are stored one plane after the other.
        transparency: Whether the last sample is opacity, and whether the colours are already multiplied by it.
        orientation: Of TIFF: EXIF orientation, 1 to 8; 1 is upright.
        big_endian: Of volumes: whether the most significant byte is first.
        slope: Factor from stored values to physical units.
        intercept: Physical value of a stored zero.
        axes: Of volumes of three axes: the step of each index axis in mm, to the left, to posterior and to superior, in
            rows; empty for others.
        offset: Of volumes: position of the first voxel in the file, in bytes.
        data_file: Of volumes: name of the file in the same folder that has the voxels; ``""`` for the file itself.
    """

    kind: str
    size: tuple[int, ...]
    compression: str = "none"
    samples: int = 1
    bits_allocated: int = 8
    bits_stored: int = 8
    number: Literal["unsigned", "signed", "float"] = "unsigned"
    photometric: Literal["grey", "inverted", "RGB", "palette", "luminance", "CMYK"] = "grey"
    planar: bool = False
    transparency: Literal["none", "straight", "premultiplied"] = "none"
    orientation: int = 1
    big_endian: bool = False
    slope: float = 1.0
    intercept: float = 0.0
    axes: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    offset: int = 0
    data_file: str = ""
