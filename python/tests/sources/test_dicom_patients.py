"""Patients of a DICOM archive: pseudonyms from a key, and no identifiers in outputs."""

import json
import stat
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_dicom import write_dicom
from raising import raises
from small_dicom import KEY, SMALL

from placa.core.errors import PathNotFoundError
from placa.sources.dicom import read_dicom
from placa.sources.dicom.patient_key import PatientKey, default_key_path, read_patient_key
from placa.sources.errors import ShortKeyError
from placa.sources.source import Source
from placa.workflows.prepare import prepare

pytestmark = pytest.mark.usefixtures("config")


def _one_each(root: Path, *patients: dict[str, Any]) -> Source:
    for number, tags in enumerate(patients):
        write_dicom(root / "ab"[number % 2] / f"{number}.dcm", SMALL, **tags)
    return read_dicom(root, positive="a", key=KEY)


def test_unknown_patients_are_missing(tmp_path: Path) -> None:
    some = _one_each(tmp_path / "some", {"PatientID": "7"}, {"PatientID": "8"}, {"PatientID": None}, {"PatientID": ""})
    assert len(some.images) == 2 and some.grouped
    assert all("no PatientID" in reason for _, reason in some.rejected) and len(some.rejected) == 2
    nobody = _one_each(tmp_path / "none", {"PatientID": "ANONYMOUS"}, {"PatientID": "anonymized"}, {"PatientID": "000"})
    assert len(nobody.images) == 3 and not nobody.grouped and "patient_id" not in nobody.images
    assert any("PatientID" in note for note in nobody.notes)


def test_equal_ids_of_two_issuers_are_two_patients_in_one_group(tmp_path: Path) -> None:
    source = _one_each(
        tmp_path / "data",
        {"PatientID": "7", "IssuerOfPatientID": "A", "PatientSex": "F"},
        {"PatientID": "7", "IssuerOfPatientID": "B", "PatientSex": "M"},
        {"PatientID": "8 ", "PatientSex": "F"},
        {"PatientID": "8", "PatientSex": "M"},
    )
    images = source.images.set_index("image_id").loc[["a/0.dcm", "b/1.dcm", "a/2.dcm", "b/3.dcm"]]
    assert images["patient_id"].nunique() == 3
    assert images["group_id"].iloc[0] == images["group_id"].iloc[1] and images["group_id"].nunique() == 2
    assert any(note.startswith("1 patient") and "sex" in note for note in source.notes)


def test_no_output_identifies_a_patient(tmp_path: Path) -> None:
    root = tmp_path / "data"
    secrets = ["MRN4711", "Mustermann", "1.2.826.99", "ACC0815", "Elsewhere", "19610203", "0123456789abcdef"]
    for number in range(24):
        who = {
            "PatientID": f"MRN4711-{number}",
            "PatientName": f"Mustermann{number:02}^Erika",
            "SOPInstanceUID": f"1.2.826.99.{number}",
            "AccessionNumber": f"ACC0815{number}",
            "InstitutionName": "St. Elsewhere",
            "PatientBirthDate": "19610203",
            "StudyDate": "20200101",
            "PatientAge": "Mustermann",
            "BurnedInAnnotation": "YES" if number < 3 else "NO",
        }
        name = [f"{who['SOPInstanceUID']}.dcm", f"mustermann{number:02}_erika.dcm", f"{number}.dcm"][number % 3]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            write_dicom(root / ("sick" if number % 2 else "well") / name, np.roll(SMALL, number, axis=1), **who)
    with warnings.catch_warnings():
        # Warnings of pydicom contain the value.
        warnings.simplefilter("error")
        source = read_dicom(root, positive="sick", key=KEY)
    out = tmp_path / "out"
    prepare(source, out, size=16)
    manifest = pq.read_table(out / "manifest.parquet").to_pandas()
    assert len(manifest) == 24
    assert manifest["image_id"].str.fullmatch(r"(sick|well)/([0-9a-f]{12}|\d+)\.dcm").all()
    paths = "\n".join(manifest.pop("path"))
    assert "Mustermann".lower() in paths, "paths are needed to find the files"
    assert (manifest["age"] == 58).all()
    text = manifest.to_csv()
    for file in ("source.json", "audit.json"):
        text += (out / file).read_text().replace(str(tmp_path), "")
    for secret in secrets:
        assert secret.lower() not in text.lower(), secret
    notes = {note["code"]: note["values"] for note in json.loads((out / "source.json").read_text())["notes"]}
    assert notes["identifiers_in_paths"] == {"paths": 16, "files": 24}
    assert notes["burned_in_annotation"] == {"images": 3, "files": 24}


