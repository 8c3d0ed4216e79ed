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

from placa.images.ct.choose import choose, group_series
from placa.images.ct.files import EXTENSIONS, Volume, ending, explained, open_volume
from placa.images.ct.geometry import MIN_LENGTH
from placa.images.ct.series import begins_like_dicom
from placa.images.ct.slices import read_slices
from placa.images.listing import Listing, Skipped, find_files, no_files_found
from placa.images.pixel_format import PixelFormat
from placa.images.read import ImageRejected

#: Voxels above this, in HU, are not the padding outside the circular field of a scanner.
_PADDING = -1100.0
#: Ranges in HU and the least share of the voxels above `_PADDING` in each. In eleven chest CTs of three makers, 13 to
#: 37 % are lung and 30 to 59 % soft tissue; without the rescale intercept, or with it twice, one is below 0.4 %.
_SHARES = {"lung": ((-980.0, -500.0), 0.01), "soft_tissue": ((-150.0, 150.0), 0.05)}

#: What is listed, in messages.
_KIND = ("CT volume", "CT volumes")
#: Error of a side in pixels, from the digits of the spacing in a header.
_ROUNDING = 2e-4


def read_slabs(path: str | os.PathLike[str], size: int, squares: int, options: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Read one CT volume as squares of grey levels.

    Only the slabs are used; in uncompressed files only the slabs are read.

    Args:
        path: A ``.mha``, ``.nii.gz`` or ``.nrrd`` file in Hounsfield units, or a DICOM file, which stands for the
            series in its folder.
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
    least, most, counts = math.inf, -math.inf, np.zeros(1 + len(_SHARES))
    for square, (levels, spacing) in zip(out, _slabs(volume, squares, options), strict=True):
        if not np.isfinite(levels).all():
            raise ImageRejected("some of its voxels are NaN or infinite: convert the volume again")
        least, most = min(least, float(levels.min())), max(most, float(levels.max()))
        counts += _count(levels)
        square[:] = _square(_window(levels, options), spacing, size, _window(options["air_hu"], options))
    if least == most:
        raise ImageRejected(f"the volume is blank: every voxel is {least:g}")
    _require_hounsfield_units(counts)
    _require_length(volume, squares)
    return out


def _count(levels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Count the voxels above `_PADDING`, and those in each range of `_SHARES`."""
    ranges = [(levels >= low) & (levels <= high) for (low, high), _ in _SHARES.values()]
    return np.array([np.count_nonzero(one) for one in (levels > _PADDING, *ranges)], dtype=float)


def _require_hounsfield_units(counts: NDArray[np.float64]) -> None:
    """Reject a volume without the values of lung or of soft tissue: no chest, or not in Hounsfield units."""
    shares = dict(zip(_SHARES, counts[1:] / max(counts[0], 1.0), strict=True))
    if all(shares[name] >= least for name, (_, least) in _SHARES.items()):
        return
    parts = [
        f"{shares[name]:.1%} are {low:g} to {high:g} ({name.replace('_', ' ')}, at least {least:.0%})"
        for name, ((low, high), least) in _SHARES.items()
    ]
    raise ImageRejected(
        f"of its voxels above {_PADDING:g}, {' and '.join(parts)}: it is not a chest, or not in Hounsfield units; "
        "correct its rescale slope and intercept",
        **shares,
    )


def find_volumes(places: Iterable[str | os.PathLike[str]], without: Sequence[Path] = ()) -> Listing:
    """List CT volumes: given files, and all volumes under given folders in natural order.

    A given file is listed whatever its extension, so that an unusable one is reported and not skipped. Of DICOM files,
    one series per study is listed (see `placa.images.ct.choose.choose`), by the file of its first slice.

    Args:
        places: Files and folders.
        without: Paths to skip in folders, such as that of the output.

    Raises:
        PathNotFoundError: A place does not exist.
        NoFilesFoundError: The places contain no volume.
        PlacaError: A folder cannot be listed (see `placa.core.files.explain_os_error`).
    """
    endings, given = (*EXTENSIONS, ".dcm"), [Path(place) for place in places]
    listing = find_files(given, lambda file: bool(ending(file)) or begins_like_dicom(file), *_KIND, endings, without)
    dicom = dict.fromkeys(file for file in listing if not ending(file) and begins_like_dicom(file))
    if not dicom:
        return listing
    slices = read_slices(dicom)
    files = dict.fromkeys(file for file in listing if file not in dicom)
    skipped = list(listing.skipped)
    for best, others in choose(group_series(slices)):
        if best.scattered:
            skipped.append(Skipped(Path(best.path), "scattered"))
        else:
            files[Path(best.path)] = None
        skipped += [Skipped(Path(one.path), "other_series") for one in others]
    known = {one.path for one in slices}
    strange = [file for file in dicom if str(file) not in known]
    if files:
        return Listing(list(files), skipped + [Skipped(file, "other_kind") for file in strange])
    if not strange:
        raise no_files_found(_KIND[0], given, endings, skipped)
    return Listing(strange, skipped)


def stem(path: str | os.PathLike[str]) -> str:
    """Return the name of a volume without its extension; that of a DICOM series is the name of its folder."""
    name = Path(path).name
    if not ending(Path(path)) and begins_like_dicom(path):
        return Path(path).absolute().parent.name
    return name[: len(name) - len(ending(Path(path)))]


def _slabs(
    volume: Volume, squares: int, options: Mapping[str, Any]
) -> Iterator[tuple[NDArray[np.float32], tuple[float, float]]]:
    """Yield the mean of each slab in HU, shape ``(rows, columns)``, and the distances of rows and of columns in mm."""
    letters, axis = volume.orientation, volume.body_axis
    upwards = letters[axis] == "S"
    depth = volume.size[axis]
    thick = min(depth, _slices_of(options["slab_mm"], volume.spacing[axis]))
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


def _slices_of(thickness: float, distance: float) -> int:
    """Return the number of slices whose thickness is, as a ratio, closest to that of a slab.

    It changes where the distance is the thickness by the square root of n (n + 1). That is irrational, so no distance
    that a header states is there, and formats that store it with 6 or 16 digits get the same number.
    """
    count = max(1, math.floor(thickness / distance))
    return count + (distance * math.sqrt(count * (count + 1)) < thickness)


def _require_length(volume: Volume, squares: int) -> None:
    """Reject a volume that is too short for a chest, or has far fewer slices than squares."""
    depth = volume.size[volume.body_axis]
    length = depth * volume.spacing[volume.body_axis]
    if length < MIN_LENGTH * (1 - 1e-5):
        raise ImageRejected(
            f"it is {length:.0f} mm long ({depth} slices), expected at least {MIN_LENGTH:.0f} mm of a chest: use the "
            "complete scan",
            length=length,
            slices=depth,
        )
    if 2 * depth < squares:
        raise ImageRejected(
            f"it has {depth} slices for {squares} squares: use a scan with more slices, or fewer --slices",
            slices=depth,
            squares=squares,
        )


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
    # A half rounds up although a header may state the sides with six digits only.
    height, width = np.maximum(1, np.floor(size * sides / sides.max() + 0.5 + _ROUNDING).astype(int))
    small = np.asarray(Image.fromarray(grey.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR))
    square = np.full((size, size), int(around + 0.5), dtype=np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = np.clip(small + 0.5, 0, 255).astype(np.uint8)
    return square
