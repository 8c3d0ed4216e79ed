"""What leaves the hospital contains no string of the headers, no path and no name of the user."""

from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from made_dicom import write_dicom

from placa.cli import main
from placa.sources.dicom import read_dicom
from placa.training.options import TrainOptions
from placa.workflows.prepare import prepare
from placa.workflows.train import train

_NAMES = ["MUÑOZ^JOSÉ", "O'BRIEN^Áine", "GARCÍA LÓPEZ^MARÍA", "MÜLLER^Jürgen"]


def _write_archive(root: Path) -> set[str]:
    """Write an archive whose paths name the patients; return the strings of its headers."""
    random = np.random.default_rng(0)
    secrets: set[str] = set()
    for number in range(48):
        name = f"{_NAMES[number % 4]}{number:02}"
        tags = {
            "PatientID": f"MRN47{number:04}",
            "PatientName": name,
            "AccessionNumber": f"ACC08{number:04}",
            "InstitutionName": "Hospital Saint Elsewhere",
            "PatientBirthDate": f"19{20 + number}0413",
            "StudyDate": "20200101",
            "SpecificCharacterSet": "ISO_IR 100",
        }
        sick = number % 2
        pixels = random.integers(0, 900, (48, 48)).astype(np.uint16)
        pixels[10:20, 10:30] += np.uint16(2000 * sick)
        surname = name.split("^")[0].title().replace("ñ", "n").replace("ü", "u").replace("'", "").replace(" ", "_")
        folder = root / ("sick" if sick else "well") / f"{surname}_{tags['PatientBirthDate']}"
        file = write_dicom(folder / "IM0001", pixels, **tags)
        secrets |= {surname, folder.name}
        header = pydicom.dcmread(file, stop_before_pixels=True)
        for keyword in tags:
            if keyword not in {"SpecificCharacterSet", "StudyDate"}:
                secrets.add(str(header[keyword].value))
        secrets |= {str(header.SOPInstanceUID), str(header.StudyInstanceUID), str(header.SeriesInstanceUID)}
    return secrets


@pytest.mark.slow
def test_shared_files_contain_no_string_of_the_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, r: str) -> None:
    home = tmp_path / "home" / "drwho"
    work = home / "work"
    work.mkdir(parents=True)
    for name, value in (("HOME", home), ("LOGNAME", "drwho"), ("XDG_CONFIG_HOME", home / "config")):
        monkeypatch.setenv(name, str(value))
    monkeypatch.chdir(work)
    secrets = _write_archive(home / "archive") | {"drwho", "patient-key", str(tmp_path)}
    prepare(read_dicom(home / "archive", positive="sick"), work / "set", size=32, progress=False)
    train("set", "one", TrainOptions(epochs=1, batch_size=8), progress=False)
    assert main(["share", "one", "--out", "shared"]) == 0
    shared = {path.relative_to("shared").as_posix(): path for path in Path("shared").rglob("*") if path.is_file()}
    assert {"run.json", "model.keras", "predictions.parquet", "report/evaluation.html", "model_card.md"} <= {*shared}
    for places in (
        shared.values(),
        [path for path in Path("one").rglob("*") if path.is_file()],
        [Path("set/source.json")],
    ):
        for path in places:
            text = path.read_bytes().decode("utf-8", errors="replace")
            if path.suffix == ".parquet":
                text = pd.read_parquet(path).to_csv()
            found = [secret for secret in secrets if secret.lower() in text.lower()]
            assert not found, (path, found)
    table = pd.read_parquet(shared["predictions.parquet"])
    assert table["image_id"].str.fullmatch("image-[0-9a-f]{16}").all() and table["age"].max() == 90
