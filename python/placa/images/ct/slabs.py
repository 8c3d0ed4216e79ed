"""One CT volume to a fixed number of squares: the same rule for training, prediction and R.

The rule is called ``ct-slabs``. The volume is cut along the body into as many equal parts as there are to be squares;
in the middle of each lies a slab of 5 mm, whose mean in Hounsfield units becomes one square. The positions are those of
even slice selection (Zunair et al. 2020, *Uniformizing techniques to process CT scans with 3D CNNs for tuberculosis
prediction*), which spans the whole lung whatever the number of slices. The mean over the slab is thin-slab averaging
(von Falck, Galanski and Shin 2010, RadioGraphics 30:317): it brings thin and thick reconstructions to about the same
noise, by which a network could otherwise tell the scanner.

A square shows the lung window, level -600 and width 1500 HU (Murphy and Bell, *Windowing (CT)*, Radiopaedia), as a
radiologist sees it: the patient's right on the left, the front at the top. Nothing is darker than air: scanners fill
what lies outside their round field with -1024, -2000 or -3024, which would tell them apart. The whole field of view is
kept, made square with air where it is not (in mm, so that nothing is stretched), and resized with the antialiased
bilinear filter of `placa.images.read`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placa.images.ct.files import EXTENSIONS, Volume, ending, open_volume, reason
from placa.images.read import ImageRejected, find_files

#: A chest with nothing as thin as this, half-way from water to air, is no chest, or not in Hounsfield units.
_THIN = -500.0


def read_slabs(path: str | os.PathLike[str], size: int, squares: int, options: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Read one CT volume as squares of grey levels.

    Only the slabs are looked at, and of a file that is not compressed only they are read.

    Args:
        path: A ``.mha``, ``.nii.gz`` or ``.nrrd`` file in Hounsfield units.
        size: Side of the squares to make, in pixels.
        squares: How many slabs to take.
        options: What `placa.records.reading.VOLUME_OPTIONS` holds.

    Returns:
        Grey levels 0-255, shape ``(squares, size, size)``, from the feet upwards.

    Raises:
        ImageRejected: The file is missing, truncated or damaged, no volume, or not in Hounsfield units.
    """
    volume = open_volume(Path(path))
    out = np.empty((squares, size, size), dtype=np.uint8)
    least, most = math.inf, -math.inf
    for square, (levels, spacing) in zip(out, _slabs(volume, squares, options), strict=True):
        if not np.isfinite(levels).all():
            raise ImageRejected("some of its voxels are no numbers (NaN or infinite): convert the volume again")
        least, most = min(least, float(levels.min())), max(most, float(levels.max()))
        square[:] = _square(_window(levels, options), spacing, size, _window(options["air_hu"], options))
    if least == most:
        raise ImageRejected(f"the volume is blank: every voxel is {least:g}")
    if least > _THIN:
        raise ImageRejected(
            f"its voxels run from {least:g} to {most:g}, and none is as low as air (-1000 HU): convert it to "
            "Hounsfield units"
        )
    return out


def find_volumes(places: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List volumes: files as they are given, folders with every volume under them in natural order.

    A file that is named is taken whatever its ending, so that a wrong one is told and not skipped.

    Raises:
        PlacaError: A place does not exist, a folder cannot be listed, or there is no volume in all of them.
    """
    return find_files(places, lambda file: bool(ending(file)), "CT volume", "CT volumes", EXTENSIONS)


def stem(path: str | os.PathLike[str]) -> str:
    """The name of a volume without its ending, ``.nii.gz`` and all."""
    name = Path(path).name
    return name[: len(name) - len(ending(Path(path)))]


def _slabs(
    volume: Volume, squares: int, options: Mapping[str, Any]
) -> Iterator[tuple[NDArray[np.float32], tuple[float, float]]]:
    """Yield each slab's mean in HU, ``(rows, columns)``, and the distance between rows and columns in mm."""
    import SimpleITK

    upright = options["orientation"]
    axis, upwards = next((i, letter == "S") for i, letter in enumerate(volume.orientation) if letter in "SI")
    depth = volume.size[axis]
    thick = min(depth, max(1, round(options["slab_mm"] / volume.spacing[axis])))
    try:
        whole = None if volume.in_pieces else volume.reader.Execute()
        for number in range(squares):
            middle = (number + 0.5) * depth / squares
            start = min(max(math.floor(middle - thick / 2 + 0.5), 0), depth - thick)
            # Counted from the feet, so that a volume that is stored head first gives the same squares.
            index, extent = [0, 0, 0], list(volume.size)
            index[axis], extent[axis] = start if upwards else depth - thick - start, thick
            if whole is not None:
                slab = SimpleITK.RegionOfInterest(whole, extent, index)
            else:
                volume.reader.SetExtractIndex(index)
                volume.reader.SetExtractSize(extent)
                slab = volume.reader.Execute()
            slab = SimpleITK.DICOMOrient(slab, upright)
            across, down, _ = slab.GetSpacing()
            yield SimpleITK.GetArrayViewFromImage(slab).mean(axis=0, dtype=np.float32), (down, across)
    except RuntimeError as error:
        raise ImageRejected(f"it is truncated or damaged ({reason(error)}): copy it again") from error


def _window(levels: Any, options: Mapping[str, Any]) -> Any:
    """Turn Hounsfield units into grey levels, 0 to 255."""
    width = options["window_width_hu"]
    above = np.maximum(levels, options["air_hu"]) - (options["window_level_hu"] - width / 2)
    return np.clip(above * (255 / width), 0, 255)


def _square(grey: NDArray[np.float32], spacing: tuple[float, float], size: int, around: float) -> NDArray[np.uint8]:
    """Resize grey levels, keeping their shape in mm; `around` is the grey level of what lies beyond it."""
    sides = np.array(grey.shape) * spacing
    height, width = np.maximum(1, np.floor(size * sides / sides.max() + 0.5).astype(int))
    small = np.asarray(Image.fromarray(grey.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR))
    square = np.full((size, size), int(around + 0.5), dtype=np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = np.clip(small + 0.5, 0, 255).astype(np.uint8)
    return square
