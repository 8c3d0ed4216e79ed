#!/usr/bin/env bash
# Expected: dicom2img() of dicom2jpg applies the file's window, so with the window 40/400 a pixel of 40 HU is grey 127 in
#   every slice.
# What happens: after the window each image is stretched from its own darkest to its own brightest pixel. 40 HU is 102 in a
#   slice of 0 to 100 HU and 148 in one of -100 to 140 HU. If all values of an image are inside the
#   window, the window has no effect: a radiograph of low contrast becomes one of full contrast.
# Versions: dicom2jpg 0.1.10, pydicom 3.0.2, opencv-python-headless 5.0.0.93.
# Source: DICOM PS3.3, C.11.2.1.2 maps the window to the full output range. dicom2jpg does not mention the stretching.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
  dicom2jpg==0.1.10 pydicom==3.0.2 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$work"

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import dicom2jpg
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_rescale, apply_windowing
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

print(", ".join(f"{name} {version(name)}" for name in ("dicom2jpg", "pydicom", "opencv-python-headless")))


def write(path, low, high):
    """Write a CT slice from `low` to `high` HU, its first pixel 40 HU, with the window 40/400."""
    values = np.linspace(low, high, 256).round().astype(int)
    values[0] = 40
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.Modality = "CT"
    ds.PatientID = "1"
    ds.Rows = ds.Columns = 16
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.WindowCenter, ds.WindowWidth = 40, 400
    ds.PixelData = (values + 1024).astype("<u2").tobytes()
    ds.save_as(path, enforce_file_format=True)


def by_the_standard(path):
    """Grey level of the first pixel, 0 to 255, over the whole output range."""
    ds = pydicom.dcmread(path)
    windowed = apply_windowing(apply_rescale(ds.pixel_array, ds), ds)
    return int(255 * (windowed[0, 0] + 1024) / 4095)


found, standard = [], []
for low, high in ((-1000, 1000), (0, 100), (-100, 140)):
    write("slice.dcm", low, high)
    found.append(int(dicom2jpg.dicom2img("slice.dcm")[0, 0]))
    standard.append(by_the_standard("slice.dcm"))
    print(f"slice of {low} to {high} HU: 40 HU is grey {found[-1]}, by the standard {standard[-1]}")

expected = len(set(standard)) == 1 and max(found) - min(found) > 40
sys.exit(0 if expected else "The behaviour changed.")
PYTHON
