#!/usr/bin/env bash
# Expected: the spacing that SimpleITK reads from a radiograph is Pixel Spacing (0028,0030), as for CT.
# What happens: for CR and DX images SimpleITK reads Imager Pixel Spacing (0018,1164) only. A calibrated Pixel Spacing
#   beside it is ignored: a nodule of 100 pixels measures 20 mm, not the calibrated 14 mm. Where Pixel Spacing is the
#   only one, the spacing is 1 mm and the nodule measures 100 mm. There is no warning.
# Versions: SimpleITK 2.5.7, pydicom 3.0.2.
# Source: DICOM PS3.3, section 10.7 says that Pixel Spacing holds the calibrated value. SimpleITK does not document
#   its choice.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check SimpleITK==2.5.7 pydicom==3.0.2 numpy==2.4.6
cd "$work"

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

SOP_CLASSES = {
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
}


def write(path, modality, **attributes):
    """Write a 12-bit image of 16 by 16 pixels."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = SOP_CLASSES[modality]
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.Modality = modality
    ds.PatientID = "1"
    ds.Rows = ds.Columns = 16
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    for name, value in attributes.items():
        setattr(ds, name, value)
    ds.PixelData = np.arange(256, dtype="<u2").tobytes()
    ds.save_as(path, enforce_file_format=True)


def spacing(modality, **attributes):
    write("image.dcm", modality, **attributes)
    found = sitk.ReadImage("image.dcm").GetSpacing()[0]
    names = " ".join(f"{name}={value[0]}" for name, value in attributes.items() if name.endswith("Spacing"))
    print(f"{modality}: {names}: SimpleITK reads {found} mm, 100 pixels are {100 * found:.0f} mm")
    return found


print(f"SimpleITK {sitk.Version.VersionString()}, pydicom {pydicom.__version__}")
calibrated = {"PixelSpacing": [0.14, 0.14], "PixelSpacingCalibrationType": "FIDUCIAL"}
detector = {"ImagerPixelSpacing": [0.2, 0.2]}
found = [
    spacing("CR", **calibrated, **detector),
    spacing("DX", **calibrated, **detector),
    spacing("CR", PixelSpacing=[0.14, 0.14]),
    spacing("CT", PixelSpacing=[0.14, 0.14]),
]
sys.exit(0 if np.allclose(found, [0.2, 0.2, 1.0, 0.14]) else "The behaviour changed.")
PYTHON
