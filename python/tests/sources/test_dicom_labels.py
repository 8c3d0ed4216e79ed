"""Images of a DICOM archive: labels from a table or from folders, and facts from tags."""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_dicom import SHIPPED, write_dicom
from raising import raises
from small_dicom import KEY, SMALL

from placa.core.errors import PlacaError, UnknownNameError
from placa.core.progress import SILENT
from placa.records.source import compared_with
from placa.sources.dicom import add_arguments, from_options, read_dicom
from placa.sources.dicom.labels import MATCHES
from placa.sources.dicom.tags import TAGS, contains_identifier, read_tags
from placa.sources.errors import (
    MissingColumnError,
    MissingDirectoryError,
    MissingOptionError,
    NoUsableFileError,
    PositiveNegativeOverlapError,
    TooFewClassesError,
)
from placa.sources.source import Source

pytestmark = pytest.mark.usefixtures("config")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Write six radiographs of three patients, and other files of an archive."""
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


def _names(source: Source) -> list[str]:
    return [Path(path).name for path in source.images["path"]]


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
    # A name is hashed unless it is known to be harmless; a folder keeps its hash.
    assert source.images["image_id"].str.fullmatch("[0-9a-f]{12}/[0-9a-f]{12}").all()
    assert source.images["image_id"].is_unique and _names(source) == ["IM0", "IM1", "IM2", "IM3"]
    folders = source.images["image_id"].str[:12]
    assert folders[0] == folders[1] != folders[2] == folders[3]
    # Missing: MRN777. Unused: readme, two without a label, the CT slice, and the row of MRN888.
    assert (source.missing, source.unused) == (1, 5)
    reasons = dict(source.rejected)
    assert len(reasons) == 3 and source.rows == 3 + 4 + 1 + 5
    # An index without pixels is listed as skipped and counts nowhere.
    assert "DICOMDIR" in {Path(path).name for path, _ in source.skipped}
    assert "not a DICOM file" in reasons[str(archive / "st0" / "broken.dcm")]
    assert "line 2" in reasons["labels.csv, line 7"] and "'perhaps'" in reasons["labels.csv, line 8"]
    assert not any("MRN" in reason for reason in reasons.values())
    assert any("1 " in note and "CT" in note for note in source.notes)
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
def test_rows_are_matched_to_files_by_several_keys(archive: Path, tmp_path: Path, header: str, cell: str) -> None:
    rows = [cell.format(number=number, folder=number // 2) + f";{number % 2}" for number in (5, 4, 3, 2, 1, 0)]
    labels = table(tmp_path / "labels.csv", f"{header};Mass\n" + "\n".join(rows))
    if cell.endswith(".png"):
        with raises(NoUsableFileError, directory=str(archive), files=9, rejected=1, match="file"):
            read_dicom(archive, labels, "Mass", key=KEY)
        return
    source = read_dicom(archive, labels, "Mass", key=KEY)
    assert source.images["Mass"].tolist() == [0, 1, 0, 1, 0, 1]
    assert source.missing == 0


def test_a_column_can_have_any_name(archive: Path, tmp_path: Path) -> None:
    labels = table(tmp_path / "labels.csv", "who,report\nMRN000,Edema\nMRN001,clear\nMRN002,foreign body\n")
    with raises(MissingColumnError, file=str(labels), accepted=list(MATCHES), columns=["who", "report"]):
        read_dicom(archive, labels, "report", ["Edema"], key=KEY)
    with raises(MissingOptionError, option="--match", given=["--match-column"]):
        read_dicom(archive, labels, "report", ["Edema"], match_column="who", key=KEY)
    source = read_dicom(archive, labels, "report", ["Edema"], ["clear"], match="PatientID", match_column="who", key=KEY)
    assert source.images["Edema"].tolist() == [1, 1, 0, 0]
    assert source.findings == ["Edema"] and source.comparison == compared_with("clear")


def test_patient_facts_are_read_from_tags(archive: Path, tmp_path: Path) -> None:
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
    assert _names(frontal) == ["IM0", "IM1", "IM3", "IM5"]
    assert frontal.missing == 0, "existing files that are not selected are not missing"
    with_ct = read_dicom(archive, labels, "Mass", modalities=["DX", "CT"], key=KEY)
    assert len(with_ct.images) == 6


def test_class_folders_give_labels(archive: Path) -> None:
    source = read_dicom(archive, positive="st0", negative=["st1"], finding="Edema", key=KEY)
    assert source.images["Edema"].tolist() == [1, 1, 0, 0] and source.labelled_by_name
    assert source.comparison == compared_with("st1") and len(source.rejected) == 1
    with raises(MissingDirectoryError, directory=str(archive / "nowhere")):
        read_dicom(archive / "nowhere", positive="st0", key=KEY)
    with raises(TooFewClassesError, directory=str(archive / "st0"), classes=[]):
        read_dicom(archive / "st0", positive="st0", key=KEY)


@pytest.mark.parametrize(
    ("given", "error", "values"),
    [
        ({"positive": "st9"}, UnknownNameError, {"name": "st9"}),
        ({}, MissingOptionError, {"option": "--positive", "given": []}),
        ({"positive": "st0", "label": "Mass"}, MissingOptionError, {"option": "--labels", "given": ["--label"]}),
        ({"positive": "st0", "negative": "st0"}, PositiveNegativeOverlapError, {"name": "st0"}),
    ],
)
def test_invalid_class_folders_and_options_are_errors(
    archive: Path, given: dict[str, str], error: type[PlacaError], values: dict[str, Any]
) -> None:
    with raises(error, **values):
        read_dicom(archive, **given, key=KEY)


def test_unusable_files_are_rejected_or_unused(tmp_path: Path) -> None:
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
    assert _names(source) == ["1.dcm", "2.dcm"]
    reasons = {Path(path).name: reason for path, reason in source.rejected}
    assert all("not a regular file" in reasons[name] for name in ("pipe.dcm", "gone.dcm"))
    assert "empty" in reasons["empty.dcm"] and "3 frames" in reasons["frames.dcm"]
    assert "not UTF-8" in reasons["lat\udcedn.dcm"] and len(reasons) == 5


def test_the_command_line_passes_its_options(archive: Path, tmp_path: Path, config: Path) -> None:
    labels = table(archive / "labels.csv", "PatientID,Mass\nMRN000,1\nMRN001,0\n")
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = parser.parse_args([str(archive), "--labels", str(labels), "--label", "Mass", "--views", "PA", "AP"])
    source = from_options(options, SILENT)
    assert source.images["Mass"].tolist() == [1, 1, 0] and source.tables == [str(labels)]
    assert (config / "placa" / "patient-key").is_file()
    assert source.options["match"] == "PatientID" and source.options["modalities"] == ["CR", "DX"]
    with raises(MissingOptionError, option="--label", given=["--labels"]):
        from_options(parser.parse_args([str(archive), "--labels", str(labels)]), SILENT)


def test_files_of_pydicom_are_read_by_class_folders() -> None:
    source = read_dicom(SHIPPED / "dicomdirtests", positive="98892001", modalities=["CR", "CT", "MR"], key=KEY)
    # The folder 98892001 has seven slices, two of which are scouts.
    assert source.images["98892001"].sum() == 5 and len(source.images) == 29
    assert source.images["patient_id"].nunique() == 2, "two of the three folders have the same patient"


def test_study_descriptions_give_labels_in_any_case() -> None:
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
        assert read_tags(header).view == view, text
    header.ViewPosition = "RLO"
    assert read_tags(header).view == "RLO"
    assert set(TAGS) >= {"PatientID", "ViewPosition", "NumberOfFrames"}
    assert (
        contains_identifier("IM-4711-1", ["47"]) is False
        and contains_identifier("li_wei.dcm", ["li"])
        and contains_identifier("X12345.dcm", ["x12345"])
    )
    assert pd.isna(read_tags(Dataset()).years or np.nan)
