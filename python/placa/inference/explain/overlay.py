"""Overlay a map on its image."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from placa.images.read import read_image

#: Longest side of a picture, in pixels.
SIDE = 512
#: From weak to strong: vermilion and yellow of the Okabe-Ito palette, safe for all types of colour vision.
_COLOURS = np.array([(213, 94, 0), (213, 94, 0), (240, 228, 66)], dtype=np.float32)
#: Opacity of the strongest evidence.
_OPACITY = 0.6

#: Left, top, width and height as shares (0 to 1) of the image.
Box = tuple[float, float, float, float]


def background(
    path: str | os.PathLike[str], side: int = SIDE, window: tuple[float, float] | None = None
) -> NDArray[np.uint8]:
    """Read a radiograph for display.

    Args:
        path: The image file.
        side: Length of the longer side, in pixels.
        window: Level and width of the window of CT slices, in HU; by default that of the file.

    Returns:
        Grey levels ``(height, width)``, with the aspect ratio of the image.

    Raises:
        ImageRejected: The file cannot be used (see `placa.images.read.read_image`).
    """
    width, height = _displayed_size(path)
    longest = max(width, height)
    shown = (max(1, round(side * width / longest)), max(1, round(side * height / longest)))
    return np.asarray(Image.fromarray(read_image(path, side, window)).resize(shown, Image.Resampling.BILINEAR))


def _displayed_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return width and height as a viewer displays them; ``(1, 1)`` if the header does not contain them."""
    with suppress(Exception):
        with Path(path).open("rb") as file:
            dicom = file.read(132)[128:] == b"DICM"
        if dicom:
            from placa.images.dicom.header import read_header

            header = read_header(path, ["Rows", "Columns"])
            return int(header.Columns), int(header.Rows)
        with Image.open(path) as image:
            # Orientations 5 to 8 are rotated by 90 degrees (EXIF 2.32, tag 274).
            turned = image.getexif().get(274, 1) in (5, 6, 7, 8)
            return (image.height, image.width) if turned else (image.width, image.height)
    return 1, 1


def overlay(
    grey: NDArray[np.uint8], evidence: NDArray[np.float32], boxes: Iterable[Box] = (), highest: float | None = None
) -> Image.Image:
    """Colour an image by a map.

    Args:
        grey: Grey levels ``(height, width)``.
        evidence: The map, of any size, 0 or more.
        boxes: Lesion boxes to outline.
        highest: The evidence of the strongest colour; by default the maximum of the map.

    Returns:
        An RGB image of the size of `grey`, unchanged where the map is 0.
    """
    height, width = grey.shape
    enlarged = Image.fromarray(evidence).resize((width, height), Image.Resampling.BILINEAR)
    highest = float(evidence.max()) if highest is None else highest
    share = np.asarray(enlarged)[..., None] / highest if highest > 0 else np.zeros((height, width, 1))
    steps = np.linspace(0, 1, len(_COLOURS))
    colours = np.stack([np.interp(share[..., 0], steps, _COLOURS[:, i]) for i in range(3)], axis=-1)
    opacity = _OPACITY * np.clip(share, 0, 1)
    mixed = grey[..., None] * (1 - opacity) + colours * opacity
    picture = Image.fromarray((mixed + 0.5).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for x, y, across, down in boxes:
        corners = (x * width, y * height, (x + across) * width, (y + down) * height)
        pen.rectangle(corners, outline=(255, 255, 255), width=max(1, round(max(width, height) / 256)))
    return picture
