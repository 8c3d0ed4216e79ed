"""Make a CT volume of the slices of a DICOM series, sorted by their position."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.images.ct.slices import SLICE_TAGS, Slice, read_slices, slices_of
from placa.images.dicom.decode import decode
from placa.images.dicom.header import is_dicom, read_header
from placa.images.dicom.worker import decode_in_worker
from placa.images.grey import ImageRejected
from placa.images.pixel_format import PixelFormat

#: Slices that are closer than this, in mm, have the same position.
_SAME = 0.01
#: Largest difference between the directions of two slices of one series, as cosines.
_SAME_DIRECTION = 1e-3
_SCOUT = "LOCALIZER"
#: Values of ImageType of pictures of volumes, whose values are no Hounsfield units of a slice.
_PROJECTIONS = frozenset({"MIP", "MINIP", "MPR_MIP", "PROJECTION IMAGE", "VRT", "SSD", "MAX_IP", "MIN_IP"})


@dataclass(frozen=True)
class SeriesVoxels:
    """The voxels of a series in Hounsfield units; only the slices that are needed are decoded.

    Attributes:
        slices: The slices, sorted by position, all of the same size.
    """

    slices: tuple[Slice, ...]

    def slab(self, axis: int, start: int, count: int) -> NDArray[Any]:
        """Return `count` slices along an index axis (columns, rows, slices).

        Raises:
            ImageRejected: The pixels of a slice are damaged.
        """
        if axis == 2:
            return self._read(start, count)
        where: list[slice] = [slice(None)] * 3
        where[axis] = slice(start, start + count)
        return self._all[tuple(where)]

    @cached_property
    def _all(self) -> NDArray[Any]:
        return self._read(0, len(self.slices))

    def _read(self, start: int, count: int) -> NDArray[Any]:
        some = self.slices[start : start + count]
        planes: list[NDArray[Any]] = []
        for _, group in groupby(some, key=lambda one: one.path):
            members = list(group)
            frames = [one.frame for one in members if one.frame is not None]
            stored = _stored_pixels(members[0], frames or None)
            pixels = stored if frames else [stored]
            planes += [_hounsfield(plane, one) for plane, one in zip(pixels, members, strict=True)]
        return np.stack(planes).transpose(2, 1, 0)


def _stored_pixels(one: Slice, frames: list[int] | None) -> NDArray[Any]:
    """Return the stored values of the file of a slice, or of some of its frames, stacked."""
    return decode_in_worker(one.path, frames) if one.compressed else decode(one.path, frames)


def _hounsfield(stored: NDArray[Any], one: Slice) -> NDArray[Any]:
    if one.slope == 1 and one.intercept == int(one.intercept) and abs(one.intercept) < 1 << 20:
        values = stored.astype(np.int32) + int(one.intercept)
        return values.astype(np.int16) if values.min() >= -32768 and values.max() <= 32767 else values
    return (stored * np.float64(one.slope) + one.intercept).astype(np.float32)


def series_of_file(path: Path) -> tuple[Slice, ...]:
    """Return all slices in the folder of a DICOM file that belong to its series.

    Raises:
        ImageRejected: The file is not a CT slice.
    """
    return _series_of_file(str(path), path.parent.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _series_of_file(path: str, changed: int) -> tuple[Slice, ...]:
    own = slices_of(read_header(path, SLICE_TAGS), path)
    with os.scandir(os.path.dirname(path) or ".") as entries:
        paths = sorted(entry.path for entry in entries if entry.is_file() and begins_like_dicom(entry.path))
    found = read_slices(paths, own[0].series) if own else []
    if not found:
        raise ImageRejected("it is not a CT slice of a series: name a CT volume or the folder of a series")
    return tuple(found)


def begins_like_dicom(path: str | os.PathLike[str]) -> bool:
    """Return whether the beginning of a file is that of DICOM."""
    try:
        with open(path, "rb") as file:
            return is_dicom(file.read(132))
    except OSError:
        return False


def assemble(slices: Sequence[Slice]) -> tuple[PixelFormat, SeriesVoxels]:
    """Sort the slices of one series, and check that they are one evenly spaced volume.

    Copies are dropped. The header of the volume is checked later, as that of any volume.

    Raises:
        ImageRejected: It is a scout or a projection, slices are missing, or several images have the same position.
    """
    _require_slices(slices)
    first = slices[0]
    direction = np.array(first.orientation)
    normal = np.cross(direction[:3], direction[3:])
    placed = sorted(((float(np.dot(one.position, normal)), one) for one in slices), key=lambda pair: pair[0])
    placed = _without_copies(placed)
    places = np.array([place for place, _ in placed])
    ordered = tuple(one for _, one in placed)
    if len(ordered) < 2:
        raise ImageRejected("it is one slice, not a volume")
    _require_even(places)
    step = (np.array(ordered[-1].position) - np.array(ordered[0].position)) / (len(ordered) - 1)
    found = PixelFormat(
        "DICOM series",
        (*first.size, len(ordered)),
        bits_allocated=16,
        number="signed",
        axes=np.array([direction[:3] * first.spacing[1], direction[3:] * first.spacing[0], step]),
    )
    return found, SeriesVoxels(ordered)


def _require_slices(slices: Sequence[Slice]) -> None:
    """Reject slices that are not those of one stack in Hounsfield units."""
    first = slices[0]
    truncated = sum(one.truncated for one in slices)
    if truncated:
        raise ImageRejected(f"{truncated} of its {len(slices)} slices are truncated: copy the series again")
    if any(_SCOUT in one.image_type for one in slices):
        raise ImageRejected("it is a scout (localizer), not a series of slices")
    if any(_PROJECTIONS & set(one.image_type) for one in slices):
        raise ImageRejected("it is a projection of a volume (such as a MIP), not a series of slices")
    units = {one.unit for one in slices} - {"HU", "US", "UNSPECIFIED"}
    if units:
        raise ImageRejected(f"its values have the unit {sorted(units)[0][:16]}, expected Hounsfield units")
    if any(len(one.position) != 3 or len(one.orientation) != 6 or len(one.spacing) != 2 for one in slices):
        raise ImageRejected("a slice states no position, orientation or pixel spacing: export the series again")
    if not all(np.isfinite([*one.position, *one.orientation, *one.spacing]).all() for one in slices):
        raise ImageRejected("a slice states a position that is not a number: export the series again")
    turned = max(float(np.abs(np.subtract(one.orientation, first.orientation)).max()) for one in slices)
    if len({(one.size, one.spacing) for one in slices}) > 1 or turned > _SAME_DIRECTION:
        raise ImageRejected("its slices have different sizes, pixel spacings or orientations: they are several volumes")


def _without_copies(placed: list[tuple[float, Slice]]) -> list[tuple[float, Slice]]:
    """Drop copies of slices.

    Raises:
        ImageRejected: Different images have the same position.
    """
    kept: list[tuple[float, Slice]] = []
    seen: set[str] = set()
    repeated, acquisitions = 0, set()
    for place, one in placed:
        if one.uid in seen:
            continue
        seen.add(one.uid)
        if kept and place - kept[-1][0] < _SAME:
            if not _same_pixels(kept[-1][1], one):
                repeated += 1
                acquisitions |= {kept[-1][1].acquisition, one.acquisition}
            continue
        kept.append((place, one))
    if repeated:
        raise ImageRejected(
            f"different images have the same position at {repeated} of {len(kept)} positions: it has several phases "
            f"or reconstructions (acquisitions {', '.join(sorted(acquisitions))}); export each as a series",
            repeated=repeated,
            positions=len(kept),
        )
    return kept


def _same_pixels(one: Slice, other: Slice) -> bool:
    first, second = (_stored_pixels(each, None if each.frame is None else [each.frame]) for each in (one, other))
    return np.array_equal(first, second) and (one.slope, one.intercept) == (other.slope, other.intercept)


def _require_even(places: NDArray[np.float64]) -> None:
    distances = np.diff(places)
    usual = float(np.median(distances))
    worst = int(np.argmax(np.abs(distances - usual)))
    drift = float(np.abs(places - np.linspace(places[0], places[-1], len(places))).max())
    if abs(distances[worst] - usual) > usual / 2 or drift > usual / 2:
        raise ImageRejected(
            f"its slices are not evenly spaced: their distance is {usual:g} mm, but {distances[worst]:g} mm after "
            f"slice {worst + 1} of {len(places)}, so slices are missing; export the complete series",
            distance=usual,
            largest=float(distances[worst]),
            slices=len(places),
        )
