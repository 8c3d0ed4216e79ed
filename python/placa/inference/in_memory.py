"""Images in memory as files, so that they are read exactly as the files of training were."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from placa.core.temporary import temporary_directory
from placa.inference.errors import ImageTypeError

if TYPE_CHECKING:
    from PIL.Image import Image

#: Largest number of colour channels, which an array of grey levels does not have.
_CHANNELS = 4
#: One image, a folder of them, or grey levels of one or several images.
ImageInput: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | IO[bytes] | NDArray[Any] | Image"


@contextmanager
def as_files(images: ImageInput | Iterable[ImageInput]) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Yield the paths of images; those that are in memory are written to temporary files.

    Args:
        images: One input, or several: a path; the content of a file (bytes, or a file opened for reading in binary
            mode); a Pillow image; or grey levels, uint8 or uint16, of shape ``(h, w)`` or ``(n, h, w)``.

    Yields:
        The paths, in order, and the numbers of the images in memory, from 0, by path.

    Raises:
        ImageTypeError: An input is of another type, or an array has another shape or type.
    """
    with temporary_directory("placa-images-") as folder:
        paths: list[str] = []
        names: dict[str, str] = {}
        for one in _inputs(images):
            if isinstance(one, str | os.PathLike):
                paths.append(os.fspath(one))
                continue
            path = _write(one, Path(folder) / f"{len(names):06d}")
            names[str(path)] = str(len(names))
            paths.append(str(path))
        yield paths, names


def _inputs(images: Any) -> Iterator[Any]:
    if isinstance(images, np.ndarray) and images.ndim != 2:
        # (h, w, 3) would be h images that are 3 pixels wide.
        if images.ndim != 3 or images.shape[-1] <= _CHANNELS:
            raise _wrong(images)
        yield from images
    elif _is_one(images):
        yield images
    elif isinstance(images, Iterable):
        for one in images:
            # A stack of images may be one of several inputs.
            yield from _inputs(one) if isinstance(one, np.ndarray) else [one]
    else:
        raise _wrong(images)


def _is_one(value: Any) -> bool:
    from PIL import Image

    kinds = (str, os.PathLike, bytes, bytearray, np.ndarray, Image.Image)
    return isinstance(value, kinds) or hasattr(value, "read")


def _write(image: Any, path: Path) -> Path:
    from PIL import Image

    if isinstance(image, np.ndarray):
        if image.dtype not in (np.uint8, np.uint16):
            raise _wrong(image)
        image = Image.fromarray(np.ascontiguousarray(image))
    if isinstance(image, Image.Image):
        path = path.with_suffix(".png")
        image.save(path, compress_level=1)
        return path
    content = image.read() if hasattr(image, "read") else image
    if not isinstance(content, bytes | bytearray):
        raise _wrong(content)
    path.write_bytes(content)
    return path


def _wrong(value: Any) -> ImageTypeError:
    kind = type(value).__name__
    if isinstance(value, np.ndarray):
        kind = f"an array of {value.dtype} and shape {value.shape}"
    return ImageTypeError(
        "An image must be a path, bytes, a file opened in binary mode, a Pillow image, or an array of uint8 or uint16 "
        f"and shape (h, w) or (n, h, w), got {kind}. Convert it to one of these.",
        type=kind,
    )
