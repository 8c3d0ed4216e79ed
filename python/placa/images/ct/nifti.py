"""Read the header of NIfTI-1 and NIfTI-2 with nibabel, and decide between its two ways to place the voxels.

SimpleITK does not read NIfTI-2 and sheared volumes, and chooses between qform and sform without a message.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
from isal import igzip
from numpy.typing import NDArray

from placa.images.ct.geometry import letters, spacing
from placa.images.grey import ImageRejected, refuse_format
from placa.images.pixel_format import PixelFormat

_SIZES = {348: "NIfTI-1", 540: "NIfTI-2"}
#: Units of length by their code (xyzt_units); 0 is unknown and taken as mm.
_UNITS = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
#: Bytes before the voxels, where extensions of a few kilobytes may be.
_MAX_OFFSET = 1 << 30
#: Largest relative difference between the spacings of qform and sform.
_SAME = 0.01


def open_nifti(path: Path) -> BinaryIO:
    """Open a NIfTI for reading its uncompressed bytes."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return cast("BinaryIO", igzip.IGzipFile(path, "rb") if compressed else path.open("rb"))  # type: ignore[no-untyped-call]


def read_nifti(path: Path) -> tuple[PixelFormat, dict[str, str]]:
    """Return the format of a NIfTI, and its description.

    Raises:
        ImageRejected: The header is damaged, refers to another file, or places the voxels in two different ways.
        OSError: The file cannot be read.
    """
    import nibabel
    from nibabel.spatialimages import HeaderDataError

    with open_nifti(path) as file:
        head = file.read(540)
    length = {int.from_bytes(head[:4], order): order for order in ("little", "big")}
    size = next((one for one in _SIZES if one in length), 0)
    if not size or len(head) < size:
        raise ImageRejected("it is not a NIfTI volume, or its header is damaged: copy it again")
    kind: Any = nibabel.Nifti1Header if size == 348 else nibabel.Nifti2Header
    header = kind(head[:size], endianness="<" if length[size] == "little" else ">", check=False)
    magic = bytes(header["magic"])[:3]
    if magic not in {b"n+1", b"n+2"}:
        raise ImageRejected("its voxels are in another file (.hdr and .img): save it as one .nii.gz file")
    try:
        return _format(header, _SIZES[size], size), {
            "descrip": bytes(header["descrip"]).rstrip(b"\0").decode("latin-1")
        }
    except (HeaderDataError, ValueError, KeyError, OverflowError, np.linalg.LinAlgError) as error:
        raise ImageRejected(
            f"its NIfTI header is damaged ({' '.join(str(error).split())[:80]}): copy it again"
        ) from error


def _format(header: Any, kind: str, size: int) -> PixelFormat:
    stored: np.dtype[Any] = header.get_data_dtype()
    names: dict[str, Literal["unsigned", "signed", "float"]] = {"u": "unsigned", "i": "signed", "f": "float"}
    if stored.kind not in names or stored.itemsize > 8:
        raise refuse_format(f"a NIfTI of the type {stored.name}")
    offset = float(header["vox_offset"])
    if not (math.isfinite(offset) and size + 4 <= offset < _MAX_OFFSET and offset == int(offset)):
        raise ImageRejected(f"its header is damaged (vox_offset {offset:g}): copy it again", offset=offset)
    if not 1 <= int(header["dim"][0]) <= 7:
        raise ImageRejected(f"its header is damaged (dim[0] {int(header['dim'][0])}): copy it again")
    shape = tuple(int(length) for length in header.get_data_shape())
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    slope, intercept = header.get_slope_inter()
    bits = 8 * stored.itemsize
    return PixelFormat(
        kind,
        shape,
        bits_allocated=bits,
        number=names[stored.kind],
        big_endian=header.endianness == ">",
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        axes=_axes(header) if len(shape) == 3 else np.empty((0, 3)),
        offset=int(offset),
    )


def _axes(header: Any) -> NDArray[np.float64]:
    """Return the step of each index axis in mm, to the left, to posterior and to superior."""
    code = int(header["xyzt_units"]) & 7
    if code not in _UNITS:
        raise ImageRejected(f"its unit of length has the unknown code {code}: correct its header")
    if not np.isfinite(header["pixdim"][1:4]).all() or not (np.abs(header["pixdim"][1:4]) > 0).all():
        raise ImageRejected("its voxel spacing is 0 or not a number: correct its header")
    placed = [form for form, valid in (header.get_sform(coded=True), header.get_qform(coded=True)) if valid]
    if not placed:
        # Without both, only the spacing is known, and axes point to the right, to anterior and to superior (method 1).
        placed = [np.diag([*np.abs(header["pixdim"][1:4].astype(np.float64)), 1.0])]
    axes = [
        np.asarray(form, dtype=np.float64)[:3, :3].T * (-_UNITS[code], -_UNITS[code], _UNITS[code]) for form in placed
    ]
    _require_agreement(axes)
    return axes[0]


def _require_agreement(axes: list[NDArray[np.float64]]) -> None:
    """Reject a volume whose sform and qform would give other squares."""
    if len(axes) < 2 or not np.isfinite(axes).all():
        return
    sform, qform = axes
    if letters(sform) != letters(qform):
        raise ImageRejected(
            f"its sform and qform contradict each other (axes {letters(sform)} and {letters(qform)}, in the letters of "
            "DICOM): correct its header",
            sform=letters(sform),
            qform=letters(qform),
        )
    if not np.allclose(spacing(sform), spacing(qform), rtol=_SAME):
        texts = [" x ".join(f"{distance:g}" for distance in spacing(one)) for one in axes]
        raise ImageRejected(
            f"its sform and qform contradict each other (spacings of {texts[0]} and {texts[1]} mm): correct its header",
            sform=texts[0],
            qform=texts[1],
        )
