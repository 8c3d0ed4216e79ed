"""Open volume files with SimpleITK, and check that they contain all voxels, which SimpleITK does not check."""

from __future__ import annotations

import gzip
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from placa.images.ct.meta_image import MetaImage, count
from placa.images.read import ImageRejected

#: Readers of SimpleITK, by file extension.
_READERS = {".mha": "MetaImageIO", ".nii.gz": "NiftiImageIO", ".nrrd": "NrrdImageIO"}
EXTENSIONS = tuple(_READERS)
#: Maximum number of voxels: more than any chest CT (1,024 x 1,024 x 550); 1.2 GB of memory at 16 bits.
MAX_VOXELS = 600_000_000
#: Lowest and highest distance between voxels of a chest CT, in mm, with a margin.
SPACINGS = (0.05, 50.0)
#: Bytes that a file may have beyond its voxels: the header of a NIfTI, and a margin.
_SPARE = 1 << 16


@dataclass(frozen=True)
class Volume:
    """A volume of which only the header is read.

    Attributes:
        reader: The ``ImageFileReader`` of SimpleITK.
        in_pieces: Whether `reader` can read a part without reading or decompressing the rest.
    """

    reader: Any
    in_pieces: bool

    @property
    def size(self) -> tuple[int, ...]:
        """Number of voxels along each index axis."""
        return tuple(self.reader.GetSize())

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance between voxels along each index axis, in mm."""
        return tuple(self.reader.GetSpacing())

    @property
    def orientation(self) -> str:
        """Direction of each index axis in the letters of DICOM: ``LPS`` is left, posterior, superior."""
        from SimpleITK import DICOMOrientImageFilter

        letters: str = DICOMOrientImageFilter.GetOrientationFromDirectionCosines(self.reader.GetDirection())
        return letters


def ending(path: Path) -> str:
    """Return the extension of a volume in lower case, or ``""`` if the file has none of `EXTENSIONS`."""
    return next((one for one in EXTENSIONS if path.name.lower().endswith(one)), "")


def open_volume(path: Path) -> Volume:
    """Open a CT volume, and check that it is a complete volume.

    Raises:
        ImageRejected: The file is missing, truncated or damaged, or cannot be a volume in Hounsfield units.
    """
    with _explained():
        reader, header = _open(path)
        _require_volume(reader)
        _require_complete(path, reader, header)
    return Volume(reader, in_pieces=header is not None and not header.compressed)


def read_header(path: Path) -> dict[str, str]:
    """Read the metadata in the header of a volume, such as ``PatientAge`` and ``PatientSex`` of STOIC.

    Raises:
        ImageRejected: The file is missing or damaged, or not a volume.
    """
    with _explained():
        reader, _ = _open(path)
        return {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}


def reason(error: Exception) -> str:
    """Return the cause in an error message of SimpleITK, without source files and addresses."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    cause = next((line for line in lines if "ERROR: " in line), lines[-1] if lines else type(error).__name__)
    return re.sub(r"^((sitk::|ITK )ERROR: )?(\w+ ?\(0x\w+\): )?", "", cause).rstrip(".:")


@contextmanager
def _explained() -> Iterator[None]:
    """Convert errors of a file to `ImageRejected`."""
    try:
        yield
    except PermissionError as error:
        raise ImageRejected("there is no permission to read it") from error
    except FileNotFoundError as error:
        raise ImageRejected("the file does not exist") from error
    except (RuntimeError, OSError, EOFError, zlib.error) as error:
        text = f"it is not a volume, or it is truncated or damaged ({reason(error)}): copy it again"
        raise ImageRejected(text) from error


def _open(path: Path) -> tuple[Any, MetaImage | None]:
    import SimpleITK

    if not ending(path) and not path.is_dir():
        raise ImageRejected(f"it is not a CT volume: its extension is not one of {', '.join(EXTENSIONS)}")
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise ImageRejected("it is a directory, not a volume")
    if not stat.S_ISREG(mode):
        raise ImageRejected("it is a pipe, a socket or a device, not a file")
    if not path.stat().st_size:
        raise ImageRejected("the file is empty: copy it again")
    header = MetaImage(path) if ending(path) == ".mha" else None
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO(_READERS[ending(path)])
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return reader, header


def _require_volume(reader: Any) -> None:
    """Reject a file that cannot be a volume in Hounsfield units."""
    import SimpleITK

    size = " x ".join(map(str, reader.GetSize()))
    voxels = int(np.prod(reader.GetSize(), dtype=np.int64))
    if reader.GetDimension() != 3:
        text = f"it has {reader.GetDimension()} dimensions ({size}), expected 3"
        raise ImageRejected(text, dimensions=reader.GetDimension())
    if min(reader.GetSize()) < 2:
        raise ImageRejected(f"it has {size} voxels: it is one slice, not a volume")
    if voxels > MAX_VOXELS:
        raise ImageRejected(f"it has {size} voxels, more than the limit of {MAX_VOXELS:,}")
    if not _width(reader):
        kind = SimpleITK.GetPixelIDValueAsString(reader.GetPixelID())
        raise ImageRejected(f"its voxels have the type {kind}, but Hounsfield units need one number of 16 bits or more")
    if not all(SPACINGS[0] <= distance <= SPACINGS[1] for distance in reader.GetSpacing()):
        spacing = " x ".join(f"{distance:g}" for distance in reader.GetSpacing())
        raise ImageRejected(f"its voxel spacing of {spacing} mm is impossible for a chest CT: correct its header")


def _width(reader: Any) -> int:
    """Return the number of bytes per voxel, 0 for types that cannot be Hounsfield units."""
    import SimpleITK

    widths = {
        SimpleITK.sitkInt16: 2,
        SimpleITK.sitkUInt16: 2,
        SimpleITK.sitkInt32: 4,
        SimpleITK.sitkUInt32: 4,
        SimpleITK.sitkFloat32: 4,
        SimpleITK.sitkFloat64: 8,
    }
    return widths.get(reader.GetPixelID(), 0)


def _require_complete(path: Path, reader: Any, header: MetaImage | None) -> None:
    """Reject a file with fewer or more voxels than its header states."""
    expected = int(np.prod(reader.GetSize(), dtype=np.int64)) * _width(reader)
    if header is not None:
        found = header.count_voxel_bytes(expected + _SPARE)
    elif ending(path) == ".nii.gz":
        # SimpleITK reports the type after rescaling; the file has the type before it.
        expected = expected // _width(reader) * int(reader.GetMetaData("bitpix")) // 8
        with gzip.open(path) as file:
            found = count(iter(lambda: file.read(_SPARE), b""), expected + _SPARE)
    else:
        # SimpleITK counts the voxels of a NRRD itself.
        return
    if found < expected:
        text = f"it is truncated: it has {found:,} of {expected:,} bytes of voxels; copy it again"
        raise ImageRejected(text, found=found, expected=expected)
    if found > expected + _SPARE:
        raise ImageRejected(
            f"it has far more than the {expected:,} bytes of voxels of its header: copy it again",
            found=found,
            expected=expected,
        )
