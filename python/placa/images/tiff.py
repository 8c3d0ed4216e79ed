"""Read TIFFs with tifffile, which decodes every sample format and compression that imagecodecs has.

Pillow does not read 64-bit and 16-bit floating-point numbers, packed 12 bits, grey with opacity and big-endian BigTIFF,
and misreads uncompressed planes of 16 bits.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from placa.core import limits
from placa.images.grey import MORE_PIXELS, ImageRejected, refuse_format
from placa.images.pixel_format import PixelFormat

#: Classic TIFF and BigTIFF, little-endian and big-endian.
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PHOTOMETRIC: dict[int, Literal["grey", "inverted", "RGB", "palette", "luminance", "CMYK"]] = {
    0: "inverted",
    1: "grey",
    2: "RGB",
    3: "palette",
    5: "CMYK",
    6: "luminance",
    8: "luminance",
    9: "luminance",
    32844: "grey",
}
_COLOURS = {"RGB": 3, "luminance": 3, "CMYK": 4}
_NUMBERS: dict[int, Literal["unsigned", "signed", "float"]] = {1: "unsigned", 2: "signed", 3: "float", 4: "unsigned"}
_JPEG = 7


@contextmanager
def open_page(path: str | os.PathLike[str]) -> Iterator[tuple[Any, int]]:
    """Open the image of a TIFF, and count its images; previews and masks (NewSubfileType) do not count."""
    import logging

    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    with tifffile.TiffFile(Path(path)) as file:
        pages: list[Any] = list(islice(file.pages, limits.MAX_PAGES + 1))
        if len(pages) > limits.MAX_PAGES:
            raise ImageRejected(f"it has more than {limits.MAX_PAGES:,} images: save the image that you need as a file")
        full = [page for page in pages if not page.is_reduced and not page.is_mask] or pages[:1]
        if not full:
            raise ImageRejected("it is a TIFF without an image: copy it again")
        yield full[0], len(full)


def read_format(page: Any) -> PixelFormat:
    """Return the format of a TIFF's image, by its tags (TIFF 6.0).

    Raises:
        ImageRejected: Its samples are complex, of a photometric interpretation that is not read, or of several depths.
    """
    bits, number = page.bitspersample, _NUMBERS.get(int(page.sampleformat))
    name = f"a TIFF with the photometric interpretation {getattr(page.photometric, 'name', page.photometric)}"
    photometric = _PHOTOMETRIC.get(int(page.photometric))
    if isinstance(bits, tuple):
        raise refuse_format(f"a TIFF with {', '.join(map(str, bits))} bits per sample")
    if "PhotometricInterpretation" not in page.tags:
        raise ImageRejected("it is a TIFF that does not state whether 0 is black or white: save it again")
    if photometric is None:
        raise refuse_format(name)
    if number is None:
        raise refuse_format("a TIFF of complex numbers")
    if page.imagedepth > 1:
        raise refuse_format("a TIFF with a depth")
    compressed = page.compression != 1
    if photometric == "luminance" and int(page.photometric) == 6:
        if int(page.compression) == _JPEG:
            # tifffile returns the samples of a JPEG as RGB.
            photometric = "RGB"
        elif tuple(page.tags.valueof("YCbCrSubSampling", (2, 2))) != (1, 1) and page.samplesperpixel == 3:
            raise refuse_format("a TIFF with subsampled YCbCr")
    colours = _COLOURS.get(photometric, 1)
    extras = [int(extra) for extra in page.extrasamples]
    transparency: Literal["none", "straight", "premultiplied"] = "none"
    if page.samplesperpixel > colours and extras and extras[0] in {1, 2}:
        transparency = "premultiplied" if extras[0] == 1 else "straight"
    return PixelFormat(
        "TIFF",
        (page.imagewidth, page.imagelength),
        compression=str(getattr(page.compression, "name", page.compression)).lower() if compressed else "none",
        samples=colours + (transparency != "none"),
        bits_stored=bits,
        number=number,
        photometric=photometric,
        planar=int(page.planarconfig) == 2 and page.samplesperpixel > 1,
        transparency=transparency,
        orientation=int(page.tags.valueof("Orientation", 1)),
    )


def decode(page: Any, found: PixelFormat) -> NDArray[Any]:
    """Decode the image, shape ``(height, width)`` or ``(height, width, samples)``; palettes become RGB.

    Raises:
        ImageRejected: Pixels are missing, or their compression is not read.
    """
    _require_segments(page)
    try:
        stored = np.asarray(page.asarray())
    except (NotImplementedError, ImportError) as error:
        raise refuse_format(f"a TIFF with the compression {found.compression}") from error
    except ValueError as error:
        if "not supported" not in str(error) and "requires the" not in str(error):
            raise
        raise refuse_format(f"a TIFF with the compression {found.compression}") from error
    if found.planar:
        stored = np.moveaxis(stored, 0, -1)
    if stored.ndim == 3 and stored.shape[2] > found.samples:
        stored = stored[..., : found.samples]
    if found.photometric == "palette":
        stored = _coloured(stored, page)
    return stored


def _require_segments(page: Any) -> None:
    """Check that a TIFF has the strips or tiles that its size needs; tifffile fills others with zeros.

    Raises:
        ImageRejected: Some are missing, or there are more; or uncompressed ones are short, or long by a row or more.
    """
    expected = math.prod(page.chunked)
    offsets = page.tags.get("TileOffsets" if page.is_tiled else "StripOffsets")
    found = offsets.count if offsets else 0
    row = (page.imagewidth * page.samplesperpixel * page.bitspersample + 7) // 8
    # Rows that uncompressed strips contain; those of tiles are padded.
    rows = sum(page.databytecounts) // row if page.compression == 1 and not page.is_tiled else page.imagelength
    short = len(page.databytecounts) < expected or 0 in page.databytecounts or rows < page.imagelength
    # A damaged planar configuration gives several planes the strips of one.
    short = short or expected * math.prod(page.chunks) < page.size
    if not found or found < expected or short:
        raise ImageRejected("it is truncated: some of its strips or tiles are missing; copy it again")
    if math.prod(page.chunks) > limits.MAX_PIXELS:
        raise ImageRejected(f"it has strips or tiles of more than {limits.MAX_PIXELS:,} samples: save it again")
    if found > expected or rows > page.imagelength:
        raise ImageRejected(MORE_PIXELS)


def _coloured(stored: NDArray[Any], page: Any) -> NDArray[Any]:
    """Replace the indices of a palette by their colours, of 16 bits."""
    palette = np.asarray(page.colormap)
    indices = stored[..., 0] if stored.ndim == 3 else stored
    if palette.max() < 256:
        # Old writers store 8 bits.
        palette = palette * 257
    colours = np.moveaxis(np.take(palette, indices, axis=1), 0, -1)
    if stored.ndim == 2:
        return colours
    opacity = stored[..., 1].astype(np.uint32) * 65535 // (2**page.bitspersample - 1)
    return np.concatenate([colours, opacity[..., None].astype(colours.dtype)], axis=2)
