"""Read one file as one square of grey levels, by the same rule for training, prediction and R.

The rule is called ``stretch``: decode with Pillow, or as DICOM (`placa.images.dicom.read`), convert to 8-bit grey, and
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
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from placa.core.errors import PathNotFoundError
from placa.core.files import explain_os_error
from placa.images.errors import NoFilesFoundError
from placa.images.grey import MAX_PIXELS, ImageRejected, decoding_slot, full_bits, refuse_size, to_grey
from placa.images.png import MAGIC as PNG
from placa.images.png import MAX_BYTES, decompress

__all__ = [
    "EXTENSIONS",
    "MAX_PIXELS",
    "ImageRejected",
    "files_under",
    "find_files",
    "find_images",
    "looks_like_image",
    "natural_order",
    "read_image",
    "refuse_name",
]

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".dcm", ".dicom"})
#: Formats that Pillow may decode. Others start programs (EPS) or are never radiographs.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "DIB", "WEBP", "GIF", "PPM", "JPEG2000")
#: Number of bytes from which the format is detected.
_HEAD = 256
_KINDS = {b"%PDF": "a PDF", b"PK\x03\x04": "a ZIP archive", b"\x1f\x8b": "gzip-compressed", b"\x89HDF": "an HDF5 file"}


def read_image(path: str | os.PathLike[str], size: int) -> NDArray[np.uint8]:
    """Read one radiograph as grey levels.

    Args:
        path: A PNG, JPEG, TIFF, BMP, WebP or DICOM file, with any extension.
        size: Side of the square, in pixels.

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
            grey = _from_dicom(path) if dicom else _from_pillow(file, path, head, size_of_file, size)
        return np.asarray(grey.resize((size, size), Image.Resampling.BILINEAR), dtype=np.uint8)
    except ImageRejected:
        raise
    except FileNotFoundError as error:
        raise ImageRejected("the file does not exist") from error
    except PermissionError as error:
        raise ImageRejected("there is no permission to read it") from error
    except Image.DecompressionBombError as error:
        pixels = next(iter(re.findall(r"\d+", str(error))), "0")
        reason = f"it has {int(pixels):,} pixels, more than the limit of {MAX_PIXELS:,}"
        raise ImageRejected(reason, pixels=int(pixels)) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            raise ImageRejected(f"it cannot be read ({error.strerror})") from error
        # Decoders raise any exception for damaged bytes.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageRejected(f"it is damaged or truncated ({reason}): copy it again") from error


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


def _from_pillow(
    file: BinaryIO, path: str | os.PathLike[str], head: bytes, size_of_file: int, size: int
) -> Image.Image:
    with warnings.catch_warnings():
        # `refuse_size` checks the limits; Pillow would warn at lower ones.
        warnings.filterwarnings("ignore", module="PIL")
        try:
            file.seek(0)
            content = decompress(file) if head.startswith(PNG) and size_of_file <= MAX_BYTES else file
            image = Image.open(content, formats=_FORMATS)
        except UnidentifiedImageError as error:
            from placa.images.dicom.header import is_dicom

            if is_dicom(head):
                return _from_dicom(path)
            raise ImageRejected(_not_an_image(head)) from error
        with image:
            refuse_size(*image.size, size_of_file)
            with decoding_slot(image.width * image.height):
                return to_grey(_loaded(image, size))


def _loaded(image: Image.Image, size: int) -> Image.Image:
    """Decode a single image, and apply its EXIF orientation."""
    frames: int = getattr(image, "n_frames", 1)
    # The first image of an MPO is the photograph, the others are previews (CIPA DC-007).
    if frames > 1 and image.format != "MPO":
        reason = f"it has {frames} frames, expected 1: save the frame that you need as a file"
        raise ImageRejected(reason, frames=frames)
    if image.format in {"JPEG", "MPO"}:
        # The decoder halves the image while it stays at least twice as large as the result. For radiographs of quality
        # 90, the squares differ from those of the full image by less than 0.5 grey levels on average and 6 at most.
        image.draft("L", (2 * size, 2 * size))
    image.load()
    with suppress(Exception):
        # Damaged EXIF data does not make the image unusable.
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "I;16" and getattr(image, "tag_v2", {}).get(262) == 0:
        # Pillow inverts TIFFs in which 0 is white, except those of 16 bits.
        levels = np.asarray(image)
        return Image.fromarray(full_bits(levels) - levels)
    return image


