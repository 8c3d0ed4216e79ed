"""The inputs: symbolic links to subsets of public data, and synthetic files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from pydicom.uid import UID

#: Patients of the DICOM tree; each has one file in one of three transfer syntaxes.
PATIENTS = 36


def link_nih(data: Path, out: Path, images: int) -> None:
    """Link the table of NIH and images of some patients of ``nih-256``."""
    source = data / "nih-256"
    (out / "images").mkdir(parents=True)
    (out / "Data_Entry_2017_v2020.csv").symlink_to((data / "nih" / "Data_Entry_2017_v2020.csv").resolve())
    patients: dict[str, list[Path]] = {}
    for path in sorted((source / "images").iterdir()):
        patients.setdefault(path.name.split("_")[0], []).append(path)
    chosen = [path for name in list(patients)[::3] for path in patients[name]]
    for path in chosen[:images]:
        (out / "images" / path.name).symlink_to(path.resolve())


def link_folders(data: Path, out: Path, images: int) -> None:
    """Link the first images of each class folder of ``ct``."""
    for folder in sorted(path for path in (data / "ct").iterdir() if path.is_dir()):
        (out / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir())[:images]:
            (out / folder.name / path.name).symlink_to(path.resolve())


def write_dicoms(out: Path) -> None:
    """Write class folders of DICOM files: uncompressed, JPEG, JPEG 2000, and damaged ones."""
    from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

    random = np.random.default_rng(0)
    across, down = np.meshgrid(np.linspace(-1, 1, 64), np.linspace(-1, 1, 64))
    for number in range(PATIENTS):
        sick = number % 2 == 1
        levels = 90 + 60 * (np.abs(across) < 0.7) - 50 * ((np.abs(np.abs(across) - 0.4) < 0.2) & (np.abs(down) < 0.6))
        if sick:
            levels = levels + 60 * np.exp(-((across - 0.4) ** 2 + (down - random.uniform(-0.3, 0.3)) ** 2) / 0.03)
        stored = (levels + random.normal(0, 6, levels.shape)).clip(0, 255).astype(np.uint8)
        path = out / ("sick" if sick else "well") / f"{number:02d}.dcm"
        if number // 2 % 3 == 0:
            _write_dicom(path, stored.astype(np.uint16) * 16, number)
        else:
            jpeg = number // 2 % 3 == 1
            encoded = io.BytesIO()
            from PIL import Image

            if jpeg:
                Image.fromarray(stored).save(encoded, "JPEG", quality=90)
            else:
                Image.fromarray(stored).save(encoded, "JPEG2000", no_jp2=True, irreversible=False)
            _write_dicom(path, stored, number, JPEGBaseline8Bit if jpeg else JPEG2000Lossless, encoded.getvalue())
    whole = (out / "sick" / "01.dcm").read_bytes()
    (out / "sick" / "truncated.dcm").write_bytes(whole[: len(whole) * 2 // 3])
    before, start, after = (out / "sick" / "03.dcm").read_bytes().partition(b"\xff\xd8\xff")
    (out / "well" / "damaged.dcm").write_bytes(before + start + bytes(100) + after[100:])
    (out / "well" / "note.txt").write_text("No image.\n")
    (out.parent / "key").write_text("0123456789abcdef0123456789abcdef\n")
    (out.parent / "key").chmod(0o600)


def _write_dicom(
    path: Path, stored: np.ndarray, number: int, syntax: UID | None = None, encoded: bytes | None = None
) -> None:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.TransferSyntaxUID = syntax or ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = DigitalXRayImageStorageForPresentation
    for name in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(data, name, generate_uid(entropy_srcs=[name, str(number)]))
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    bits = 8 * stored.dtype.itemsize
    data.Modality = "DX"
    data.PatientID = f"P{number:03d}"
    data.PatientName = "Doe^Jane"
    data.PatientSex = "FM"[number // 2 % 2]
    data.PatientAge = f"{30 + number:03d}Y"
    data.ViewPosition = ("PA", "AP")[number // 3 % 2]
    data.PhotometricInterpretation = "MONOCHROME2"
    data.SamplesPerPixel = 1
    data.Rows, data.Columns = stored.shape
    data.BitsAllocated = bits
    data.BitsStored = 12 if bits == 16 else 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = 0
    data.PixelData = encapsulate([encoded]) if encoded else stored.tobytes()
    data["PixelData"].VR = "OW" if bits == 16 else "OB"
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


def write_volumes(out: Path, patients: int) -> None:
    """Write CT volumes in the layout of STOIC: a thorax of ellipses, with an opacity in every second patient."""
    import SimpleITK

    shape = (12, 40, 40)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, count) for count in shape), indexing="ij")
    lines = ["PatientID,probCOVID,probSevere"]
    (out / "data" / "mha").mkdir(parents=True)
    (out / "metadata").mkdir()
    for number in range(patients):
        random = np.random.default_rng(number)
        levels = np.full(shape, -1000.0)
        levels[(y / 0.7) ** 2 + (x / 0.9) ** 2 < 1] = 40
        for side in (-1, 1):
            levels[z**2 + (y / 0.5) ** 2 + ((x - 0.42 * side) / 0.32) ** 2 < 1] = -850
        if number % 2:
            centre = random.uniform(-0.3, 0.3)
            levels[((z - centre) / 0.5) ** 2 + (y / 0.25) ** 2 + ((x - 0.45) / 0.22) ** 2 < 1] = -150
        image = SimpleITK.GetImageFromArray((levels + random.normal(0, 25, shape)).astype(np.int16))
        image.SetSpacing((8.0, 8.0, 20.0))
        image.SetOrigin((-157.7, -311.7, -438.4))
        image.SetMetaData("PatientAge", f"{35 + number:03d}Y")
        image.SetMetaData("PatientSex", "FM"[number // 2 % 2])
        SimpleITK.WriteImage(image, str(out / "data" / "mha" / f"{100 + number}.mha"), True)
        lines.append(f"{100 + number},{number % 2},{int(number % 4 == 3)}")
    (out / "metadata" / "reference.csv").write_text("\n".join(lines) + "\n")
