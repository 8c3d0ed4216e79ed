"""`placa prepare dicom --volumes`: CT series as volumes, one per study, as the same scans in other formats."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_series import write_series
from made_volumes import thorax, write_volume
from raising import raises

from placa.dataset.pixel_cache import open_pixels
from placa.images.by_rule import read_file
from placa.images.read import ImageRejected, read_image
from placa.inference.predict import predict_files
from placa.records.manifest import read_manifest
from placa.records.reading import slabs
from placa.sources.dicom import read_dicom
from placa.sources.dicom.patient_key import PatientKey
from placa.sources.errors import MissingOptionError
from placa.sources.table import read_table
from placa.training.options import TrainOptions
from placa.workflows.prepare import prepare
from placa.workflows.train import train

KEY = PatientKey(b"k" * 32)
PATIENTS = 24


def _levels(number: int) -> np.ndarray:
    return thorax(number, opacity=bool(number % 2))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an archive: one folder per patient with a scout and two series, and a table; tests must not change it."""
    root = tmp_path_factory.mktemp("archive")
    for number in range(PATIENTS):
        study = {"patient": f"P{number}", "StudyInstanceUID": f"1.2.{number + 1}", "InstitutionName": "H"}
        folder = root / "images" / f"P{number}"
        write_series(folder / "1", _levels(number), SeriesNumber=4, ConvolutionKernel="B31f", **study)
        if number < 3:
            write_series(folder / "2", _levels(number), SeriesNumber=5, ConvolutionKernel="B70f", **study)
            scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "SeriesNumber": 1}
            write_series(folder / "0", _levels(number)[:1], **scout, **study)
    rows = [f"P{number},{number % 2}" for number in range(PATIENTS)]
    (root / "labels.csv").write_text("\n".join(["PatientID,COVID", *rows, "nobody,1"]) + "\n")
    return root


def test_one_series_per_study_becomes_a_volume(archive: Path) -> None:
    source = read_dicom(archive / "images", archive / "labels.csv", ["COVID"], key=KEY, volumes=True, slices=4)
    assert len(source.images) == PATIENTS and source.rejected == [] and source.missing == 1
    assert source.images["patient_id"].nunique() == PATIENTS
    assert source.images["series"].value_counts().to_dict() == {"4, B31f": PATIENTS}
    # Two series of 12 slices, of which one is used, and a scout, in three studies.
    assert source.unused == 3 * 13 and source.rows == PATIENTS + 1 + 3 * 13
    assert (source.reading.squares, source.options["volumes"], source.options["modalities"]) == (4, True, ["CT"])
    sharp = read_dicom(
        archive / "images", archive / "labels.csv", ["COVID"], key=KEY, volumes=True, series="b70", slices=4
    )
    assert sharp.images["series"].value_counts().to_dict() == {"4, B31f": PATIENTS - 3, "5, B70f": 3}
    with raises(MissingOptionError, option="--volumes", given=["--slices"]):
        read_dicom(archive / "images", archive / "labels.csv", ["COVID"], key=KEY, slices=4)


@pytest.mark.slow
def test_a_run_on_series_predicts_folders_as_it_predicted_the_set(archive: Path, tmp_path: Path) -> None:
    source = read_dicom(archive / "images", archive / "labels.csv", ["COVID"], key=KEY, volumes=True, slices=4)
    prepare(source, tmp_path / "prepared", size=32)
    manifest, pixels = read_manifest(tmp_path / "prepared"), open_pixels(tmp_path / "prepared")
    assert manifest["scan_length"].eq(240).all() and manifest["series"].eq("4, B31f").all()
    volume = write_volume(tmp_path / "0.mha", _levels(0))
    squares = read_file(source.reading, str(volume), 32)
    first = manifest.index[manifest["path"].str.contains("/P0/")]
    assert np.array_equal(pixels[first], squares)
    train(tmp_path / "prepared", tmp_path / "run", TrainOptions(epochs=1, batch_size=16))
    stored = pd.read_parquet(tmp_path / "run" / "predictions.parquet").set_index("patient_id")["probability"]
    predictions = predict_files(tmp_path / "run", [archive / "images" / "P0", volume])
    [folder, file] = predictions.outputs.probability[:, 0].tolist()
    assert folder == file == pytest.approx(stored[manifest.loc[first[0], "patient_id"]], abs=1e-6)
    assert {reason for _, reason in predictions.rejected} == {"another series of the same study is used"}


def test_a_table_of_volumes_in_any_form_is_a_set_of_volumes(archive: Path, tmp_path: Path) -> None:
    lines = ["path,patient,COVID"]
    for number, ending in enumerate((".mha", ".nii.gz", ".nii", ".nrrd")):
        write_volume(tmp_path / f"{number}{ending}", _levels(number))
        lines.append(f"{number}{ending},{number},{number % 2}")
    lines += [f"{archive / 'images' / f'P{number}'},{number},{number % 2}" for number in range(4)]
    (tmp_path / "scans.csv").write_text("\n".join([*lines, "absent.mha,9,1"]) + "\n")
    source = read_table(tmp_path / "scans.csv", "COVID", slices=4)
    assert (len(source.images), source.missing, source.reading) == (8, 1, slabs(4))
    squares = [read_file(source.reading, path, 32) for path in source.images["path"]]
    assert all(np.array_equal(squares[number], squares[number + 4]) for number in range(4))
    assert read_table(tmp_path / "scans.csv", "COVID").reading == slabs()
    with pytest.raises(ImageRejected, match="CT volume"):
        read_image(tmp_path / "1.nii.gz", 32)