def test_the_key_is_created_once_with_private_permissions(tmp_path: Path, config: Path) -> None:
    first = read_patient_key()
    assert default_key_path() == config / "placa" / "patient-key"
    assert stat.S_IMODE(default_key_path().stat().st_mode) == 0o600 and len(first.secret) == 64
    assert str(default_key_path()) in first.notes[0] and first.notes[0].code == "patient_key_created"
    second = read_patient_key()
    assert (
        second.pseudonym("patient", "4711") == first.pseudonym("patient", "4711")
        and second.notes[0].code == "patient_key"
    )
    assert first.pseudonym("patient", "4711") != first.pseudonym("site", "4711")
    assert first.secret.decode() not in repr(first)
    given = tmp_path / "key"
    given.write_text("x" * 15)
    with raises(ShortKeyError, file=str(given), bytes=15, minimum=16):
        read_patient_key(given)
    given.write_text("another key of the hospital\n")
    given.chmod(0o644)
    other = read_patient_key(given)
    assert other.pseudonym("patient", "4711") != first.pseudonym("patient", "4711") and "chmod 600" in other.notes[0]
    with raises(PathNotFoundError, path=str(tmp_path / "nowhere")):
        read_patient_key(tmp_path / "nowhere")
    # HMAC-SHA256 of "patient\0" and the text with the key "key", computed with openssl.
    assert PatientKey(b"key").pseudonym("patient", "4711") == "623762caa3b64f66"


def test_the_same_key_gives_the_same_pseudonym_in_every_data_set(tmp_path: Path) -> None:
    one = _one_each(tmp_path / "one", {"PatientID": "7"}, {"PatientID": "8"})
    two = _one_each(tmp_path / "two", {"PatientID": "9"}, {"PatientID": "7"})
    assert one.images["patient_id"][0] == two.images["patient_id"][1]
    assert len({*one.images["patient_id"], *two.images["patient_id"]}) == 3


def test_every_part_of_a_path_that_may_identify_a_patient_is_hashed(tmp_path: Path) -> None:
    people = [("MUÑOZ^JOSÉ", "Munoz_Jose_19810413"), ("O'BRIEN^A", "OBrien"), ("X^Y", "pepito"), ("DOE^J", "ward 7b")]
    for number, (name, folder) in enumerate(people):
        tags = {"PatientID": f"{number + 17}", "PatientName": name, "SpecificCharacterSet": "ISO_IR 100"}
        write_dicom(tmp_path / "ab"[number % 2] / folder / "ST0" / f"IM{number}.dcm", SMALL + number, **tags)
        write_dicom(tmp_path / "ab"[number % 2] / f"IM{number + 17:04}.dcm", SMALL, **tags)
    images = read_dicom(tmp_path, positive="a", key=KEY).images
    nested, flat = (images[images["image_id"].str.count("/") == slashes]["image_id"] for slashes in (3, 1))
    assert nested.str.fullmatch(r"[ab]/[0-9a-f]{12}/ST0/IM[0-3]\.dcm").all() and len(nested) == 4
    # The counter is the PatientID.
    assert flat.str.fullmatch(r"[ab]/[0-9a-f]{12}\.dcm").all() and len(flat) == 4


def test_ages_from_birth_dates_are_completed_years_up_to_90(tmp_path: Path) -> None:
    dates = [("19800615", "20200614", 39), ("19800615", "20200615", 40), ("19200101", "20200101", 90)]
    tags = [
        {"PatientID": f"{i}9", "PatientBirthDate": birth, "StudyDate": day} for i, (birth, day, _) in enumerate(dates)
    ]
    ages = _one_each(tmp_path, *tags, {"PatientID": "99", "PatientAge": "101Y"}).images["age"]
    assert sorted(ages) == [39, 40, 90, 90]
