"""Read one file as one square of grey levels, by the same rule for training, prediction and R.

The rule is called ``stretch``: decode (`placa.images.pictures`, `placa.images.dicom.read`), convert to 8-bit grey, and
resize to a square with an antialiased bilinear filter, without keeping the aspect ratio. NIH converted the original
radiographs to the PNGs of ChestX-ray14 in this way (2,500 x 3,056 became 1,024 x 1,024), so images of all sources have
the same shape for a model.

The format is detected from the content, not from the file name. Colours are converted to luminance (ITU-R BT.601),
transparent pixels are black, the EXIF orientation is applied, and colour profiles are ignored. See `placa.images.grey`
for samples of more than 8 bits.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from placa.core import limits
from placa.images.dicom.header import is_dicom
from placa.images.grey import ImageRejected as ImageRejected
from placa.images.listing import Listing, find_files
from placa.images.listing import natural_order as natural_order
from placa.images.pictures import read_grey as read_picture

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".dcm", ".dicom"})
#: Number of bytes from which the format is detected.
_HEAD = 256
#: The beginnings of files that Pillow may decode, except BMP: PNG, JPEG, GIF, TIFF, BigTIFF, WebP, PNM, JPEG 2000.
_CONTENT = re.compile(
    rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|II[*+]\0|MM\0[*+]|RIFF.{4}WEBP|P[1-6]\s+[\d#]"
    rb"|\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51",
    re.DOTALL,
)
#: Extensions of CT volumes.
_VOLUMES = (".mha", ".mhd", ".nii", ".nii.gz", ".nrrd", ".nhdr")
_KINDS = {b"%PDF": "a PDF", b"PK\x03\x04": "a ZIP archive", b"\x1f\x8b": "gzip-compressed", b"\x89HDF": "an HDF5 file"}


def read_image(path: str | os.PathLike[str], size: int, window: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """Read one radiograph as grey levels.

    Args:
        path: A PNG, JPEG, TIFF, BMP, WebP or DICOM file, with any extension.
        size: Side of the square, in pixels.
        window: Level and width of the window of CT slices, in HU; by default that of each DICOM file.

    Returns:
        Grey levels 0-255, shape ``(size, size)``.

    Raises:
        ImageRejected: The file is missing, empty, truncated, too large, not an image, or has several frames.
    """
    try:
        size_of_file = _size_of_file(path)
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
            if not head:
                raise ImageRejected("the file is empty: copy it again")
            dicom = head[128:132] == b"DICM"
            grey = _from_dicom(path, window) if dicom else _from_picture(file, path, head, size_of_file, size, window)
        square = grey.resize((size, size), Image.Resampling.BILINEAR)
        lowest, highest = square.getextrema()
        if lowest == highest:
            # The square has fewer pixels to look at; contrast that it lost may be in the image.
            _require_contrast(grey)
        return np.asarray(square, dtype=np.uint8)
    except ImageRejected:
        raise
    except FileNotFoundError as error:
        raise ImageRejected("the file does not exist") from error
    except PermissionError as error:
        raise ImageRejected("there is no permission to read it") from error
    except Image.DecompressionBombError as error:
        pixels = next(iter(re.findall(r"\d+", str(error))), "0")
        reason = f"it has {int(pixels):,} pixels, more than the limit of {limits.MAX_PIXELS:,}"
        raise ImageRejected(reason, pixels=int(pixels)) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            raise ImageRejected(f"it cannot be read ({error.strerror})") from error
        # Decoders raise any exception for damaged bytes.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageRejected(f"it is damaged or truncated ({reason}): copy it again") from error


def _require_contrast(grey: Image.Image) -> None:
    """Reject an image of one grey level, such as one whose window is far from its values.

    Raises:
        ImageRejected: All pixels are equal.
    """
    lowest, highest = grey.convert("L").getextrema()
    if lowest == highest:
        raise ImageRejected(f"all its pixels have the same grey level ({lowest}): check the file and its window")


def refuse_name(path: str | os.PathLike[str]) -> None:
    """Reject a file whose name cannot be stored in a table.

    Raises:
        ImageRejected: The name is not UTF-8, or contains a NUL character.
    """
    name = os.fspath(path)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ImageRejected("its name is not UTF-8, so it cannot be stored in a table: rename it") from error
    if "\0" in name:
        raise ImageRejected("its name contains a NUL character")


def _size_of_file(path: str | os.PathLike[str]) -> int:
    """Return the size of a regular file in bytes; reject directories, pipes and devices."""
    refuse_name(path)
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise ImageRejected("it is a directory, not an image")
    if not stat.S_ISREG(found.st_mode):
        raise ImageRejected("it is a pipe, a socket or a device, not a file")
    return found.st_size


def _from_picture(
    file: BinaryIO,
    path: str | os.PathLike[str],
    head: bytes,
    size_of_file: int,
    size: int,
    window: tuple[float, float] | None,
) -> Image.Image:
    if window is not None:
        if is_dicom(head):
            return _from_dicom(path, window)
        raise ImageRejected("it is not a DICOM file, so it has no Hounsfield units for the window of this set or model")
    try:
        return read_picture(file, path, head, size_of_file, size)
    except UnidentifiedImageError as error:
        if is_dicom(head):
            return _from_dicom(path, None)
        raise ImageRejected(_not_an_image(head, path)) from error


def _from_dicom(path: str | os.PathLike[str], window: tuple[float, float] | None) -> Image.Image:
    from placa.images.dicom.read import read_grey

    return Image.fromarray(read_grey(path, window))


def _not_an_image(head: bytes, path: str | os.PathLike[str]) -> str:
    if str(path).lower().endswith(_VOLUMES):
        return "it is a CT volume, but the files of this set or model are images: prepare or predict volumes separately"
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            return f"it is {kind}, not an image, despite its extension: extract the image"
    # The last character may be cut.
    text = head.decode("utf-8", errors="ignore")
    if len(text.encode()) >= len(head) - 3 and all(letter.isprintable() or letter in "\ufeff\t\r\n" for letter in text):
        start = " ".join(text.replace("\ufeff", "").split())[:24]
        return f"it is text, not an image, despite its extension ({start!r} …)"
    return "it is not a PNG, JPEG, TIFF, BMP, WebP or DICOM image, or its beginning is damaged"


def find_images(places: Iterable[str | os.PathLike[str]], without: Sequence[Path] = ()) -> Listing:
    """List image files: given files, and all images under given folders in natural order.

    A given file is listed whatever its extension, so that an unusable one is reported and not skipped. In a folder,
    a file is listed if its extension or the beginning of its content is that of an image; the others are skipped.

    Args:
        places: Files and folders.
        without: Paths to skip in folders, such as that of the output.

    Raises:
        PathNotFoundError: A place does not exist.
        NoFilesFoundError: The places contain no image.
        PlacaError: A folder cannot be listed (see `placa.core.files.explain_os_error`).
    """
    return find_files(places, looks_like_image, "image", "image files", sorted(EXTENSIONS), without)


def looks_like_image(file: Path) -> bool:
    """Return whether a file in a folder is an image: by its extension, otherwise by the beginning of its content."""
    if file.suffix.lower() in EXTENSIONS:
        return True
    try:
        _size_of_file(file)  # Opening a pipe would block.
        with file.open("rb") as opened:
            head = opened.read(_HEAD)
    except (OSError, ImageRejected):
        return False
    # A DICOM file without an extension, or named IM0001 or by UID, whose last number looks like an extension.
    return _CONTENT.match(head) is not None or _has_bitmap_header(head) or is_dicom(head)


def _has_bitmap_header(head: bytes) -> bool:
    return head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in {12, 40, 52, 56, 64, 108, 124}
