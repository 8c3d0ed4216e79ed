"""Open volume files: read their headers, and check that they are complete CT volumes."""

from __future__ import annotations

import math
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from isal import isal_zlib

from placa.core import limits
from placa.images.ct.geometry import letters, require_axes, spacing
from placa.images.ct.meta_image import read_meta_image
from placa.images.ct.nifti import read_nifti
from placa.images.ct.nrrd import read_nrrd
from placa.images.ct.series import SeriesVoxels, assemble, begins_like_dicom, series_of_file
from placa.images.ct.voxels import Voxels
from placa.images.grey import ImageRejected
from placa.images.pixel_format import PixelFormat

#: Readers of the header, by file extension.
_READERS = {
    **{".mha": read_meta_image, ".mhd": read_meta_image},
    **{".nii.gz": read_nifti, ".nii": read_nifti, ".nrrd": read_nrrd, ".nhdr": read_nrrd},
}
EXTENSIONS = tuple(_READERS)
#: What the reader of series of ITK and SimpleITK writes if the distances between slices differ, in mm.
_DEVIATION = "ITK_non_uniform_sampling_deviation"
#: Endings of corrected files of dcm2niix, and what is wrong with the file without it.
_CORRECTED = {
    "_Tilt_1": "its slices are sheared by gantry tilt",
    "_Eq_1": "its slices are not evenly spaced",
    "_Tilt_Eq_1": "its slices are sheared by gantry tilt and not evenly spaced",
}
_CROPPED = "_Crop_1"
_CONVERTED = (".nii.gz", ".nii", ".nrrd")


