"""Images of NIH: selection by finding, facts from the table, and the official split."""

import argparse
import time
from pathlib import Path

import pandas as pd
import pytest
from conftest import draw
from made_nih import ROWS
from raising import raises

from placa.core.errors import UnknownNameError
from placa.core.progress import SILENT
from placa.records.source import compared_with
from placa.sources.errors import (
    ConflictingOptionsError,
    MissingFileError,
    PositiveNegativeOverlapError,
    RepeatedNameError,
)
from placa.sources.nih import add_arguments, from_options, read_nih
from placa.sources.nih.findings import FOURTEEN
from placa.sources.source import Source


def test_labels_and_patient_facts_are_read_from_the_table(nih: Path) -> None:
    source = read_nih(nih, "Mass")
    images = source.images.set_index("image_id")
    assert images["Mass"].to_dict() == {ROWS[0][0]: 1, ROWS[1][0]: 1, ROWS[2][0]: 0, ROWS[4][0]: 0}
    assert images["patient_id"].tolist() == ["1", "1", "2", "4"]
    assert images["age"].tolist() == pytest.approx([58, 58, 0.5, 40])
    assert images["sex"].tolist() == ["M", "M", "F", "F"]
    assert images["view"].tolist() == ["PA", "AP", "PA", "PA"]
    assert all(Path(path).is_file() for path in images["path"])
    assert (source.missing, source.comparison, source.label_source) == (
        1,
        compared_with("No Finding"),
        "NIH ChestX-ray14 v2020",
    )


def test_an_image_with_both_findings_is_positive(nih: Path) -> None:
    images = read_nih(nih, "Mass", "Effusion").images.set_index("image_id")
    assert images["Mass"].to_dict() == {ROWS[0][0]: 1, ROWS[1][0]: 1, ROWS[3][0]: 0}
    assert pd.isna(images.loc[ROWS[3][0], "age"]), "an age of 414 years is invalid"


def test_an_unknown_finding_is_an_error_with_the_most_similar(nih: Path) -> None:
    with raises(UnknownNameError, name="effusio") as caught:
        read_nih(nih, "effusio")
    assert caught.value.values["known"][0] == "Effusion"
    with raises(UnknownNameError, name="mine", known=["auto", "official", "seeded", "temporal"]):
        read_nih(nih, "Mass", split="mine")
    with raises(PositiveNegativeOverlapError, name="Mass"):
        read_nih(nih, "Mass", "Mass")
    with raises(PositiveNegativeOverlapError, name="Mass"):
        read_nih(nih, "any", "Mass")
    with raises(ConflictingOptionsError, option="--positive", names=["all", "Mass"]):
        read_nih(nih, ["all", "Mass"])
    with raises(RepeatedNameError, option="--positive", name="Mass"):
        read_nih(nih, ["Mass", "mass"])


def truths(source: Source) -> dict[str, list[int | None]]:
    """Return the labels of each image in the order of the findings, by its number in `ROWS`."""
    names = [row[0] for row in ROWS]
    table = source.images[source.findings].astype(object).where(source.images[source.findings].notna(), None)
    return {
        names.index(name): values for name, values in zip(source.images["image_id"], table.values.tolist(), strict=True)
    }


@pytest.mark.parametrize(
    ("positive", "negative", "only", "expected"),
    [
        ("Mass", "No Finding", False, {0: [1], 1: [1], 2: [0], 4: [0]}),
        ("Mass", "No Finding", True, {0: [1], 2: [0], 4: [0]}),
        ("Mass", "rest", False, {0: [1], 1: [1], 2: [0], 3: [0], 4: [0]}),
        ("Mass", "rest", True, {0: [1], 2: [0], 3: [0], 4: [0]}),
        ("any", "No Finding", False, {0: [1], 1: [1], 2: [0], 3: [1], 4: [0]}),
        ("any", "rest", True, {0: [1], 2: [0], 3: [1], 4: [0]}),
        (["Mass", "Effusion"], "No Finding", False, {0: [1, None], 1: [1, 1], 2: [0, 0], 3: [None, 1], 4: [0, 0]}),
        (["Mass", "Effusion"], "rest", False, {0: [1, 0], 1: [1, 1], 2: [0, 0], 3: [0, 1], 4: [0, 0]}),
        (["Mass", "Effusion"], "rest", True, {0: [1, 0], 2: [0, 0], 3: [0, 1], 4: [0, 0]}),
    ],
)
def test_positive_and_negative_findings_define_the_labels(
    nih: Path, positive: str | list[str], negative: str, only: bool, expected: dict[int, list[int | None]]
) -> None:
    source = read_nih(nih, positive, negative, only)
    assert truths(source) == expected
    assert source.findings == (["Any Finding"] if positive == "any" else [positive] if positive == "Mass" else positive)
    # One of six rows has no image. Images of neither class are unused.
    assert (source.rows, source.missing, source.unused) == (6, 1, 5 - len(expected))


