#!/usr/bin/env bash
# Expected: to_pil_image() of dicomsdl applies the file's window: pixels below the window are black, pixels above it white.
# What happens: pixels below the window are white, too. In a radiograph with the window 2000/1000, stored values 0 to 1499 are
#   grey 255 and 1500 is grey 0. With 40/400, air and lungs of a CT slice are white. With MONOCHROME1 all pixels outside
#   the window are black. There is no warning. A file without a window is right.
# Versions: dicomsdl 0.109.4, pydicom 3.0.2, pillow 13.0.0, on amd64.
# Source: DICOM PS3.3, C.11.2.1.2 maps values below the window to the minimum. dicomsdl's docstring is "Returns a pillow image."
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
  dicomsdl==0.109.4 pydicom==3.0.2 pillow==13.0.0 numpy==2.4.6
cd "$work"

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import dicomsdl
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_rescale, apply_windowing
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

print(", ".join(f"{name} {version(name)}" for name in ("dicomsdl", "pydicom", "pillow")))


def write(stored, polarity="MONOCHROME2", intercept=0, window=None):
    """Write a 12-bit image of one row to image.dcm."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    ds.SOPInstanceUID = generate_uid()
    ds.Rows, ds.Columns = 1, len(stored)
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = polarity
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleSlope, ds.RescaleIntercept = 1, intercept
    if window:
        ds.WindowCenter, ds.WindowWidth = window
    ds.PixelData = np.array(stored, "<u2").tobytes()
    ds.save_as("image.dcm", enforce_file_format=True)


def by_the_standard():
    """Grey levels from 0 to 255 by pydicom."""
    ds = pydicom.dcmread("image.dcm")
    values = apply_rescale(ds.pixel_array, ds)
    grey = apply_windowing(values, ds).astype(float) if "WindowWidth" in ds else values.astype(float)
    lowest = float(ds.RescaleIntercept)
    grey = np.floor((grey - lowest) / 4095 * 255)
    return (255 - grey if ds.PhotometricInterpretation == "MONOCHROME1" else grey).astype(int)[0]


radiograph = [0, 700, 1400, 1490, 1510, 2000, 2490, 2510, 3300, 4095]
tissue = [24, 124, 824, 924, 1064, 1164, 2024]
largest = {}
for name, stored, options in (
    ("radiograph, no window", radiograph, {}),
    ("radiograph, 2000/1000", radiograph, {"window": (2000, 1000)}),
    ("MONOCHROME1, 2000/1000", radiograph, {"window": (2000, 1000), "polarity": "MONOCHROME1"}),
    ("CT from -1000 HU, 40/400", tissue, {"window": (40, 400), "intercept": -1024}),
):
    write(stored, **options)
    found = np.asarray(dicomsdl.open("image.dcm").to_pil_image())[0].astype(int)
    right = by_the_standard()
    largest[name] = int(abs(found - right).max())
    print(f"{name}\n  stored   {stored}\n  dicomsdl {found.tolist()}\n  standard {right.tolist()}")

windowed = [value for name, value in largest.items() if "no window" not in name]
as_seen = largest["radiograph, no window"] <= 1 and min(windowed) >= 254
sys.exit(0 if as_seen else "The behaviour changed.")
PYTHON