def _from_dicom(path: str | os.PathLike[str]) -> Image.Image:
    from placa.images.dicom.read import read_grey

    return Image.fromarray(read_grey(path))


def _not_an_image(head: bytes) -> str:
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            return f"it is {kind}, not an image, despite its extension: extract the image"
    # The last character may be cut.
    text = head.decode("utf-8", errors="ignore")
    if len(text.encode()) >= len(head) - 3 and all(letter.isprintable() or letter in "\ufeff\t\r\n" for letter in text):
        start = " ".join(text.replace("\ufeff", "").split())[:24]
        return f"it is text, not an image, despite its extension ({start!r} …)"
    return "it is not a PNG, JPEG, TIFF, BMP, WebP or DICOM image, or its beginning is damaged"


def natural_order(path: str | os.PathLike[str]) -> tuple[object, ...]:
    """Return a sort key that puts ``scan 10`` after ``scan 9``."""
    parts = re.split(r"(\d+)", os.fspath(path).lower())
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def files_under(folder: str | os.PathLike[str]) -> list[Path]:
    """List all files under a folder in natural order, except hidden ones; links to folders are followed once.

    Raises:
        OSError: A folder cannot be listed; its files would otherwise be missing without a message.
    """

    def fail(error: OSError) -> None:
        raise error

    found: list[Path] = []
    seen: set[str] = set()
    for top, folders, names in os.walk(folder, followlinks=True, onerror=fail):
        real = os.path.realpath(top)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(top, name) for name in names if not name.startswith(".")]
    return sorted(found, key=natural_order)


def find_images(places: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List image files: given files, and all images under given folders in natural order.

    A given file is listed whatever its extension, so that an unusable one is reported and not skipped. In a folder,
    files without an extension are listed if they are DICOM, because most archives export DICOM without one.

    Raises:
        PathNotFoundError: A place does not exist.
        NoFilesFoundError: The places contain no image.
        PlacaError: A folder cannot be listed (see `placa.core.files.explain_os_error`).
    """
    return find_files(places, looks_like_image, "image", "image files", sorted(EXTENSIONS))


def find_files(
    places: Iterable[str | os.PathLike[str]],
    wanted: Callable[[Path], bool],
    noun: str,
    nouns: str,
    endings: Iterable[str],
) -> list[Path]:
    """List files of a kind: given files, and all files of the kind under given folders in natural order.

    Args:
        places: Files and folders.
        wanted: Returns whether a file in a folder is of the kind.
        noun: Name of the kind in the singular, for messages.
        nouns: Name of the kind in the plural, for messages.
        endings: Extensions of the kind, for messages.

    Raises:
        PathNotFoundError: A place does not exist.
        NoFilesFoundError: The places contain no file of the kind.
        PlacaError: A folder cannot be listed (see `placa.core.files.explain_os_error`).
    """
    found: dict[Path, None] = {}
    given = [Path(place) for place in places]
    for place in given:
        try:
            if place.is_dir():
                found.update(dict.fromkeys(file for file in files_under(place) if wanted(file)))
            elif place.exists():
                found[place] = None
            else:
                message = f"{place} does not exist. Pass {nouns} or folders that contain some."
                raise PathNotFoundError(message, path=str(place))
        except OSError as error:
            raise explain_os_error(error, error.filename or place) from error
    if not found:
        where = f" in {', '.join(map(str, given))}" if given else ""
        endings = list(endings)
        message = f"No {noun} found{where}. Pass files with the extensions {', '.join(endings)}."
        raise NoFilesFoundError(message, kind=noun, places=list(map(str, given)), endings=endings)
    return list(found)


def looks_like_image(file: Path) -> bool:
    """Return whether a file in a folder is an image: by its extension, or without one by the DICOM marker."""
    suffix = file.suffix.lower()
    if suffix in EXTENSIONS:
        return True
    # Archives name DICOM files IM0001 or by UID; the last number of a UID looks like an extension.
    if suffix and not suffix[1:].isdigit():
        return False
    try:
        _size_of_file(file)  # Opening a pipe would block.
        with file.open("rb") as opened:
            return opened.read(_HEAD)[128:132] == b"DICM"
    except (OSError, ImageRejected):
        return False