def test_all_fourteen_findings_are_read(nih: Path) -> None:
    source = read_nih(nih, "all")
    assert source.findings == list(FOURTEEN) and len(FOURTEEN) == 14
    images = source.images.set_index("image_id")
    assert images.loc[ROWS[1][0], ["Mass", "Effusion"]].tolist() == [1, 1]
    assert pd.isna(images.loc[ROWS[1][0], "Hernia"]) and images.loc[ROWS[2][0], "Hernia"] == 0
    assert sum("Hernia" in note for note in source.notes) == 1
    assert not any("Mass" in note for note in source.notes)


def test_images_with_another_suffix_and_files_without_a_row_are_reported(nih: Path) -> None:
    (nih / "images_001" / "images" / ROWS[0][0]).rename(nih / "images_001" / "images" / "00000001_000.JPG")
    draw(nih / "images_001" / "images" / "stranger.png")
    draw(nih / "images_002" / "images" / ROWS[2][0])
    source = read_nih(nih, "Mass")
    assert source.images["path"].str.endswith("00000001_000.JPG").sum() == 1
    assert len(source.images) == 4
    strange, repeated = source.notes[1:]
    assert ": 1" in strange and "stranger.png" in strange
    assert ": 1" in repeated and ROWS[2][0] in repeated


def listed(nih: Path, train_val: list[int], test: list[int]) -> None:
    # As published by NIH, without a newline at the end; or with Windows line ends.
    (nih / "train_val_list.txt").write_bytes("\r\n".join(ROWS[i][0] for i in train_val).encode())
    (nih / "test_list.txt").write_text("\n".join(ROWS[i][0] for i in test))


def test_the_official_lists_define_the_split(nih: Path) -> None:
    listed(nih, [0, 1, 2, 3], [4, 5])
    source = read_nih(nih, "Mass")
    split = source.images.set_index("image_id")["split"]
    assert split["00000004_000.png"] == "test"
    assert split.isna().sum() == 3
    assert source.table is not None
    assert source.table["official"].tolist() == ["train_val"] * 4 + ["test"] * 2
    assert "split" not in read_nih(nih, "Mass", split="seeded").images
    (nih / "test_list.txt").write_text("")
    _, unlisted = read_nih(nih, "Mass").notes
    assert "official list" in unlisted and ": 1" in unlisted
    (nih / "test_list.txt").unlink()
    source = read_nih(nih, "Mass")
    assert "split" not in source.images and any("test_list.txt" in note for note in source.notes)
    with raises(MissingFileError, directory=str(nih), file="test_list.txt", found=["train_val_list.txt"]):
        read_nih(nih, "Mass", split="official")


def test_images_in_both_lists_are_rejected(nih: Path) -> None:
    listed(nih, [2, 4], [0, 4])
    source = read_nih(nih, "Mass", "rest")
    output = dict(source.rejected)
    assert output.keys() == {"Data_Entry_2017_v2020.csv, line 3", "Data_Entry_2017_v2020.csv, line 6"}
    assert "both official lists" in output["Data_Entry_2017_v2020.csv, line 6"]
    assert "patient is in the test list" in output["Data_Entry_2017_v2020.csv, line 3"]
    assert source.images["image_id"].tolist() == [ROWS[0][0], ROWS[2][0], ROWS[3][0]]
    assert source.table is not None and source.table["official"].dropna().tolist() == ["test", "train_val"]


