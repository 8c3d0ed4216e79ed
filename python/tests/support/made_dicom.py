"""Write DICOM files for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

#: Radiographs among the test files of pydicom.
SHIPPED = Path(str(get_testdata_file("CT_small.dcm"))).parent


def write_dicom(
    path: Path, stored: NDArray[Any], bits: int = 12, syntax: UID = ExplicitVRLittleEndian, **tags: Any
) -> Path:
    """Write a digital radiograph.

    Args:
        path: The file.
        stored: Its pixels; signed or not, 8 or 16 bits, as they come.
        bits: Bits stored.
        syntax: A transfer syntax that does not compress.
        tags: Elements by keyword; those with None are left out.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.TransferSyntaxUID = syntax
    data = FileDataset(
        str(path),
        {},
        file_meta=meta,
        preamble=b"\0" * 128,
        is_implicit_VR=syntax.is_implicit_VR,
        is_little_endian=syntax.is_little_endian,
    )
    allocated = 8 * stored.dtype.itemsize
    standard = {
        "SOPClassUID": DigitalXRayImageStorageForPresentation,
        "SOPInstanceUID": generate_uid(),
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "Modality": "DX",
        "PatientID": "P1",
        "PatientName": "Doe^Jane",
        "PhotometricInterpretation": "MONOCHROME2",
        "SamplesPerPixel": 1 if stored.ndim == 2 else 3,
        "Rows": stored.shape[0],
        "Columns": stored.shape[1],
        "BitsAllocated": allocated,
        "BitsStored": min(bits, allocated),
        "HighBit": min(bits, allocated) - 1,
        "PixelRepresentation": int(stored.dtype.kind == "i"),
    }
    for name, value in {**standard, **tags}.items():
        if value is not None:
            setattr(data, name, value)
    meta.MediaStorageSOPInstanceUID = data.get("SOPInstanceUID") or generate_uid()
    order = "<" if syntax.is_little_endian else ">"
    data.PixelData = stored.astype(stored.dtype.newbyteorder(order)).tobytes()
    data["PixelData"].VR = "OW" if allocated == 16 else "OB"
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def lut(outputs: list[int], first: int, bits: int) -> Dataset:
    """Return an item of a LUT sequence."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(outputs), first, bits])
    item.add_new("LUTData", "US", outputs)
    return item


def ramp(top: int = 4095, side: int = 64) -> NDArray[np.uint16]:
    """Return stored values that increase evenly from 0 to `top`, from left to right."""
    return np.tile(np.linspace(0, top, side).astype(np.uint16), (side, 1))
