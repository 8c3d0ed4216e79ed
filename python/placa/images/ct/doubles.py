"""Files that dcm2niix writes twice: as they are, and corrected or cropped, with an ending of the name."""

from __future__ import annotations

from pathlib import Path

from placa.images.grey import ImageRejected

#: Endings of corrected files, and what is wrong with the file without it.
_CORRECTED = {
    "_Tilt_1": "its slices are sheared by gantry tilt",
    "_Eq_1": "its slices are not evenly spaced",
    "_Tilt_Eq_1": "its slices are sheared by gantry tilt and not evenly spaced",
}
_CROPPED = "_Crop_1"
_EXTENSIONS = (".nii.gz", ".nii", ".nrrd")


def require_no_double(path: Path) -> None:
    """Reject a file of dcm2niix if the corrected file, or the complete one, is beside it.

    The header of the file that is not corrected states evenly spaced slices at right angles.

    Raises:
        ImageRejected: The other file of the same scan is the one to use.
    """
    extension = next((one for one in _EXTENSIONS if path.name.lower().endswith(one)), None)
    if extension is None:
        return
    name = path.name[: -len(extension)]
    for ending, problem in _CORRECTED.items():
        other = _beside(path, name + ending)
        if other:
            raise ImageRejected(
                f"{problem}, and {other} is the same scan, corrected by dcm2niix: use that", other=other
            )
    if name.endswith(_CROPPED):
        other = _beside(path, name.removesuffix(_CROPPED))
        if other:
            raise ImageRejected(f"{other} is the same scan, not cropped by dcm2niix: use that", other=other)


def _beside(path: Path, name: str) -> str | None:
    return next((name + one for one in _EXTENSIONS if path.with_name(name + one).is_file()), None)