def test_boxes_are_fractions_of_the_image(nih: Path) -> None:
    (nih / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
        "00000001_000.png,Mass,256,512,128,102.4\n"
        "00000003_000.png,Infiltrate,0,0,1024,1024\n"
        "00000003_000.png,Effusion,1000,0,100,10\n"
        "00000003_000.png,Effusion,ten,0,100,10\n"
    )
    source = read_nih(nih, "Mass")
    assert source.boxes is not None
    assert source.boxes.values.tolist() == [
        ["00000001_000.png", "Mass", 0.25, 0.5, 0.125, 0.1],
        ["00000003_000.png", "Infiltration", 0, 0, 1, 1],
    ]
    assert any(": 2" in note and "BBox_List_2017.csv, line 4" in note for note in source.notes)
    (nih / "BBox_List_2017.csv").write_text("")
    source = read_nih(nih, "Mass")
    assert source.boxes is None and any("BBox_List_2017.csv" in note for note in source.notes)


def test_the_command_line_passes_its_options(nih: Path) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = [str(nih), "--positive", "Mass", "Effusion", "--negative", "rest", "--only", "--table", "v2020"]
    source = from_options(parser.parse_args([*words, "--split", "seeded"]), SILENT)
    assert source.options == {
        "root": str(nih),
        "positive": ["Mass", "Effusion"],
        "negative": "rest",
        "only": True,
        "table": "v2020",
        "views": ["all"],
        "split": "seeded",
    }
    assert from_options(parser.parse_args([str(nih), "--positive", "Mass"]), SILENT).options["positive"] == "Mass"


def test_the_full_table_has_the_published_counts(shared_data: Path) -> None:
    source = read_nih(shared_data / "nih-256", "Pneumonia")
    assert len(source.images) == 683
    assert source.images["Pneumonia"].sum() == 356
    # 1,431 images of the 112,120 have pneumonia and 60,361 no finding (Wang et al. 2017).
    assert len(source.images) + source.missing == 1431 + 60361
    assert (source.rows, source.unused, source.rejected) == (112120, 112120 - 1431 - 60361, [])


@pytest.fixture(scope="module")
def full(shared_data: Path) -> Source:
    started = time.process_time()
    source = read_nih(shared_data / "nih", "all")
    assert time.process_time() - started < 6, "112,120 rows and 162 images are to take seconds"
    assert (source.rows, source.missing, source.unused) == (112120, 112120 - len(source.images), 0)
    return source


def test_the_official_split_has_different_prevalences(full: Source) -> None:
    assert full.table is not None and full.images["split"].eq("test").any()
    parts = full.table.groupby("official")
    assert parts.size().to_dict() == {"test": 25596, "train_val": 86524}
    assert parts["Pneumothorax"].mean().round(4).to_dict() == {"test": 0.1041, "train_val": 0.0305}
    ap = full.table["view"].eq("AP").groupby(full.table["official"]).mean()
    assert ap.round(2).to_dict() == {"test": 0.57, "train_val": 0.35}
    each = parts.size() / parts["patient_id"].nunique()
    assert each.round(1).to_dict() == {"test": 9.2, "train_val": 3.1}
    assert full.table.groupby("patient_id")["official"].nunique().max() == 1


def test_half_of_the_pneumothorax_labels_are_confirmed_by_radiologists(full: Source) -> None:
    assert full.other_labels is not None and full.table is not None
    test = full.other_labels[full.other_labels["subset"] == "test"]
    assert test["image_id"].nunique() == 1962
    counts = {}
    for finding in ("Pneumothorax", "Nodule or mass"):
        pairs = test[test["finding"] == finding].merge(full.table[["image_id", finding]], on="image_id")
        both = (pairs[finding] == 1) & (pairs["truth"] == 1)
        counts[finding] = (len(pairs), int(pairs[finding].sum()), int(both.sum()), int(pairs["truth"].sum()))
    assert counts["Pneumothorax"] == (1962, 200, 97, 195)
    assert counts["Nodule or mass"] == (1962, 237, 134, 295)
    assert set(test["finding"]) == {"Pneumothorax", "Nodule or mass", "Airspace opacity", "Fracture"}


def test_all_lesion_boxes_are_inside_their_images(full: Source) -> None:
    assert full.boxes is not None and full.table is not None
    assert len(full.boxes) == 984
    assert full.boxes["finding"].value_counts()["Infiltration"] == 123
    assert set(full.boxes["image_id"]) <= set(full.table["image_id"])
