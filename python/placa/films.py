"""Images out of a prepared data set, one small PNG each, as the network sees them: what the report shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from placa.cache import open_pixels
from placa.errors import PlacaError
from placa.manifest import read_manifest


def save_films(prepared: str | None, images: Sequence[str], folder: str, largest: int = 256) -> list[str]:
    """Write images of a prepared data set as PNG files.

    Paths and plain lists in and out, so that a Python chunk of the report can hand the answer to any R.

    Args:
        prepared: The directory that ``placa prepare`` wrote, or None where it is no longer there.
        images: The ``image_id`` of each image to write.
        folder: Where the files go.
        largest: Longest side of a file, in pixels; a larger cache is made smaller, never larger.

    Returns:
        The path of each image's file, in the order of `images`; ``""`` where the set does not hold the image,
        which is so for all where there is no set, or none that can be read.
    """
    if not prepared or not images:
        return ["" for _ in images]
    try:
        manifest = read_manifest(Path(prepared))
        pixels = open_pixels(Path(prepared))
    except PlacaError:
        return ["" for _ in images]
    rows = {str(image): row for row, image in enumerate(manifest["image_id"])}
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    files = []
    for number, image in enumerate(images):
        row = rows.get(image, len(pixels))
        if row >= len(pixels):
            files.append("")
            continue
        film = Image.fromarray(pixels[row])
        film.thumbnail((largest, largest))
        file = target / f"film-{number:03d}.png"
        film.save(file, optimize=True)
        files.append(file.as_posix())
    return files
