"""The directions of a volume's index axes: spacing, orientation, and whether the axes are sheared."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placa.images.grey import ImageRejected

#: Lowest and highest distance between voxels of a chest CT, in mm, with a margin.
SPACINGS = (0.05, 50.0)
#: Least length of a scan along the body, in mm: an adult's chest is 250 to 350 mm long, a newborn's about 100.
MIN_LENGTH = 100.0
#: Axes whose angle differs from 90 degrees by more than this are sheared; rounding in headers is below 0.1 degrees.
_SHEARED = 0.5
#: Units of length in mm, as the headers of NRRD, NIfTI and MetaImage name them.
MILLIMETRES = {
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 10.0),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1000.0),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre"), 0.001),
}


def millimetres(unit: str) -> float:
    """Return a unit of length in mm; a missing unit is mm.

    Raises:
        ImageRejected: The unit is unknown.
    """
    name = unit.strip().strip('"').strip()
    if not name:
        return 1.0
    if name.lower() not in MILLIMETRES:
        raise ImageRejected(f"its unit of length is {name[:16]!r}, expected mm, cm, m or µm: correct its header")
    return MILLIMETRES[name.lower()]


def voxel_file(path: Path, name: str) -> str:
    """Return the name of the file that has the voxels of a header file (``.mhd``, ``.nhdr``).

    Raises:
        ImageRejected: It is not one file in the folder of the header.
    """
    name = name.removeprefix("./")
    if not name or "/" in name or "\\" in name or "%" in name or name.split()[0] == "LIST":
        raise ImageRejected(f"its voxels are in {name[:40]!r}, expected one file beside it: save it as one file")
    if not path.with_name(name).is_file():
        raise ImageRejected(f"the file of its voxels, {name}, is not beside it: copy both files", missing=name)
    return name


def spacing(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance between voxels along each index axis, in mm."""
    return np.asarray(np.linalg.norm(axes, axis=1))


def letters(axes: NDArray[np.float64]) -> str:
    """Return the direction of each index axis in the letters of DICOM: ``LPS`` is left, posterior, superior."""
    order = max(
        permutations(range(3)), key=lambda order: sum(abs(axes[i, order[i]]) / _length(axes[i]) for i in range(3))
    )
    return "".join(("LPS" if axes[i, order[i]] > 0 else "RAI")[order[i]] for i in range(3))


def _length(axis: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(axis)) or 1.0


def require_axes(axes: NDArray[np.float64]) -> None:
    """Reject axes that are not those of a chest CT.

    Args:
        axes: For each index axis, its step in mm to the left, to posterior and to superior.

    Raises:
        ImageRejected: The axes are not finite, not independent, sheared, or of an impossible length.
    """
    if not np.isfinite(axes).all():
        raise ImageRejected("the directions in its header are not finite numbers: correct its header")
    distances = spacing(axes)
    if not ((distances >= SPACINGS[0]) & (distances <= SPACINGS[1])).all():
        text = " x ".join(f"{distance:g}" for distance in distances)
        raise ImageRejected(f"its voxel spacing of {text} mm is impossible for a chest CT: correct its header")
    cosines = axes / distances[:, None]
    if abs(np.linalg.det(cosines)) < 0.01:
        raise ImageRejected(
            "the directions in its header are not independent (their determinant is 0): correct its header"
        )
    angles = np.degrees(np.arcsin(np.clip(np.abs((cosines @ cosines.T)[np.triu_indices(3, 1)]), 0, 1)))
    if angles.max() > _SHEARED:
        raise ImageRejected(
            f"its axes are sheared by {angles.max():.1f} degrees (gantry tilt): resample it to a rectangular grid",
            degrees=float(angles.max()),
        )
