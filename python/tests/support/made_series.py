"""Small CT series in DICOM, written as scanners and archives do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from made_volumes import SPACING, thorax
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid


def write_series(
    folder: Path,
    levels: np.ndarray | None = None,
    patient: str = "1",
    places: Sequence[float] | None = None,
    tilt: float = 0.0,
    prefix: str = "",
    **tags: Any,
) -> Path:
    """Write one file per slice, with names that are not in the order of the slices.

    Args:
        folder: The folder, which is created.
        levels: Voxels in HU, from the feet upwards.
        patient: PatientID.
        places: Position of each slice along the body, in mm.
        tilt: Angle of the gantry, in degrees.
        prefix: Beginning of the file names.
        tags: Other elements, by keyword.
    """
    levels = thorax() if levels is None else levels
    folder.mkdir(parents=True, exist_ok=True)
    uids = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    for number, level in enumerate(levels):
        data = _image(CTImageStorage, level, patient)
        place = number * SPACING[2] if places is None else places[number]
        data.ImagePositionPatient = [-160.0, -160.0, round(-438.4 + place, 4)]
        sine, cosine = np.sin(np.radians(tilt)), np.cos(np.radians(tilt))
        data.ImageOrientationPatient = [1, 0, 0, 0, round(float(cosine), 7), round(-float(sine), 7)]
        data.PixelSpacing = list(SPACING[:2])
        data.RescaleSlope, data.RescaleIntercept, data.InstanceNumber = 1, -1024, len(levels) - number
        for name, value in (uids | tags).items():
            setattr(data, name, value)
        data.save_as(folder / f"{prefix}{number * 7 % len(levels):03d}.dcm", enforce_file_format=True)
    return folder


def write_enhanced(path: Path, levels: np.ndarray, order: Sequence[int], patient: str = "1") -> Path:
    """Write an Enhanced CT with its frames in the given order."""
    data = _image(EnhancedCTImageStorage, levels[list(order)], patient)
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.ImageType, data.NumberOfFrames = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], len(levels)
    measures, plane, values = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = list(SPACING[:2]), SPACING[2]
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 1, -1024, "HU"
    shared = Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    shared.PixelValueTransformationSequence = [values]
    data.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for number in order:
        position, frame = Dataset(), Dataset()
        position.ImagePositionPatient = [-160.0, -160.0, round(-438.4 + number * SPACING[2], 4)]
        frame.PlanePositionSequence = [position]
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = frames
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def _image(kind: str, levels: np.ndarray, patient: str) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = kind
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.Modality, data.PatientID, data.ImageType = "CT", patient, ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = levels.shape[-2:]
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelData = (levels.astype(int) + 1024).clip(0, 4095).astype("<u2").tobytes()
    return data
