import argparse
from pathlib import Path

import pytest
from conftest import draw
from raising import raises

from placa.core.errors import UnknownNameError
from placa.core.progress import SILENT
from placa.images.read import EXTENSIONS
from placa.records.source import compared_with
from placa.sources.errors import EmptyClassFolderError, MissingDirectoryError, TooFewClassesError
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
    assert [Path(path).name for path, _ in source.rejected] == ["stray.png", "notes.docx"]
    assert "class folder" in source.rejected[0][1] and "name" in source.rejected[1][1]
    assert source.rows == 6 + 2


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
