"""Decode an image file other than DICOM as 8-bit grey: its header is read first, and then the decoder is chosen.

Pillow decodes PNG and JPEG of 8 bits, 16-bit grey PNG, and BMP, WebP, GIF and PNM. What it does not decode as the
standards say is decoded by imagecodecs (PNG, JPEG, JPEG-LS, JPEG 2000) and tifffile (TIFF). docs/pixels.md lists
what each decoder does with each format.
"""

from __future__ import annotations

import io
import os
import warnings
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from placa.images import jpeg, jpeg2000, png, tiff
from placa.images.grey import (
    MORE_PIXELS,
    ImageRejected,
    decoding_slot,
    refuse_format,
    refuse_size,
    samples_to_grey,
    to_grey,
)
from placa.images.pixel_format import PixelFormat

#: Formats that Pillow may decode. Others start programs (EPS) or are never radiographs.
_FORMATS = ("PNG", "JPEG", "BMP", "DIB", "WEBP", "GIF", "PPM", "JPEG2000")
#: Valid image formats that are not read, by their first bytes; an ISO media file (HEIF) has its brand at byte 4.
_UNREAD = {
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"II\xbc\x01": "JPEG XR",
    b"NRRD": "NRRD",
    b"ObjectType": "MetaImage",
    b"\x5c\x01\0\0": "NIfTI",
    b"SIMPLE  =": "FITS",
    b"ftypavif": "AVIF",
    b"ftypheic": "HEIC",
    b"ftypmif1": "HEIF",
    b"8BPS": "Photoshop (PSD)",
}
#: The grey of a block without data in a JPEG.
_NO_DATA = 128
#: Bytes of a JPEG that are read for its frame header.
_JPEG_HEAD = 1 << 16
#: Position of the size of the pixels in a BMP.
_SIZE_OF_PIXELS = slice(34, 38)
#: Bits per pixel of an uncompressed PNM, by Pillow's name of its samples.
_BITS = {"1;I": 1, "L": 8, "I;16B": 16, "RGB": 24}


def read_grey(file: BinaryIO, path: str | os.PathLike[str], head: bytes, size_of_file: int, size: int) -> Image.Image:
    """Decode an image as 8-bit grey, upright.

    Args:
        file: The open file.
        path: Its path.
        head: Its first bytes.
        size_of_file: Its size in bytes.
        size: Side of the later square; JPEGs are decoded at about twice this size.

    Returns:
        An image of mode ``L``.

    Raises:
        ImageRejected: The file has several images, is too large, damaged, or of a valid kind that is not read.
        UnidentifiedImageError: The file is not an image.
    """
    for magic, name in _UNREAD.items():
        if head.startswith(magic, 4 if magic.startswith(b"ftyp") else 0):
            raise refuse_format(f"a {name} file" if name[0] not in "AHN" else f"an {name} file")
    if head.startswith(tiff.MAGIC):
        return _from_tiff(path, size_of_file)
    found = _format(file, head)
    if found is not None and _by_imagecodecs(found):
        refuse_size(found.size[0], found.size[1], size_of_file)
        return _from_imagecodecs(file, found)
    if found is not None and found.kind == "JPEG":
        return _from_jpeg(file, head, size_of_file, size)
    return _from_pillow(file, found, head, size_of_file, size)


def _format(file: BinaryIO, head: bytes) -> PixelFormat | None:
    """Return the format of a PNG, JPEG, JPEG-LS or JPEG 2000, or None for other files."""
    if head.startswith(png.MAGIC):
        return png.read_format(file)
    file.seek(0)
    if head.startswith(jpeg.MAGIC):
        # The frame header follows the metadata, which are seldom larger.
        begin = file.read(_JPEG_HEAD)
        try:
            return jpeg.read_format(begin)
        except ImageRejected:
            return jpeg.read_format(begin + file.read())
    if head.startswith((jpeg2000.MAGIC, jpeg2000.CODESTREAM)):
        return jpeg2000.read_format(file.read())
    return None


def _by_imagecodecs(found: PixelFormat) -> bool:
    """Return whether Pillow would lose information of the file."""
    if found.kind == "PNG":
        return png.beyond_pillow(found)
    if found.kind == "JPEG":
        return found.bits_stored != 8 or "lossless" in found.compression
    if found.kind == "JPEG 2000":
        # Pillow reads subsampled colours of 8 bits.
        return not found.planar or found.bits_stored > 8 or found.number == "signed"
    return True


def _from_imagecodecs(file: BinaryIO, found: PixelFormat) -> Image.Image:
    if found.kind == "PNG":
        png.require_complete(file)
    file.seek(0)
    data = file.read()
    with decoding_slot(found.size[0] * found.size[1]):
        if found.kind == "PNG":
            stored = png.decode(data)
        else:
            stored = jpeg2000.decode(data, found) if found.kind == "JPEG 2000" else jpeg.decode(data, found)
        _require_shape(stored, found)
        return Image.fromarray(samples_to_grey(stored, found))


