import argparse
import os
import stat
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from made_dicom import SHIPPED, ramp, write_dicom

from placa.errors import PlacaError
from placa.prepare import prepare
from placa.progress import SILENT
from placa.sources import Source
from placa.sources.dicom import add_arguments, from_options, read_dicom
from placa.sources.dicom_tags import TAGS, describe, spelled
from placa.sources.patient_key import PatientKey, default_place, patient_key

KEY = PatientKey(b"0123456789abcdef")
SMALL = ramp(side=16)


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of its own, for tests must not make a key in the user's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Six radiographs of three patients, and what else lies in an archive."""
    root = tmp_path / "archive"
    for number in range(6):
        write_dicom(
            root / f"st{number // 2}" / f"IM{number}",
            SMALL + number,
            PatientID=f"MRN00{number // 2}",
            PatientName=f"Muster{number // 2}^Erika",
            PatientSex="FMO"[number // 2],
            PatientAge=["045Y", "006M", "003W", "012D", "414Y", None][number],
            PatientBirthDate="20000102",
            StudyDate="20300102",
            AccessionNumber=f"ACC-{number}",
            SOPInstanceUID=f"1.2.3.{number}",
            InstitutionName="St. Elsewhere" if number < 4 else None,
            ViewPosition=["PA", "AP", "LL", "", None, "PA"][number],
            SeriesDescription=[None, None, None, "Chest a.p.", "CHEST PA AND LATERAL", None][number],
        )
    (root / "readme.txt").write_text("export of 2030\n")
    (root / "DICOMDIR").write_bytes((SHIPPED / "dicomdirtests" / "DICOMDIR").read_bytes())
    (root / "st0" / "broken.dcm").write_bytes(b"x" * 500)
    write_dicom(root / "st0" / "slice", SMALL, Modality="CT", PatientID="MRN000")
    return root


def table(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_files_and_rows_are_all_accounted_for(archive: Path, tmp_path: Path) -> None:
    labels = table(
        tmp_path / "labels.csv",
        "PatientID,Effusion\nMRN000,1\nMRN001,0\nMRN002,\nMRN777,1\nMRN888,\nMRN000,1\nMRN999,perhaps\n",
    )
    source = read_dicom(archive, labels, "Effusion", key=KEY)
    assert source.images["Effusion"].tolist() == [1, 1, 0, 0]
    assert source.images["image_id"].tolist() == ["st0/IM0", "st0/IM1", "st1/IM2", "st1/IM3"]
    # Missing: MRN777. Unused: readme, two without a label, the CT slice, and the row of MRN888.
    assert (source.missing, source.unused) == (1, 5)
    reasons = dict(source.rejected)
    assert len(reasons) == 4 and source.rows == 4 + 4 + 1 + 5
    assert "DICOMDIR" in reasons[str(archive / "DICOMDIR")]
    assert "no DICOM file" in reasons[str(archive / "st0" / "broken.dcm")]
    assert "saying the same" in reasons["labels.csv, line 7"] and "'perhaps'" in reasons["labels.csv, line 8"]
    assert not any("MRN" in reason for reason in reasons.values())
    assert any("1 files of modality CT" in note for note in source.notes)
    assert source.grouped and not source.labelled_by_name


@pytest.mark.parametrize(
    ("header", "cell"),
    [
        ("path", "st{folder}/IM{number}"),
        ("path", ".\\st{folder}\\IM{number}"),
        ("path", "archive/st{folder}/IM{number}"),
        ("file_name", "IM{number}"),
        ("image", "IM{number}.png"),
        ("SOP Instance UID", "1.2.3.{number}"),
        ("accession_number", "ACC-{number}"),
    ],
)
def test_rows_name_files_in_many_ways(archive: Path, tmp_path: Path, header: str, cell: str) -> None:
    rows = [cell.format(number=number, folder=number // 2) + f";{number % 2}" for number in (5, 4, 3, 2, 1, 0)]
    labels = table(tmp_path / "labels.csv", f"{header};Mass\n" + "\n".join(rows))
    if cell.endswith(".png"):
        with pytest.raises(PlacaError, match=r"None of the 10 files .* rows of labels.csv name files by file"):
            read_dicom(archive, labels, "Mass", key=KEY)
        return
    source = read_dicom(archive, labels, "Mass", key=KEY)
    assert source.images["Mass"].tolist() == [0, 1, 0, 1, 0, 1]
    assert source.missing == 0


def test_a_column_of_any_name(archive: Path, tmp_path: Path) -> None:
    labels = table(tmp_path / "labels.csv", "who,report\nMRN000,Edema\nMRN001,clear\nMRN002,foreign body\n")
    with pytest.raises(PlacaError, match="--match and --match-column"):
        read_dicom(archive, labels, "report", ["Edema"], key=KEY)
    with pytest.raises(PlacaError, match="say --match as well"):
        read_dicom(archive, labels, "report", ["Edema"], match_column="who", key=KEY)
    source = read_dicom(archive, labels, "report", ["Edema"], ["clear"], match="PatientID", match_column="who", key=KEY)
    assert source.images["Edema"].tolist() == [1, 1, 0, 0]
    assert source.positive == "Edema" and source.comparison == "clear"


def test_what_the_tags_say(archive: Path, tmp_path: Path) -> None:
    labels = table(
        tmp_path / "labels.csv", "file,Mass\n" + "".join(f"IM{number},{number % 2}\n" for number in range(6))
    )
    source = read_dicom(archive, labels, "Mass", key=KEY)
    images = source.images
    assert np.allclose(images["age"], [45, 0.5, 21 / 365.25, 12 / 365.25, 30, 30], atol=0.01)
    assert any("'414Y'" in note for note in source.notes)
    assert images["sex"].fillna("?").tolist() == ["F", "F", "M", "M", "?", "?"]
    assert images["view"].fillna("?").tolist() == ["PA", "AP", "LATERAL", "AP", "?", "PA"]
    assert images["patient_id"].nunique() == 3 and images["patient_id"].str.fullmatch("[0-9a-f]{16}").all()
    assert images["site"].nunique() == 1 and images["site"].notna().sum() == 4
    frontal = read_dicom(archive, labels, "Mass", views=["pa", "AP"], key=KEY)
    assert frontal.images["image_id"].tolist() == ["st0/IM0", "st0/IM1", "st1/IM3", "st2/IM5"]
    assert frontal.missing == 0, "what is there and not wanted is not missing"
    with_ct = read_dicom(archive, labels, "Mass", modalities=["DX", "CT"], key=KEY)
    assert len(with_ct.images) == 6


def test_class_folders(archive: Path) -> None:
    source = read_dicom(archive, positive="st0", negative=["st1"], finding="Edema", key=KEY)
    assert source.images["Edema"].tolist() == [1, 1, 0, 0] and source.labelled_by_name
    assert source.comparison == "st1" and len(source.rejected) == 2
    for given, says in [
        ({"positive": "st9"}, "no class folder 'st9'"),
        ({}, "--positive names one of the folders"),
        ({"positive": "st0", "label": "Mass"}, "none came: name it by --labels"),
        ({"positive": "st0", "negative": "st0"}, "both 'st0'"),
    ]:
        with pytest.raises(PlacaError, match=says):
            read_dicom(archive, **given, key=KEY)
    with pytest.raises(PlacaError, match="not a directory"):
        read_dicom(archive / "nowhere", positive="st0", key=KEY)


def _one_each(root: Path, *patients: dict[str, Any]) -> Source:
    for number, tags in enumerate(patients):
        write_dicom(root / "ab"[number % 2] / f"{number}.dcm", SMALL, **tags)
    return read_dicom(root, positive="a", key=KEY)


def test_unknown_patients_are_not_taken_as_known(tmp_path: Path) -> None:
    some = _one_each(tmp_path / "some", {"PatientID": "7"}, {"PatientID": "8"}, {"PatientID": None}, {"PatientID": ""})
    assert len(some.images) == 2 and some.grouped
    assert all("no PatientID" in reason for _, reason in some.rejected) and len(some.rejected) == 2
    nobody = _one_each(tmp_path / "none", {"PatientID": "ANONYMOUS"}, {"PatientID": "anonymized"}, {"PatientID": "000"})
    assert len(nobody.images) == 3 and not nobody.grouped and "patient_id" not in nobody.images
    assert any("likeness" in note for note in nobody.notes)


def test_one_id_of_two_issuers_may_be_two_patients_and_is_not_cut(tmp_path: Path) -> None:
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
    assert any("1 patients are recorded with both sexes" in note for note in source.notes)


def test_nothing_that_names_a_patient_leaves(tmp_path: Path) -> None:
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
        }
        name = [f"{who['SOPInstanceUID']}.dcm", f"mustermann{number:02}_erika.dcm", f"{number}.dcm"][number % 3]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            write_dicom(root / ("sick" if number % 2 else "well") / name, SMALL * (number % 5 + 1), **who)
    with warnings.catch_warnings():
        # pydicom's warnings quote the value.
        warnings.simplefilter("error")
        source = read_dicom(root, positive="sick", key=KEY)
    out = tmp_path / "out"
    prepare(source, out, size=16)
    manifest = pq.read_table(out / "manifest.parquet").to_pandas()
    assert len(manifest) == 24
    assert manifest["image_id"].str.fullmatch(r"(sick|well)/([0-9a-f]{12}|\d+)\.dcm").all()
    paths = "\n".join(manifest.pop("path"))
    assert "Mustermann".lower() in paths, "the files have to be found"
    assert (manifest["age"].round() == 59).all()
    text = manifest.to_csv()
    for file in ("source.json", "audit.json"):
        text += (out / file).read_text().replace(str(tmp_path), "")
    for secret in secrets:
        assert secret.lower() not in text.lower(), secret
    assert "16 of 24 files spell who the patient is" in (out / "source.json").read_text()


def test_the_key_is_made_once_and_kept_to_oneself(tmp_path: Path, config: Path) -> None:
    first = patient_key()
    assert default_place() == config / "placa" / "patient-key"
    assert stat.S_IMODE(default_place().stat().st_mode) == 0o600 and len(first.secret) == 64
    assert "made just now" in first.note
    second = patient_key()
    assert second.name("patient", "4711") == first.name("patient", "4711") and "just now" not in second.note
    assert first.name("patient", "4711") != first.name("site", "4711")
    assert first.secret.decode() not in repr(first)
    given = tmp_path / "key"
    given.write_text("x" * 15)
    with pytest.raises(PlacaError, match="16 bytes or more, and holds 15"):
        patient_key(given)
    given.write_text("another key of the hospital\n")
    given.chmod(0o644)
    other = patient_key(given)
    assert other.name("patient", "4711") != first.name("patient", "4711") and "chmod 600" in other.note
    with pytest.raises(PlacaError, match="does not exist"):
        patient_key(tmp_path / "nowhere")
    # HMAC-SHA256 of "patient\0" + the text under the key "key", as the openssl command makes it.
    assert PatientKey(b"key").name("patient", "4711") == "623762caa3b64f66"


def test_same_key_same_patient_in_every_data_set(tmp_path: Path) -> None:
    one = _one_each(tmp_path / "one", {"PatientID": "7"}, {"PatientID": "8"})
    two = _one_each(tmp_path / "two", {"PatientID": "9"}, {"PatientID": "7"})
    assert one.images["patient_id"][0] == two.images["patient_id"][1]
    assert len({*one.images["patient_id"], *two.images["patient_id"]}) == 3


def test_odd_files_among_them(tmp_path: Path) -> None:
    root = tmp_path / "data"
    good = write_dicom(root / "a" / "1.dcm", SMALL)
    write_dicom(root / "b" / "2.dcm", SMALL, PatientID="P2")
    os.mkfifo(root / "a" / "pipe.dcm")
    (root / "a" / "gone.dcm").symlink_to("nowhere")
    (root / "a" / "empty.dcm").write_bytes(b"")
    write_dicom(root / "a" / "frames.dcm", SMALL, NumberOfFrames=3)
    (root / "a" / "latin").write_bytes(good.read_bytes())
    os.rename(root / "a" / "latin", os.fsencode(root / "a") + b"/lat\xedn.dcm")
    (root / "a" / "round").symlink_to(root, target_is_directory=True)
    source = read_dicom(root, positive="a", key=KEY)
    assert source.images["image_id"].tolist() == ["a/1.dcm", "b/2.dcm"]
    reasons = {Path(path).name: reason for path, reason in source.rejected}
    assert "no file" in reasons["pipe.dcm"] and "no file" in reasons["gone.dcm"]
    assert "empty" in reasons["empty.dcm"] and "3 frames" in reasons["frames.dcm"]
    assert "not UTF-8" in reasons["lat\udcedn.dcm"] and len(reasons) == 5


def test_the_command_line(archive: Path, tmp_path: Path, config: Path) -> None:
    labels = table(archive / "labels.csv", "PatientID,Mass\nMRN000,1\nMRN001,0\n")
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = parser.parse_args([str(archive), "--labels", str(labels), "--label", "Mass", "--views", "PA", "AP"])
    source = from_options(options, SILENT)
    assert source.images["Mass"].tolist() == [1, 1, 0] and source.tables == [str(labels)]
    assert (config / "placa" / "patient-key").is_file()
    assert source.options["match"] == "PatientID" and source.options["modalities"] == ["CR", "DX"]
    with pytest.raises(PlacaError, match="without --label"):
        from_options(parser.parse_args([str(archive), "--labels", str(labels)]), SILENT)


def test_what_pydicom_ships_by_folders() -> None:
    source = read_dicom(SHIPPED / "dicomdirtests", positive="98892001", modalities=["CR", "CT", "MR"], key=KEY)
    assert source.images["98892001"].sum() == 7 and len(source.images) == 31
    assert source.images["patient_id"].nunique() == 2, "two of the three folders are one patient's"


def test_descriptions_and_spelling() -> None:
    from pydicom.dataset import Dataset

    header = Dataset()
    for text, view in {
        "CHEST LAT": "LATERAL",
        "Thorax p.a. stehend": "PA",
        "postero-anterior": "PA",
        "Chest_AP_portable": "AP",
        "CHEST PA/LAT": None,
        "Tap water, apex, paper": None,
    }.items():
        header.SeriesDescription = text
        assert describe(header).view == view, text
    header.ViewPosition = "RLO"
    assert describe(header).view == "RLO"
    assert set(TAGS) >= {"PatientID", "ViewPosition", "NumberOfFrames"}
    assert spelled("IM-4711-1", ["47"]) is False and spelled("li_wei.dcm", ["li"]) and spelled("X12345.dcm", ["x12345"])
    assert pd.isna(describe(Dataset()).years or np.nan)