@dataclass(frozen=True)
class Volume:
    """A volume of which only the header is read.

    Attributes:
        format: Its format.
        voxels: Its voxels, read on demand.
    """

    format: PixelFormat
    voxels: Voxels | SeriesVoxels

    @property
    def size(self) -> tuple[int, ...]:
        """Number of voxels along each index axis."""
        return self.format.size

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance between voxels along each index axis, in mm."""
        return tuple(spacing(self.format.axes).tolist())

    @property
    def orientation(self) -> str:
        """Direction of each index axis in the letters of DICOM: ``LPS`` is left, posterior, superior."""
        return letters(self.format.axes)

    @property
    def body_axis(self) -> int:
        """The index axis from the feet to the head, or from the head to the feet."""
        return next(number for number, letter in enumerate(self.orientation) if letter in "SI")


@dataclass(frozen=True)
class Extent:
    """The extent of a scan in mm.

    Attributes:
        slice_distance: Distance between slices along the body.
        scan_length: Length along the body.
        field_of_view: The longer side of a slice.
    """

    slice_distance: float
    scan_length: float
    field_of_view: float


def read_extent(path: Path) -> Extent:
    """Read the extent of a volume from its header, rounded to 0.01 mm.

    Raises:
        ImageRejected: The file is missing or damaged, or not a CT volume.
    """
    volume = open_volume(path)
    lengths = [count * distance for count, distance in zip(volume.size, volume.spacing, strict=True)]
    along = lengths.pop(volume.body_axis)
    return Extent(*(round(one, 2) for one in (volume.spacing[volume.body_axis], along, max(lengths))))


def ending(path: Path) -> str:
    """Return the extension of a volume in lower case, or ``""`` if the file has none of `EXTENSIONS`."""
    return next((one for one in EXTENSIONS if path.name.lower().endswith(one)), "")


def open_volume(path: Path) -> Volume:
    """Open a CT volume, and check that its header is that of one.

    Raises:
        ImageRejected: The file is missing, truncated or damaged, or cannot be a volume in Hounsfield units.
    """
    with explained():
        if _is_slice(path):
            series, voxels = assemble(series_of_file(path))
            _require_volume(series)
            return Volume(series, voxels)
        _require_no_double(path)
        found, fields = _read(path)
        _require_volume(found)
        volume = Volume(found, Voxels(path.with_name(found.data_file or path.name), found))
        _require_even_slices(fields, volume.spacing[volume.body_axis])
        return volume


def read_format(path: Path) -> PixelFormat:
    """Read the format of a volume.

    Raises:
        ImageRejected: The file is missing or damaged, or not a volume.
    """
    with explained():
        return assemble(series_of_file(path))[0] if _is_slice(path) else _read(path)[0]


def read_header(path: Path) -> dict[str, str]:
    """Read the metadata in the header of a volume, such as ``PatientAge`` and ``PatientSex`` of STOIC.

    Raises:
        ImageRejected: The file is missing or damaged, or not a volume.
    """
    with explained():
        return _read(path)[1]


def _is_slice(path: Path) -> bool:
    """Return whether a path is a DICOM file, which stands for its series in the same folder."""
    return not ending(path) and path.is_file() and begins_like_dicom(path)


def _require_even_slices(fields: dict[str, str], distance: float) -> None:
    """Reject a volume whose header states that slices are missing, repeated or out of order."""
    try:
        deviation = float(fields.get(_DEVIATION, "0").strip() or 0)
    except ValueError:
        return
    # The positions of scanners vary by thousandths of a millimetre.
    if deviation > distance / 2:
        raise ImageRejected(
            f"its slices are not evenly spaced: its header states a deviation of {deviation:g} mm from the distance of "
            f"{distance:g} mm ({_DEVIATION}), so slices are missing, repeated or shuffled; convert the series again",
            deviation=deviation,
            distance=distance,
        )


def _require_no_double(path: Path) -> None:
    """Reject a file of dcm2niix if the corrected file, or the complete one, is beside it.

    dcm2niix writes some files twice: as they are, and corrected or cropped, with an ending of the name. The header of
    the file that is not corrected states evenly spaced slices at right angles.

    Raises:
        ImageRejected: The other file of the same scan is the one to use.
    """
    extension = ending(path)
    if extension not in _CONVERTED:
        return
    name = path.name[: -len(extension)]
    for corrected, problem in _CORRECTED.items():
        other = _beside(path, name + corrected)
        if other:
            raise ImageRejected(
                f"{problem}, and {other} is the same scan, corrected by dcm2niix: use that", other=other
            )
    if name.endswith(_CROPPED):
        other = _beside(path, name.removesuffix(_CROPPED))
        if other:
            raise ImageRejected(f"{other} is the same scan, not cropped by dcm2niix: use that", other=other)


def _beside(path: Path, name: str) -> str | None:
    return next((name + one for one in _CONVERTED if path.with_name(name + one).is_file()), None)


@contextmanager
def explained() -> Iterator[None]:
    """Convert errors of a file to `ImageRejected`."""
    try:
        yield
    except PermissionError as error:
        raise ImageRejected("there is no permission to read it") from error
    except FileNotFoundError as error:
        raise ImageRejected("the file does not exist") from error
    except (OSError, EOFError, zlib.error, isal_zlib.error) as error:  # type: ignore[misc]
        text = f"it is not a volume, or it is truncated or damaged ({' '.join(str(error).split())}): copy it again"
        raise ImageRejected(text) from error


def _read(path: Path) -> tuple[PixelFormat, dict[str, str]]:
    if not ending(path) and not path.is_dir():
        raise ImageRejected(f"it is not a CT volume: its extension is not one of {', '.join(EXTENSIONS)}")
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise ImageRejected("it is a directory, not a volume")
    if not stat.S_ISREG(mode):
        raise ImageRejected("it is a pipe, a socket or a device, not a file")
    if not path.stat().st_size:
        raise ImageRejected("the file is empty: copy it again")
    return _READERS[ending(path)](path)


def _require_volume(found: PixelFormat) -> None:
    """Reject a file that cannot be a volume in Hounsfield units."""
    size = " x ".join(map(str, found.size))
    if len(found.size) != 3:
        text = f"it has {len(found.size)} dimensions ({size}), expected 3"
        raise ImageRejected(text, dimensions=len(found.size))
    if min(found.size) < 2:
        raise ImageRejected(f"it has {size} voxels: it is one slice, not a volume")
    voxels = math.prod(found.size)
    if voxels > limits.MAX_VOXELS:
        raise ImageRejected(f"it has {size} voxels, more than the limit of {limits.MAX_VOXELS:,}")
    if voxels * found.bits_allocated // 8 > limits.MAX_BYTES:
        raise ImageRejected(
            f"it has {size} voxels of {found.bits_allocated} bits, more than the limit of {limits.MAX_BYTES:,} bytes: "
            "save it with 16 bits"
        )
    rescaled = found.slope != 1 or found.intercept != 0
    if (found.bits_allocated == 8 and not rescaled) or (found.bits_allocated == 64 and found.number != "float"):
        kind = f"{found.bits_allocated}-bit {found.number} integer"
        raise ImageRejected(f"its voxels have the type {kind}, but Hounsfield units need one number of 16 bits or more")
    if found.slope == 0 or not np.isfinite([found.slope, found.intercept]).all():
        raise ImageRejected(f"its rescale slope is {found.slope:g}, so its voxels have no values: correct its header")
    require_axes(found.axes)
