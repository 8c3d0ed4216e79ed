"""The same CT scans as MetaImage in the layout of STOIC and as DICOM series: the same manifest and probabilities."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK
from made_series import write_series
from made_volumes import write_stoic

from placa.inference.predict import Predictor
from placa.records.manifest import read_manifest
from placa.records.predictions import read_predictions
from placa.sources.dicom import read_dicom
from placa.sources.dicom.patient_key import PatientKey
from placa.sources.stoic import read_stoic
from placa.training.options import TrainOptions
from placa.workflows.prepare import prepare
from placa.workflows.train import train

_KEY = PatientKey(b"0123456789abcdef")
_PATIENTS = 24


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write and prepare both twins."""
    folder = tmp_path_factory.mktemp("twins")
    write_stoic(folder / "stoic", _PATIENTS)
    table = pd.read_csv(folder / "stoic" / "metadata" / "reference.csv")
    for volume in sorted((folder / "stoic" / "data" / "mha").iterdir()):
        image = SimpleITK.ReadImage(str(volume))
        age, sex = (image.GetMetaData(name) for name in ("PatientAge", "PatientSex"))
        levels = SimpleITK.GetArrayFromImage(image)
        write_series(folder / "dicom" / volume.stem, levels, volume.stem, PatientAge=age, PatientSex=sex)
    table.rename(columns={"probCOVID": "COVID"}).to_csv(folder / "labels.csv", index=False)
    prepare(read_stoic(folder / "stoic", slices=4), folder / "a", 32)
    twin = read_dicom(folder / "dicom", folder / "labels.csv", ["COVID"], key=_KEY, volumes=True, slices=4)
    prepare(twin, folder / "b", 32)
    return folder


def _by_patient(prepared: Path) -> pd.DataFrame:
    """Return the manifest by patient and square, with the number of the patient in place of ids and paths."""
    manifest = read_manifest(prepared)
    numbers = manifest["path"].str.extract(r"/(\d{3})(?:\.mha|/[^/]*)$")[0]
    # The table of labels has another name, and STOIC has no studies, series and sites.
    other = {"image_id", "path", "patient_id", "group_id", "study_id", "series", "site", "label_source"}
    known = manifest.drop(columns=list(other & set(manifest)))
    known = known.assign(patient=numbers, square=manifest.groupby(numbers).cumcount())
    return known.sort_values(["patient", "square"], ignore_index=True)


def test_both_have_the_same_manifest_and_squares(scans: Path) -> None:
    first, second = _by_patient(scans / "a"), _by_patient(scans / "b")
    assert len(first) == 4 * _PATIENTS and {"split", "COVID", "age", "sex", "scan_length"} <= set(first)
    pd.testing.assert_frame_equal(first, second)
    assert np.array_equal(np.load(scans / "a" / "pixels-32.npy"), np.load(scans / "b" / "pixels-32.npy"))


@pytest.mark.slow
def test_both_have_the_same_probabilities(scans: Path) -> None:
    options = TrainOptions(epochs=2, batch_size=16)
    runs = [scans / "run-a", scans / "run-b"]
    for prepared, run in zip(("a", "b"), runs, strict=True):
        train(scans / prepared, run, options)
    probabilities = [read_predictions(run)[0]["probability"].to_numpy() for run in runs]
    assert np.array_equal(*probabilities) and np.ptp(probabilities[0]) > 0
    predictor = Predictor(runs[0])
    of_files, rejected = predictor.predict([str(path) for path in sorted((scans / "stoic" / "data" / "mha").iterdir())])
    series = [str(min(folder.iterdir())) for folder in sorted((scans / "dicom").iterdir())]
    of_series, rejected_series = predictor.predict(series)
    assert not rejected and not rejected_series and len(of_files) == _PATIENTS
    assert np.array_equal(of_files["probability"], of_series["probability"])
