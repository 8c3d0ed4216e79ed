#!/usr/bin/env bash
# Expected: dicom2png() of dicom2jpg writes one PNG per DICOM file, or raises an error.
# What happens: the name of a PNG is made of patient, study date and time, modality, accession, series and instance number.
#   Where de-identification removed date and numbers, all radiographs of a patient have the name
#   UnknownDate_UnknownTime_DX_UnknownAccNum/Ser_Ins.png, and each overwrites the one before it. Six files of two
#   patients give two PNGs. The call returns True.
# Versions: dicom2jpg 0.1.10, pydicom 3.0.2, opencv-python-headless 5.0.0.93.
# Source: the README shows the pattern of the names. It does not mention that files are overwritten.
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
from pathlib import Path

import dicom2jpg
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

print(", ".join(f"{name} {version(name)}" for name in ("dicom2jpg", "pydicom", "opencv-python-headless")))


def write(path, patient):
    """Write a de-identified 12-bit radiograph of 16 by 16 pixels: UIDs are kept, dates and numbers are not."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.Modality = "DX"
    ds.PatientID = patient
    ds.Rows = ds.Columns = 16
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = np.random.default_rng(0).integers(0, 4096, 256).astype("<u2").tobytes()
    ds.save_as(path, enforce_file_format=True)


Path("in").mkdir()
for number in range(6):
    write(f"in/{number}.dcm", patient=f"P{number // 3}")
returned = dicom2jpg.dicom2png("in", target_root="out", multiprocessing=False)
written = sorted(path.relative_to("out") for path in Path("out").rglob("*.png"))
print(f"6 files in, {len(written)} out, returned {returned}")
for path in written:
    print("  ", Path(*path.parts[1:]))

sys.exit(0 if len(written) == 2 and returned is True else "The behaviour changed.")
PYTHON
