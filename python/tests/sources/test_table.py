import argparse
from pathlib import Path

import pandas as pd
import pytest
from conftest import draw
from raising import raises

from placa.core.errors import UnknownNameError
from placa.core.progress import SILENT
from placa.records.source import ABSENT, compared_with
from placa.sources.errors import (
    ConflictingOptionsError,
    EmptyColumnError,
    ImagesNotFoundError,
    LabelValuesError,
    MissingColumnError,
    MissingOptionError,
    NoUsableRowError,
    PositiveNegativeOverlapError,
    RepeatedNameError,
    ReservedNameError,
    SingleClassError,
)
from placa.sources.source import Source
from placa.sources.table import add_arguments, from_options, read_table

ROWS = {
    "path": ["a.png", "b.png", "c.png", "d.png", "gone.png"],
    "diagnosis": ["COVID", "normal", "covid", "flu", "normal"],
    "covid": ["1", "0", "yes", "No", "1"],
    "edema": ["1.0", "", "0.0", "-1.0", "0"],
    "Patient ID": ["p1", "p1", "p2", "p3", "p4"],
    "Gender": ["F", "F", "male", "M", "F"],
    "age": ["40", "41", "414", "9", "80"],
    "view position": ["pa", "AP", "", "PA", "PA"],
    "hospital": ["north", "north", "south", "NA", "north"],
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write a table of five rows; one image is missing."""
    for name in ROWS["path"][:4]:
        draw(tmp_path / name)
    pd.DataFrame(ROWS).to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def changed(table: Path, **columns: list[str]) -> Path:
    """Write the table with added or changed columns to another file."""
    pd.DataFrame({**ROWS, **columns}).to_csv(table.with_name("changed.csv"), index=False)
    return table.with_name("changed.csv")


def labels_of(source: Source, finding: str) -> dict[str, int | None]:
    pairs = zip(source.images["image_id"], source.images[finding], strict=True)
    return {Path(name).stem: None if pd.isna(value) else int(value) for name, value in pairs}


def test_labels_0_and_1_and_known_columns_are_read(table: Path) -> None:
    source = read_table(table, "covid")
    assert labels_of(source, "covid") == {"a": 1, "b": 0, "c": 1, "d": 0}
    assert (source.findings, source.comparison, source.grouped) == (["covid"], ABSENT, True)
    images = source.images
    assert images["patient_id"].tolist() == ["p1", "p1", "p2", "p3"]
    assert images["sex"].tolist() == ["F", "F", "M", "M"]
    assert images["age"].fillna(-1).tolist() == [40, 41, -1, 9]
    assert images["view"].fillna("-").tolist() == ["PA", "AP", "-", "PA"]
    assert images["site"].fillna("-").tolist() == ["north", "north", "south", "-"]
    assert any("122 years" in note and ": 1" in note for note in source.notes)
    assert (source.rows, source.missing, source.unused, source.rejected) == (5, 1, 0, [])


def test_parquet_with_numbers_gives_the_same_source(table: Path) -> None:
    wanted = read_table(table, "edema", columns={"split": "none"})
    frame = pd.DataFrame(ROWS)
    frame["edema"] = pd.to_numeric(frame["edema"])
    frame["age"] = frame["age"].astype(int)
    frame.to_parquet(table.with_name("t.parquet"))
    source = read_table(table.with_name("t.parquet"), "edema")
    same = ["image_id", "patient_id", "age", "edema"]
    pd.testing.assert_frame_equal(source.images[same], wanted.images[same])
    # Empty and uncertain labels are unused if there is only one label column.
    assert labels_of(source, "edema") == {"a": 1, "c": 0}
    assert (source.unused, source.missing) == (2, 1)
    assert {"labels": 1} in [note.values for note in source.notes if note.code == "labels_uncertain"]


def test_unknown_cells_of_several_label_columns_are_missing(table: Path) -> None:
    source = read_table(table, ["covid", "edema"])
    assert labels_of(source, "covid") == {"a": 1, "b": 0, "c": 1, "d": 0}
    assert labels_of(source, "edema") == {"a": 1, "b": None, "c": 0, "d": None}
    assert source.findings == ["covid", "edema"]


@pytest.mark.parametrize(
    ("positive", "negative", "name", "comparison", "expected"),
    [
        ("covid", None, "COVID", ("flu", "normal"), {"a": 1, "b": 0, "c": 1, "d": 0}),
        ("COVID", "normal", "COVID", ("normal",), {"a": 1, "b": 0, "c": 1}),
        (["covid", "flu"], None, "COVID or flu", ("normal",), {"a": 1, "b": 0, "c": 1, "d": 1}),
        ("flu", ["normal"], "flu", ("normal",), {"b": 0, "d": 1}),
    ],
)
def test_words_are_labels_if_the_positive_ones_are_named(
    table: Path,
    positive: str | list[str],
    negative: str | list[str] | None,
    name: str,
    comparison: tuple[str, ...],
    expected: dict[str, int],
) -> None:
    source = read_table(table, "diagnosis", positive, negative)
    assert (source.findings, source.comparison) == ([name], compared_with(*comparison))
    assert labels_of(source, name) == expected
    assert source.unused == 4 - len(expected) if "normal" in expected else True
    assert read_table(table, "diagnosis", positive, negative, finding="mine").findings == ["mine"]


def test_zero_can_be_the_positive_label(table: Path) -> None:
    source = read_table(table, "covid", positive="0")
    assert source.findings == ["covid 0"]
    assert labels_of(source, "covid 0") == {"a": 0, "b": 1, "c": 0, "d": 1}


def test_none_can_be_a_label_if_named(table: Path) -> None:
    path = changed(table, found=["mass", "none", "", "none", "none"])
    assert labels_of(read_table(path, "found", "mass", "none"), "mass") == {"a": 1, "b": 0, "d": 0}


def test_ambiguous_labels_are_errors(table: Path) -> None:
    with raises(LabelValuesError, column="diagnosis", labels=["normal", "COVID", "covid", "flu"]):
        read_table(table, "diagnosis")
    with raises(UnknownNameError, name="covit") as caught:
        read_table(table, "diagnosis", "covit")
    assert caught.value.values["known"][0].lower() == "covid"
    with raises(PositiveNegativeOverlapError, name="covid"):
        read_table(table, "diagnosis", "COVID", "covid")
    with raises(MissingOptionError, option="--positive", given=["--negative"]):
        read_table(table, "diagnosis", None, "normal")
    with raises(UnknownNameError, name="diagnose") as caught:
        read_table(table, "diagnose")
    assert caught.value.values["known"][0] == "diagnosis"
    with raises(RepeatedNameError, option="--label", name="covid"):
        read_table(table, ["covid", "covid"])
    with raises(ConflictingOptionsError, option="--finding", names=["covid", "edema"]):
        read_table(table, ["covid", "edema"], finding="both")
    with raises(ReservedNameError, name="site"):
        read_table(changed(table, site=ROWS["covid"]), "site")
    with raises(EmptyColumnError, columns=["covid"]):
        read_table(changed(table, covid=[""] * 5), "covid", "x")
    with raises(SingleClassError, finding="covid", missing=0):
        read_table(changed(table, covid=["1", "1", "1", "1", "0"]), "covid")


def test_a_table_without_rows_is_an_error(table: Path) -> None:
    table.write_text("path,label,sex,age")
    with raises(NoUsableRowError, file=str(table), rows=0, row=None):
        read_table(table, "label")


def test_invalid_rows_are_rejected_with_a_reason(table: Path) -> None:
    table.write_text(
        "path,label,patient,split\n"
        "a.png,1,p1,train\n"
        "b.png,maybe,p2,\n"
        ",1,p2,\n"
        "c.png,0,,test\n"
        "d.png,0,p3,exam\n"
        "b.png,0,p2,Validation\n"
        "b.png,0,p2,Validation\n"
        "c.png,1,p4\n"
        "gone.png,1,p5,test\n"
        "d.png,,p6,test\n"
    )
    source = read_table(table, "label")
    output = {where.split()[-1]: reason for where, reason in source.rejected}
    assert "column 'label'" in output["3"] and "'maybe'" in output["3"]
    assert "is empty" in output["4"]
    assert "column 'patient'" in output["5"] and "--patient-column none" in output["5"]
    assert "'exam'" in output["6"]
    assert "line 7" in output["8"]
    assert "3 cells, expected 4" in output["9"]
    assert (source.rows, len(output), source.missing, source.unused, len(source.images)) == (10, 6, 1, 1, 2)
    assert source.images["split"].tolist() == ["train", "validation"]


def test_conflicting_rows_are_all_rejected(table: Path) -> None:
    paths = ["a.png", "b.png", "./a.png", "c.png", "d.png"]
    source = read_table(changed(table, path=paths, covid=["1", "0", "0", "1", "0"]), "covid")
    assert [where for where, _ in source.rejected] == ["changed.csv, line 2", "changed.csv, line 4"]
    assert "the file" in source.rejected[0][1] and "another covid ('1' here, '0' there)" in source.rejected[0][1]
    ids = ["i1", "i2", "i1", "i3", "i4"]
    source = read_table(changed(table, image_id=ids, covid=["1", "0", "1", "1", "0"]), "covid")
    assert source.images["image_id"].tolist() == ["i2", "i3"]
    assert "the image 'i1'" in source.rejected[0][1]


def test_a_file_with_two_ids_is_kept_once(table: Path) -> None:
    frame = pd.DataFrame(ROWS).iloc[[0, 1, 1, 2]].assign(image_id=["1", "2", "3", "4"])
    frame.to_csv(table, index=False)
    source = read_table(table, "covid")
    assert source.images["image_id"].tolist() == ["1", "2", "4"]
    assert "line 3" in source.rejected[0][1]


def test_without_patients_groups_are_searched(table: Path) -> None:
    assert not read_table(table, "covid", columns={"patient": "none"}).grouped
    assert not read_table(changed(table, **{"Patient ID": ["", "NA", "", "?", ""]}), "covid").grouped
    only_groups = read_table(
        changed(table, study=list("xxyyz")), "covid", columns={"patient": "none", "group": "study"}
    )
    assert only_groups.grouped and only_groups.images["group_id"].tolist() == list("xxyy")


def test_a_group_never_divides_a_patient(table: Path) -> None:
    # p1 joins x and y; w has an unknown patient and is a group; p3 has no group.
    path = changed(table, group_id=["x", "y", "w", "", "z"], **{"Patient ID": ["p1", "p1", "", "p3", "p4"]})
    groups = read_table(path, "covid").images.set_index("image_id")["group_id"]
    assert groups.tolist() == ["x", "x", "w", "p3"]


def test_an_image_without_a_split_gets_that_of_its_patient(table: Path) -> None:
    source = read_table(changed(table, split=["test", "", "", "training", ""]), "covid")
    assert source.images["split"].fillna("-").tolist() == ["test", "test", "-", "train"]
    assert source.given_split == {"by": "column", "name": "split"}
    # A patient in two splits decides nothing, whichever row is first.
    patients = ["A", "A", "B", "A", "C"]
    for split in (["test", "", "", "training", ""], ["training", "", "", "test", ""]):
        images = read_table(changed(table, split=split, **{"Patient ID": patients}), "covid").images
        assert images.set_index("image_id")["split"].isna().tolist() == [False, True, True, False]


def test_paths_are_relative_to_table_or_root_in_both_notations(table: Path, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ROWS["path"][:4]:
        (tmp_path / name).rename(tmp_path / "deep" / "er" / name)
    with raises(ImagesNotFoundError, images=5, searched=[str(tmp_path / "nowhere" / "a.png")]):
        read_table(table, "covid", root=tmp_path / "nowhere")
    assert len(read_table(table, "covid").images) == 4, "names are unique under the directory of the table"
    assert len(read_table(table, "covid", root=tmp_path / "deep" / "er").images) == 4
    windows = changed(table, path=[f"deep\\er\\{name}" for name in ROWS["path"]])
    assert len(read_table(windows, "covid").images) == 4
    absolute = changed(table, path=[str(tmp_path / "deep" / "er" / name) for name in ROWS["path"]])
    assert len(read_table(absolute, "covid", root=tmp_path / "nowhere").images) == 4


def test_the_command_line_maps_columns(table: Path) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    renamed = ["who" if name == "Patient ID" else name for name in list(ROWS)[1:]]
    pd.DataFrame(ROWS).rename(columns={"path": "where", "Patient ID": "who"}).to_csv(table, index=False, sep=";")
    with raises(MissingColumnError, file=str(table), column="path", columns=["where", *renamed]):
        from_options(parser.parse_args([str(table), "--label", "covid"]), SILENT)
    words = [str(table), "--label", "diagnosis", "--positive", "covid", "--path-column", "where"]
    source = from_options(parser.parse_args([*words, "--patient-column", "Who", "--view-column", "none"]), SILENT)
    assert source.images["patient_id"].tolist() == ["p1", "p1", "p2", "p3"]
    assert "view" not in source.images
    assert source.options["path_column"] == "where" and source.options["positive"] == ["covid"]


@pytest.mark.slow
def test_a_table_of_nih_gives_the_labels_of_the_source_nih(shared_data: Path) -> None:
    from placa.sources.nih import read_nih

    wanted = read_nih(shared_data / "nih-256", "Pneumonia", "rest").images
    source = read_table(
        shared_data / "nih-256" / "Data_Entry_2017_v2020.csv",
        "Finding Labels",
        "Pneumonia",
        "No Finding",
        root=shared_data / "nih-256" / "images",
    )
    merged = source.images.merge(wanted, on="image_id", suffixes=("", "_nih"))
    assert len(merged) == len(source.images) > 400
    for column in ("patient_id", "sex", "age", "view", "path"):
        assert (merged[column] == merged[f"{column}_nih"]).all()