def _require_shape(stored: NDArray[np.generic], found: PixelFormat) -> None:
    expected = found.size[::-1] + ((found.samples,) if found.samples > 1 else ())
    if stored.shape != expected:
        raise ImageRejected(
            f"its decoded pixels have the shape {stored.shape}, but its header states {expected}: copy it again",
            found=stored.shape,
            expected=expected,
        )


def _from_tiff(path: str | os.PathLike[str], size_of_file: int) -> Image.Image:
    with tiff.open_page(path) as (page, frames):
        found = tiff.read_format(page)
        _refuse_frames(frames)
        refuse_size(found.size[0], found.size[1], size_of_file)
        with decoding_slot(found.size[0] * found.size[1]):
            grey = Image.fromarray(samples_to_grey(tiff.decode(page, found), found))
    grey.getexif()[ExifTags.Base.Orientation] = found.orientation
    ImageOps.exif_transpose(grey, in_place=True)
    return grey


def _refuse_frames(frames: int) -> None:
    if frames > 1:
        reason = f"it has {frames} frames, expected 1: save the frame that you need as a file"
        raise ImageRejected(reason, frames=frames)


def _from_jpeg(file: BinaryIO, head: bytes, size_of_file: int, size: int) -> Image.Image:
    file.seek(0)
    data = file.read()
    scans = jpeg.read_scans(data)
    grey = _from_pillow(io.BytesIO(data), None, head, size_of_file, size)
    # By its EXIF orientation, the last pixel can be at any corner.
    corners = [grey.getpixel((x, y)) for x in (0, grey.width - 1) for y in (0, grey.height - 1)]
    jpeg.require_complete(data, scans, _NO_DATA in corners, lambda stream: _shrunk(stream, scans.progressive))
    return grey


def _shrunk(data: bytes, progressive: bool) -> NDArray[np.uint8]:
    """Decode a JPEG in its smallest size; the later scans of a progressive one change details alone."""
    with Image.open(io.BytesIO(data)) as picture:
        if not progressive:
            picture.draft("L", (1, 1))
        return np.asarray(picture, dtype=np.uint8)


def _from_pillow(file: BinaryIO, found: PixelFormat | None, head: bytes, size_of_file: int, size: int) -> Image.Image:
    with warnings.catch_warnings():
        # `refuse_size` checks the limits; Pillow would warn at lower ones.
        warnings.filterwarnings("ignore", module="PIL")
        file.seek(0)
        is_png = found is not None and found.kind == "PNG"
        content = png.decompress(file) if is_png and size_of_file <= png.MAX_BYTES else file
        image = Image.open(content, formats=_FORMATS)
        with image:
            refuse_size(*image.size, size_of_file)
            _require_complete_raw(image, head, size_of_file)
            if is_png and content is file:
                at = file.tell()
                png.require_complete(file)
                file.seek(at)
            with decoding_slot(image.width * image.height):
                return to_grey(_loaded(image, size))


def _loaded(image: Image.Image, size: int) -> Image.Image:
    """Decode a single image, and apply its EXIF orientation."""
    # The first image of an MPO is the photograph, the others are previews (CIPA DC-007).
    if image.format != "MPO":
        _refuse_frames(getattr(image, "n_frames", 1))
    if image.format in {"JPEG", "MPO"}:
        # The decoder halves the image while it stays at least twice as large as the result. For radiographs of quality
        # 90, the squares differ from those of the full image by less than 0.5 grey levels on average and 6 at most.
        image.draft("L", (2 * size, 2 * size))
    image.load()
    _require_colours(image)
    with suppress(Exception):
        # Damaged EXIF data does not make the image unusable.
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _require_complete_raw(image: Image.Image, head: bytes, size_of_file: int) -> None:
    """Check that an uncompressed BMP or PNM has no row more than its header states, before it is decoded.

    Args:
        image: The opened image.
        head: The first bytes of the file.
        size_of_file: Its size in bytes.

    Raises:
        ImageRejected: There is at least a row more.
    """
    tiles: list[Any] = getattr(image, "tile", [])
    if len(tiles) != 1 or tiles[0][0] != "raw":
        return
    _, _, offset, samples = tiles[0]
    # A BMP states the distance of its rows, and the size of its pixels, after which a colour profile may follow.
    row = samples[1] if isinstance(samples, tuple) else (image.width * _BITS.get(samples, 0) + 7) // 8
    received = size_of_file - offset
    if image.format == "BMP":
        received = min(received, int.from_bytes(head[_SIZE_OF_PIXELS], "little") or received)
    if row and received >= row * (image.height + 1):
        raise ImageRejected(MORE_PIXELS)


def _require_colours(image: Image.Image) -> None:
    """Check that a palette has a colour for each index of a decoded image.

    Raises:
        ImageRejected: An index has no colour.
    """
    if image.mode != "P" or image.palette is None:
        return
    highest = image.getextrema()[1]
    colours = len(image.palette.palette) // len(image.palette.mode)
    if isinstance(highest, int | float) and highest >= colours:
        raise ImageRejected(
            f"its palette has {colours} colours, but its pixels use number {highest}: save it again",
            colours=colours,
            highest=highest,
        )
