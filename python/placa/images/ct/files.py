"""Volume files opened with SimpleITK, and what it does not look at checked: that all voxels are there, as written."""

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

#: SimpleITK's readers, by the ending of the file's name.
_READERS = {".mha": "MetaImageIO", ".nii.gz": "NiftiImageIO", ".nrrd": "NrrdImageIO"}
EXTENSIONS = tuple(_READERS)
#: More than any chest CT has (1,024 x 1,024 x 550), small enough for memory: 1.2 GB at 16 bits.
MAX_VOXELS = 600_000_000
#: Between the voxels of a chest CT, in mm, with room on either side.
SPACINGS = (0.05, 50.0)
#: Bytes that a file may hold beyond its voxels: the header of a NIfTI, and some room.
_SPARE = 1 << 16


@dataclass(frozen=True)
class Volume:
    """A volume whose header is read and whose voxels are not.

    Attributes:
        reader: SimpleITK's ``ImageFileReader``.
        in_pieces: Whether `reader` can read a part without reading, or inflating, all of it.
    """

    reader: Any
    in_pieces: bool

    @property
    def size(self) -> tuple[int, ...]:
        """Voxels along each index axis."""
        return tuple(self.reader.GetSize())

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance between voxels along each index axis, in mm."""
        return tuple(self.reader.GetSpacing())

    @property
    def orientation(self) -> str:
        """Where each index axis points to, in DICOM's letters: ``LPS`` is left, posterior, superior."""
        from SimpleITK import DICOMOrientImageFilter

        letters: str = DICOMOrientImageFilter.GetOrientationFromDirectionCosines(self.reader.GetDirection())
        return letters


def ending(path: Path) -> str:
    """The ending that makes a file a volume, in small letters; ``""`` if it has none of them."""
    return next((one for one in EXTENSIONS if path.name.lower().endswith(one)), "")


def open_volume(path: Path) -> Volume:
    """Open a CT volume, and make sure that it is one and whole.

    Raises:
        ImageRejected: The file is missing, truncated or damaged, or no volume that could be in Hounsfield units.
    """
    with _explained():
        reader, header = _open(path)
        _require_volume(reader)
        _require_whole(path, reader, header)
    return Volume(reader, in_pieces=header is not None and not header.compressed)


def read_header(path: Path) -> dict[str, str]:
    """Read what a volume's header says beyond its geometry, such as STOIC's ``PatientAge`` and ``PatientSex``.

    Raises:
        ImageRejected: The file is missing or damaged, or no volume.
    """
    with _explained():
        reader, _ = _open(path)
        return {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}


def reason(error: Exception) -> str:
    """The part of one of SimpleITK's messages that says what is wrong, without its source files and addresses."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if "ERROR: " in line), lines[-1] if lines else type(error).__name__)
    return re.sub(r"^((sitk::|ITK )ERROR: )?(\w+ ?\(0x\w+\): )?", "", said).rstrip(".:")


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what goes wrong with a file into the reason to reject it."""
    try:
        yield
    except PermissionError as error:
        raise ImageRejected("there is no permission to read it") from error
    except FileNotFoundError as error:
        raise ImageRejected("the file does not exist") from error
    except (RuntimeError, OSError, EOFError, zlib.error) as error:
        raise ImageRejected(f"it is no volume, truncated or damaged ({reason(error)}): copy it again") from error


def _open(path: Path) -> tuple[Any, MetaImage | None]:
    import SimpleITK

    if not ending(path) and not path.is_dir():
        raise ImageRejected(f"a CT volume was expected, and the file's name ends in none of {', '.join(EXTENSIONS)}")
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
    """Refuse what cannot be a volume of Hounsfield units."""
    import SimpleITK

    size = " x ".join(map(str, reader.GetSize()))
    voxels = int(np.prod(reader.GetSize(), dtype=np.int64))
    if reader.GetDimension() != 3:
        raise ImageRejected(f"it has {reader.GetDimension()} dimensions ({size}), and a volume has 3")
    if min(reader.GetSize()) < 2:
        raise ImageRejected(f"it has {size} voxels: one slice, and a volume was expected")
    if voxels > MAX_VOXELS:
        raise ImageRejected(f"it has {size} voxels, more than the {MAX_VOXELS:,} that are read")
    if not _width(reader):
        kind = SimpleITK.GetPixelIDValueAsString(reader.GetPixelID())
        raise ImageRejected(f"its voxels are {kind}, and Hounsfield units are single numbers of 16 bits or more")
    if not all(SPACINGS[0] <= distance <= SPACINGS[1] for distance in reader.GetSpacing()):
        spacing = " x ".join(f"{distance:g}" for distance in reader.GetSpacing())
        raise ImageRejected(f"its voxels are {spacing} mm apart, which those of a chest CT are not: mend its header")


def _width(reader: Any) -> int:
    """Bytes a voxel, 0 for types that hold no Hounsfield units."""
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


def _require_whole(path: Path, reader: Any, header: MetaImage | None) -> None:
    """Refuse a file that lacks voxels, or has more than its header tells."""
    expected = int(np.prod(reader.GetSize(), dtype=np.int64)) * _width(reader)
    if header is not None:
        there = header.bytes_there(expected + _SPARE)
    elif ending(path) == ".nii.gz":
        # SimpleITK tells the type after the header's rescaling; the file holds the type before it.
        expected = expected // _width(reader) * int(reader.GetMetaData("bitpix")) // 8
        with gzip.open(path) as file:
            there = count(iter(lambda: file.read(_SPARE), b""), expected + _SPARE)
    else:
        # SimpleITK itself counts those of a NRRD.
        return
    if there < expected:
        raise ImageRejected(f"it is truncated: {there:,} of its {expected:,} bytes of voxels are there; copy it again")
    if there > expected + _SPARE:
        raise ImageRejected(
            f"it holds far more than the {expected:,} bytes of voxels that its header tells: copy it again"
        )
