"""One file to one square of grey levels: the same rule for training, prediction and R.

The rule is called ``stretch``: decode with Pillow, or as DICOM (`placa.images.dicom.read`), convert to 8-bit grey,
resize to a square with an antialiased bilinear filter, not keeping the aspect ratio. NIH made the ChestX-ray14 PNGs
from the original radiographs that way (2,500 x 3,056 became 1,024 x 1,024), so a model meets the same shapes wherever
its images come from.

What a file is, its content says and not its name. Of colour, the luminance is taken (ITU-R BT.601); what is transparent
is black; EXIF orientation is followed, colour profiles are not. See `placa.images.grey` for samples of more than 8
bits.
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
from placa.images.grey import MAX_PIXELS, ImageRejected, full_bits, refuse_size, room_for, to_grey
from placa.images.png import MAGIC as PNG
from placa.images.png import MOST_BYTES, inflated

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
#: Those that Pillow decodes by itself. Among its others are some that start programs (EPS) or are never radiographs.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "DIB", "WEBP", "GIF", "PPM", "JPEG2000")
#: How many bytes tell what a file is.
_HEAD = 256
_KINDS = {b"%PDF": "a PDF", b"PK\x03\x04": "a ZIP archive", b"\x1f\x8b": "gzip-compressed", b"\x89HDF": "an HDF5 file"}


def read_image(path: str | os.PathLike[str], size: int) -> NDArray[np.uint8]:
    """Read one radiograph as grey levels.

    Args:
        path: A PNG, JPEG, TIFF, BMP, WebP or DICOM file, whatever its name ends with.
        size: Side of the square to make, in pixels.

    Returns:
        Grey levels 0-255, shape ``(size, size)``.

    Raises:
        ImageRejected: The file is missing, empty, truncated, no image, too large, or has several frames.
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
        raise ImageRejected(f"it claims {int(pixels):,} pixels, more than the {MAX_PIXELS:,} that are read") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            raise ImageRejected(f"it cannot be read ({error.strerror})") from error
        # Damaged bytes make a decoder raise whatever the code they lead to raises.
        said = " ".join(str(error).split()) or type(error).__name__
        raise ImageRejected(f"it is damaged or truncated ({said}): copy it again") from error


def refuse_name(path: str | os.PathLike[str]) -> None:
    """Refuse a file whose name no table can hold.

    Raises:
        ImageRejected: The name is not UTF-8, or holds a NUL character.
    """
    name = os.fspath(path)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ImageRejected("its name is not UTF-8, which the tables need: rename it") from error
    if "\0" in name:
        raise ImageRejected("its name holds a NUL character, which no file has")


def _size_of_file(path: str | os.PathLike[str]) -> int:
    """How many bytes there are in a file that can be read to its end, which a pipe or a device cannot."""
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
        # The limits here are ours and have a reason in the field; Pillow's own would warn before them.
        warnings.filterwarnings("ignore", module="PIL")
        try:
            file.seek(0)
            quicker = inflated(file) if head.startswith(PNG) and size_of_file <= MOST_BYTES else file
            image = Image.open(quicker, formats=_FORMATS)
        except UnidentifiedImageError as error:
            from placa.images.dicom.header import is_dicom

            if is_dicom(head):
                return _from_dicom(path)
            raise ImageRejected(_not_an_image(head)) from error
        with image:
            refuse_size(*image.size, size_of_file)
            with room_for(image.width * image.height):
                return to_grey(_loaded(image, size))


def _loaded(image: Image.Image, size: int) -> Image.Image:
    """Decode a single image, and turn it upright."""
    frames: int = getattr(image, "n_frames", 1)
    # The first image of an MPO is the photograph; the others are its previews (CIPA DC-007).
    if frames > 1 and image.format != "MPO":
        raise ImageRejected(f"it has {frames} frames, and one radiograph was expected: save the frame you mean")
    if image.format in {"JPEG", "MPO"}:
        # The decoder then skips the detail that the resize would throw away: it halves the image as often as twice the
        # wanted side is left. Of radiographs at quality 90, the squares then differ by less than half a grey level on
        # average and by 6 at most from those of the whole image.
        image.draft("L", (2 * size, 2 * size))
    image.load()
    with suppress(Exception):
        # A damaged remark about the image is no damage to the image.
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "I;16" and getattr(image, "tag_v2", {}).get(262) == 0:
        # Pillow inverts such TIFFs (0 is white) of every depth but this.
        levels = np.asarray(image)
        return Image.fromarray(full_bits(levels) - levels)
    return image


