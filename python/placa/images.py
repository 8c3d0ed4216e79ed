"""One file to one square of grey levels: the same rule for training, prediction and R.

The rule is called ``stretch``: decode with Pillow, convert to 8-bit grey, resize to a square with an antialiased
bilinear filter, not keeping the aspect ratio. NIH made the ChestX-ray14 PNGs from the original radiographs that way
(2,500 x 3,056 became 1,024 x 1,024), so a model meets the same shapes wherever its images come from.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from placa.errors import PlacaError

RESIZE_RULE = "stretch"
EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
#: Larger than any radiograph (a 43 x 43 cm detector at 0.05 mm has 74 million pixels), small enough to decode.
MAX_PIXELS = 120_000_000


class ImageRejected(Exception):
    """An image that cannot be used; the message says why in words that a person can act on."""


def read_image(path: str | os.PathLike[str], size: int) -> NDArray[np.uint8]:
    """Read one radiograph as grey levels.

    Args:
        path: A PNG, JPEG, TIFF, BMP or WebP file.
        size: Side of the square to make, in pixels.

    Returns:
        Grey levels 0-255, shape ``(size, size)``.

    Raises:
        ImageRejected: The file is missing, empty, truncated, no image, too large, or has several frames.
    """
    try:
        with warnings.catch_warnings():
            # The limit below is ours and has a reason in the field; Pillow's own would warn before it.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return _square(image, size)
    except ImageRejected:
        raise
    except UnidentifiedImageError as error:
        raise ImageRejected(_not_an_image(Path(path))) from error
    except FileNotFoundError as error:
        raise ImageRejected("the file does not exist") from error
    except IsADirectoryError as error:
        raise ImageRejected("it is a directory, not an image") from error
    except PermissionError as error:
        raise ImageRejected("there is no permission to read it") from error
    except Image.DecompressionBombError as error:
        raise ImageRejected(f"it claims more pixels than any radiograph has ({error})") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageRejected(f"it is damaged or truncated ({error}): copy it again") from error


def _square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageRejected(f"it has {width} x {height} pixels, more than the {MAX_PIXELS:,} that are read")
    frames: int = getattr(image, "n_frames", 1)
    if frames > 1:
        raise ImageRejected(f"it has {frames} frames, and one radiograph was expected: save the frame you mean")
    if image.format == "JPEG":
        # The decoder then skips the detail that the resize would throw away.
        image.draft("L", (2 * size, 2 * size))
    image = ImageOps.exif_transpose(image)
    grey = _to_grey(image)
    if grey.size != (size, size):
        grey = grey.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(grey, dtype=np.uint8)


def _to_grey(image: Image.Image) -> Image.Image:
    if image.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        # Pillow's own convert("L") clips these at 255; a 16-bit radiograph would come out white.
        levels = np.asarray(image, dtype=np.float32)
        top = 65535.0 if image.mode != "F" else max(float(levels.max(initial=0.0)), 1e-9)
        return Image.fromarray(np.clip(levels * (255.0 / top) + 0.5, 0, 255).astype(np.uint8))
    if image.mode in {"P", "PA"} or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in {"RGBA", "LA", "La", "RGBa"}:
        # What is transparent holds no film; black is what lies outside one.
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image.convert("RGBA"))
    return image.convert("L")


def _not_an_image(path: Path) -> str:
    try:
        head = path.open("rb").read(64)
    except OSError:
        head = b""
    if not head:
        return "the file is empty: copy it again"
    if all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in head):
        return f"it is text, not an image, whatever its name ends with ({head[:24].decode()!r} …)"
    return "it is no image of a kind that is read (PNG, JPEG, TIFF, BMP, WebP)"


def natural_order(path: str | os.PathLike[str]) -> tuple[object, ...]:
    """A sort key under which ``scan 10`` comes after ``scan 9``."""
    parts = re.split(r"(\d+)", os.fspath(path).lower())
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def find_images(places: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List image files: files as they are given, folders with everything under them in natural order.

    A file that is named is taken whatever its extension, so that a wrong one is told and not skipped.

    Raises:
        PlacaError: A place does not exist, or there is no image in all of them.
    """
    found: dict[Path, None] = {}
    given = [Path(place) for place in places]
    for place in given:
        if place.is_dir():
            files = (Path(top, name) for top, _, names in os.walk(place) for name in names)
            inside = [file for file in files if file.suffix.lower() in EXTENSIONS and not file.name.startswith(".")]
            found.update(dict.fromkeys(sorted(inside, key=natural_order)))
        elif place.exists():
            found[place] = None
        else:
            raise PlacaError(f"{place} does not exist: name image files, or folders that hold some.")
    if not found:
        listed = ", ".join(map(str, given)) or "nothing"
        raise PlacaError(
            f"No image was found in {listed}: files ending in {', '.join(sorted(EXTENSIONS))} were expected."
        )
    return list(found)
