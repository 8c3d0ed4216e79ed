import argparse
from pathlib import Path

import pytest
from conftest import draw
from raising import raises

from placa.core.errors import UnknownNameError
from placa.core.progress import SILENT
from placa.images.listing import REASONS
from placa.images.read import EXTENSIONS
from placa.records.source import compared_with
from placa.sources.errors import (
    DividedPatientError,
    EmptyClassFolderError,
    MissingDirectoryError,
    MissingOptionError,
    TooFewClassesError,
)
from placa.sources.folders import add_arguments, from_options, read_folders


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    for name, count in (("COVID", 3), ("healthy", 2), ("other", 1)):
        for number in range(count):
            draw(tmp_path / "ct" / name / f"slice ({number + 9}).png", seed=number)
    (tmp_path / "ct" / "readme.txt").write_text("")
    return tmp_path / "ct"


def test_one_folder_is_positive_and_all_others_are_negative(classes: Path) -> None:
    source = read_folders(classes, "COVID")
    assert source.images["COVID"].tolist() == [1, 1, 1, 0, 0, 0]
    assert source.comparison == compared_with("healthy", "other")
    assert not source.grouped
    assert source.notes == ["3 classes: 3 COVID, 2 healthy, 1 other"]
    assert source.images["image_id"].tolist()[:3] == [
        "COVID/slice (9).png",
        "COVID/slice (10).png",
        "COVID/slice (11).png",
    ]


def test_several_positive_folders_are_findings_that_exclude_each_other(classes: Path) -> None:
    source = read_folders(classes, ["COVID", "other"])
    assert source.findings == ["COVID", "other"] and source.comparison == compared_with("healthy")
    assert source.images[["COVID", "other"]].sum(axis=1).tolist() == [1, 1, 1, 0, 0, 1]
    assert read_folders(classes, ["COVID", "other", "healthy"]).comparison["kind"] == "rest"


def test_images_at_any_depth_may_have_equal_names(classes: Path) -> None:
    for scan in ("a", "b"):
        draw(classes / "other" / scan / "deep" / "1.png")
    source = read_folders(classes, "other")
    assert source.images.loc[source.images["other"] == 1, "image_id"].tolist() == [
        "other/a/deep/1.png",
        "other/b/deep/1.png",
        "other/slice (9).png",
    ]
    assert source.images["image_id"].is_unique


def test_files_that_are_not_images_or_outside_classes_are_reported(classes: Path) -> None:
    (classes / "healthy" / "notes.docx").write_bytes(b"?")
    (classes / "healthy" / ".DS_Store").write_bytes(b"?")
    draw(classes / "stray.png")
    source = read_folders(classes, "COVID")
    assert [Path(path).name for path, _ in source.rejected] == ["stray.png"]
    assert "class folder" in source.rejected[0][1]
    assert {Path(path).name: reason for path, reason in source.skipped} == {
        ".DS_Store": REASONS["hidden"],
        "notes.docx": REASONS["other_kind"],
    }
    assert source.rows == 6 + 1


def test_the_command_line_requires_a_root_and_a_class(classes: Path) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    source = from_options(parser.parse_args([str(classes), "--positive", "healthy"]), SILENT)
    assert source.images["healthy"].sum() == 2


def test_missing_folders_and_classes_are_errors(classes: Path, tmp_path: Path) -> None:
    with raises(UnknownNameError, name="covid", known=["COVID", "other", "healthy"]):
        read_folders(classes, "covid")
    (classes / "void").mkdir()
    with raises(EmptyClassFolderError, directory=str(classes / "void"), extensions=sorted(EXTENSIONS)):
        read_folders(classes, "COVID")
    (classes / "void" / "text.txt").write_text("")
    with raises(EmptyClassFolderError, directory=str(classes / "void")):
        read_folders(classes, "COVID")
    (tmp_path / "one" / "COVID").mkdir(parents=True)
    with raises(TooFewClassesError, directory=str(tmp_path / "one"), classes=["COVID"]):
        read_folders(tmp_path / "one", "COVID")
    with raises(MissingDirectoryError, directory=str(tmp_path / "nowhere")):
        read_folders(tmp_path / "nowhere", "COVID")


def write_kermany(root: Path, name: str = "person{n}_virus_{n}.png") -> Path:
    """Write the layout of chest_xray: a folder per split, and the classes in it."""
    for split, numbers in (("train", range(4)), ("val", range(4, 6)), ("test", range(6, 9))):
        for number in numbers:
            for kind in ("NORMAL", "PNEUMONIA"):
                file = name.format(n=number) if kind == "PNEUMONIA" else f"IM-{number:04}-0001.png"
                draw(root / split / kind / file, seed=number)
    return root


def test_folders_of_splits_are_read_as_splits(tmp_path: Path) -> None:
    root = write_kermany(tmp_path / "chest_xray")
    source = read_folders(root, "PNEUMONIA")
    assert source.comparison == compared_with("NORMAL") and source.images["PNEUMONIA"].sum() == 9
    assert source.images["split"].value_counts().to_dict() == {"train": 8, "test": 6, "validation": 4}
    assert source.images["patient_id"].nunique() == 9 and not source.grouped, "NORMAL images have no patient"
    assert source.keeps_split and source.given_split == {"by": "column", "name": None}
    again = read_folders(root, "PNEUMONIA", split="seeded")
    assert "split" not in again.images and again.given_split is None
    with raises(UnknownNameError, kind="class folder", name="train"):
        read_folders(root, "train")
    with raises(UnknownNameError, kind="split", name="random"):
        read_folders(root, "PNEUMONIA", split="random")


def test_a_split_of_folders_that_divides_a_patient_is_an_error(tmp_path: Path) -> None:
    root = write_kermany(tmp_path / "chest_xray", "person1_{n}.png")
    with raises(DividedPatientError, patient="person1", count=1):
        read_folders(root, "PNEUMONIA")
    assert len(read_folders(root, "PNEUMONIA", split="seeded").images) == 18
    assert "patient_id" not in read_folders(root, "PNEUMONIA", patients="none").images


def test_folders_in_a_class_may_be_patients_or_images(tmp_path: Path) -> None:
    for kind in ("COVID", "healthy"):
        for number in range(4):
            draw(tmp_path / "patients" / kind / f"{kind} {number // 2}" / f"{number}.png", seed=number)
            draw(tmp_path / "images" / kind / "images" / f"{number}.png", seed=number)
            draw(tmp_path / "images" / kind / "masks" / f"{number}.png", seed=number)
    asked = read_folders(tmp_path / "patients", "COVID", patients="folders")
    assert asked.grouped and asked.images["patient_id"].nunique() == 4
    source = read_folders(tmp_path / "patients", "COVID")
    assert not source.grouped and "patient_id" not in source.images
    assert "folders_in_classes" in [note.code for note in source.notes]
    source = read_folders(tmp_path / "images", "COVID")
    assert (len(source.images), len(source.skipped), source.rows) == (8, 8, 8)
    with raises(MissingOptionError, option="--patients", given=["folders"]):
        read_folders(tmp_path / "images", "COVID", patients="folders")