def _from_dicom(path: str | os.PathLike[str]) -> Image.Image:
    from placa.images.dicom.read import read_grey

    return Image.fromarray(read_grey(path))


def _not_an_image(head: bytes) -> str:
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            return f"it is {kind}, not an image, whatever its name ends with: take the image out of it"
    # The last letter may be cut in half.
    text = head.decode("utf-8", errors="ignore")
    if len(text.encode()) >= len(head) - 3 and all(letter.isprintable() or letter in "\ufeff\t\r\n" for letter in text):
        start = " ".join(text.replace("\ufeff", "").split())[:24]
        return f"it is text, not an image, whatever its name ends with ({start!r} …)"
    return "it is no image of a kind that is read (PNG, JPEG, TIFF, BMP, WebP, DICOM), or damaged from its beginning"


def natural_order(path: str | os.PathLike[str]) -> tuple[object, ...]:
    """A sort key under which ``scan 10`` comes after ``scan 9``."""
    parts = re.split(r"(\d+)", os.fspath(path).lower())
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def files_under(folder: str | os.PathLike[str]) -> list[Path]:
    """List every file under a folder in natural order, without hidden ones; links to folders are followed once.

    Raises:
        OSError: A folder cannot be listed; what is in it would be dropped in silence.
    """

    def tell(error: OSError) -> None:
        raise error

    found: list[Path] = []
    seen: set[str] = set()
    for top, folders, names in os.walk(folder, followlinks=True, onerror=tell):
        real = os.path.realpath(top)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(top, name) for name in names if not name.startswith(".")]
    return sorted(found, key=natural_order)


def find_images(places: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List image files: files as they are given, folders with everything under them in natural order.

    A file that is named is taken whatever its extension, so that a wrong one is told and not skipped. In a folder,
    files without any extension are taken if they are DICOM, which is how most archives export it.

    Raises:
        PlacaError: A place does not exist, a folder cannot be listed, or there is no image in all of them.
    """
    return find_files(places, looks_like_image, "image", "image files", sorted(EXTENSIONS))


def find_files(
    places: Iterable[str | os.PathLike[str]],
    wanted: Callable[[Path], bool],
    noun: str,
    nouns: str,
    endings: Iterable[str],
) -> list[Path]:
    """List files of a kind: files as they are given, folders with all of that kind under them in natural order.

    Args:
        places: Files and folders, in any mix.
        wanted: Whether a file in a folder is of the kind.
        noun: What one of them is called.
        nouns: What several of them are called.
        endings: What their names end in.

    Raises:
        PlacaError: A place does not exist, a folder cannot be listed, or there is no such file in all of them.
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
                message = f"{place} does not exist: name {nouns}, or folders that hold some."
                raise PathNotFoundError(message, path=str(place))
        except OSError as error:
            raise explain_os_error(error, error.filename or place) from error
    if not found:
        listed = ", ".join(map(str, given)) or "nothing"
        endings = list(endings)
        message = f"No {noun} was found in {listed}: files ending in {', '.join(endings)} were expected."
        raise NoFilesFoundError(message, kind=noun, places=list(map(str, given)), endings=endings)
    return list(found)


def looks_like_image(file: Path) -> bool:
    """Whether a file in a folder is taken for an image: by its ending, or where it has none, by being DICOM."""
    suffix = file.suffix.lower()
    if suffix in EXTENSIONS:
        return True
    # Archives name DICOM files IM0001 or by UID, the last number of which looks like an extension.
    if suffix and not suffix[1:].isdigit():
        return False
    try:
        _size_of_file(file)  # A pipe would block whoever opens it.
        with file.open("rb") as opened:
            return opened.read(_HEAD)[128:132] == b"DICM"
    except (OSError, ImageRejected):
        return False
