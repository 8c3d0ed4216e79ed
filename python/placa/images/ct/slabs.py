"""Read one CT volume as a fixed number of squares, by the same rule for training, prediction and R.

The rule is called ``ct-slabs``. The volume is divided along the body axis into equal parts, one per square. The slab of
5 mm in the middle of each part is averaged in Hounsfield units and becomes one square. The positions are those of even
slice selection (Zunair et al. 2020, *Uniformizing techniques to process CT scans with 3D CNNs for tuberculosis
prediction*), which covers the lungs for any number of slices. The mean over the slab is thin-slab averaging (von Falck,
Galanski and Shin 2010, RadioGraphics 30:317): thin and thick reconstructions get about the same noise, from which a
network could otherwise identify the scanner.

A square shows the lung window, level -600 and width 1500 HU (Murphy and Bell, *Windowing (CT)*, Radiopaedia), in
radiological orientation: the patient's right on the left, anterior at the top. Values below that of air are set to air:
scanners fill the area outside their circular field with -1024, -2000 or -3024, which would identify them. The full
field of view is kept, padded with air to a square in mm, and resized with the antialiased bilinear filter of
`placa.images.read`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placa.images.ct.files import EXTENSIONS, Volume, ending, explained, open_volume
from placa.images.listing import Listing, find_files
from placa.images.pixel_format import PixelFormat
from placa.images.read import ImageRejected

#: A volume in HU has values below this, half-way between water and air.
_THIN = -500.0


def read_slabs(path: str | os.PathLike[str], size: int, squares: int, options: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Read one CT volume as squares of grey levels.

    Only the slabs are used; in uncompressed files only the slabs are read.

    Args:
        path: A ``.mha``, ``.nii.gz`` or ``.nrrd`` file in Hounsfield units.
        size: Side of the squares, in pixels.
        squares: Number of slabs.
        options: Parameters as in `placa.records.reading.VOLUME_OPTIONS`.

    Returns:
        Grey levels 0-255, shape ``(squares, size, size)``, from caudal to cranial.

    Raises:
        ImageRejected: The file is missing, truncated or damaged, not a volume, or not in Hounsfield units.
    """
    volume = open_volume(Path(path))
    out = np.empty((squares, size, size), dtype=np.uint8)
    least, most = math.inf, -math.inf
    for square, (levels, spacing) in zip(out, _slabs(volume, squares, options), strict=True):
        if not np.isfinite(levels).all():
            raise ImageRejected("some of its voxels are NaN or infinite: convert the volume again")
        least, most = min(least, float(levels.min())), max(most, float(levels.max()))
        square[:] = _square(_window(levels, options), spacing, size, _window(options["air_hu"], options))
    if least == most:
        raise ImageRejected(f"the volume is blank: every voxel is {least:g}")
    if least > _THIN:
        raise ImageRejected(
            f"its voxels are {least:g} to {most:g}, and none has the value of air (-1000 HU): convert it to "
            "Hounsfield units"
        )
    return out


def find_volumes(places: Iterable[str | os.PathLike[str]], without: Sequence[Path] = ()) -> Listing:
    """List CT volumes: given files, and all volumes under given folders in natural order.

    A given file is listed whatever its extension, so that an unusable one is reported and not skipped.

    Args:
        places: Files and folders.
        without: Paths to skip in folders, such as that of the output.

    Raises:
        PathNotFoundError: A place does not exist.
        NoFilesFoundError: The places contain no volume.
        PlacaError: A folder cannot be listed (see `placa.core.files.explain_os_error`).
    """
    return find_files(places, lambda file: bool(ending(file)), "CT volume", "CT volumes", EXTENSIONS, without)


def stem(path: str | os.PathLike[str]) -> str:
    """Return the name of a volume without its extension; ``.nii.gz`` is removed completely."""
    name = Path(path).name
    return name[: len(name) - len(ending(Path(path)))]


def _slabs(
    volume: Volume, squares: int, options: Mapping[str, Any]
) -> Iterator[tuple[NDArray[np.float32], tuple[float, float]]]:
    """Yield the mean of each slab in HU, shape ``(rows, columns)``, and the distances of rows and of columns in mm."""
    letters = volume.orientation
    axis, upwards = next((i, letter == "S") for i, letter in enumerate(letters) if letter in "SI")
    depth = volume.size[axis]
    thick = min(depth, max(1, round(options["slab_mm"] / volume.spacing[axis])))
    # Index axes in the order of an array of slices, rows and columns, and the directions that they have in the end.
    order = [next(i for i, letter in enumerate(letters) if letter in pair) for pair in ("SI", "PA", "LR")]
    flipped = [slice(None, None, 1 if letters[i] in options["orientation"] else -1) for i in order]
    down, across = (volume.spacing[i] for i in order[1:])
    with explained():
        for number in range(squares):
            middle = (number + 0.5) * depth / squares
            start = min(max(math.floor(middle - thick / 2 + 0.5), 0), depth - thick)
            # Slabs are counted from the feet, so the storage order of slices does not change the squares.
            slab = volume.voxels.slab(axis, start if upwards else depth - thick - start, thick)
            slab = np.ascontiguousarray(slab.transpose(order)[tuple(flipped)])
            yield _rescaled(slab, volume.format).mean(axis=0, dtype=np.float32), (down, across)


def _rescaled(stored: NDArray[Any], found: PixelFormat) -> NDArray[Any]:
    if found.slope == 1 and found.intercept == 0:
        return stored
    return stored.astype(np.float64) * found.slope + found.intercept


def _window(levels: Any, options: Mapping[str, Any]) -> Any:
    """Convert Hounsfield units to grey levels, 0 to 255."""
    width = options["window_width_hu"]
    above = np.maximum(levels, options["air_hu"]) - (options["window_level_hu"] - width / 2)
    return np.clip(above * (255 / width), 0, 255)


def _square(grey: NDArray[np.float32], spacing: tuple[float, float], size: int, around: float) -> NDArray[np.uint8]:
    """Resize grey levels without distortion in mm; `around` is the grey level of the padding."""
    sides = np.array(grey.shape) * spacing
    height, width = np.maximum(1, np.floor(size * sides / sides.max() + 0.5).astype(int))
    small = np.asarray(Image.fromarray(grey.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR))
    square = np.full((size, size), int(around + 0.5), dtype=np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = np.clip(small + 0.5, 0, 255).astype(np.uint8)
    return square
