"""Tables of NIH: edited, damaged, of other editions, or missing."""

import gzip
from pathlib import Path

import pandas as pd
import pytest
from made_nih import HEADER, ROWS
from raising import raises

from placa.core.errors import PlacaError
from placa.sources.errors import (
    EmptyTableError,
    ImagesNotFoundError,
    MissingColumnError,
    MissingDirectoryError,
    MissingFileError,
    NoUsableRowError,
    SingleClassError,
    TableFormatError,
    TableHeaderError,
)
from placa.sources.nih import read_nih
from placa.sources.nih.tables import read_entries


def test_a_missing_column_is_an_error(nih: Path) -> None:
    table = nih / "Data_Entry_2017_v2020.csv"
    table.write_text(table.read_text().replace("Patient ID", "Patient"))
    with raises(MissingColumnError, file=str(table), column="Patient ID"):
        read_nih(nih, "Mass")
    table.write_text(table.read_text().replace("Patient Gender", "G").replace("Patient,", "Patient ID,"))
    with raises(MissingColumnError, file=str(table), accepted=["Patient Gender", "Patient Sex"]):
        read_nih(nih, "Mass")


def mangled(nih: Path, *changes: tuple[str, str], more: str = "", encoding: str = "utf-8") -> None:
    table = nih / "Data_Entry_2017_v2020.csv"
    text = table.read_text() + more
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    table.write_bytes(text.encode(encoding))


def row(*cells: str) -> str:
    return ",".join([cells[0], cells[1], "0", *cells[2:], "2500", "2048", "0.17", "0.17"]) + "\n"


def test_an_image_with_equal_duplicate_rows_is_kept_once(nih: Path) -> None:
    mangled(nih, more=row(*ROWS[0]))
    source = read_nih(nih, "Mass")
    assert len(source.images) == 4
    assert source.rejected[0][0] == "Data_Entry_2017_v2020.csv, line 8"
    assert "line 2" in source.rejected[0][1]


def test_duplicate_rows_that_differ_only_in_case_do_not_conflict(nih: Path) -> None:
    mangled(nih, more=row("00000001_001.PNG", "effusion|Mass", "001", "058Y", "M", "AP"))
    source = read_nih(nih, "Mass")
    assert "line 3" in source.rejected[0][1]
    assert source.images["path"].is_unique and len(source.images) == 4


def test_tables_without_rows_are_accepted(nih: Path) -> None:
    (nih / "BBox_List_2017.csv").write_text("Image Index,Finding Label,Bbox [x,y,w,h],,,\n")
    (nih / "adjudicated_labels_google2019.csv").write_text("Image Index,Patient ID,Pneumothorax,Set Id\n")
    source = read_nih(nih, "Mass")
    assert source.boxes is not None and source.other_labels is not None
    assert (len(source.boxes), len(source.other_labels), len(source.notes)) == (0, 0, 1)
    (nih / "Data_Entry_2017_v2020.csv").write_text(HEADER)
    with raises(NoUsableRowError, file=str(nih / "Data_Entry_2017_v2020.csv"), rows=0, row=None):
        read_nih(nih, "Mass")


def test_unreadable_adjudicated_labels_are_reported(nih: Path) -> None:
    (nih / "adjudicated_labels_google2019.csv").write_text(
        "Image Index,Patient ID,Pneumothorax,Nodule or mass,Set Id\r\n"
        "00000001_000.png,1,YES,no,test\r\n00000002_000.png,2,maybe,YES,\r\n00000003_000.png,3"
    )
    source = read_nih(nih, "Mass")
    assert source.other_labels is not None
    message = source.other_labels[["image_id", "finding", "subset", "truth"]].fillna("-").astype(str).values.tolist()
    assert message == [
        ["00000001_000.png", "Pneumothorax", "test", "1"],
        ["00000001_000.png", "Nodule or mass", "test", "0"],
        ["00000002_000.png", "Nodule or mass", "-", "1"],
    ]
    version, note = source.notes
    assert version.code == "nih_table_v2020"
    assert "adjudicated_labels_google2019.csv" in note and "rows 1" in note and "labels 1" in note


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("Patient ID", (ROWS[0][0], "Mass", "9", "58", "M", "PA")),
        ("Finding Labels", (ROWS[0][0], "No Finding", "1", "58", "M", "PA")),
        ("View Position", (ROWS[0][0], "Mass", "1", "58", "M", "AP")),
    ],
)
def test_conflicting_rows_are_all_rejected(nih: Path, column: str, cells: tuple[str, ...]) -> None:
    mangled(nih, more=row(*cells))
    source = read_nih(nih, "Mass")
    assert ROWS[0][0] not in set(source.images["image_id"])
    assert [where for where, _ in source.rejected] == [f"Data_Entry_2017_v2020.csv, line {line}" for line in (2, 8)]
    assert all(f"with another {column}" in reason for _, reason in source.rejected)
    assert source.table is not None and ROWS[0][0] not in set(source.table["image_id"])


def test_invalid_rows_are_rejected_with_a_reason(nih: Path) -> None:
    bad = [
        (("a.png", "", "7", "1", "F", "PA"), "has no label"),
        (("b.png", "Pnuemonia", "7", "1", "F", "PA"), "'Pnuemonia' is not one of the fifteen"),
        (("c.png", "Mass|No Finding", "7", "1", "F", "PA"), "contradict each other"),
        (("d.png", "Mass", "", "1", "F", "PA"), "has no patient"),
        (("", "Mass", "7", "1", "F", "PA"), "has no image index"),
    ]
    mangled(nih, more="".join(row(*cells) for cells, _ in bad) + "e.png,Mass\n")
    source = read_nih(nih, "Mass")
    reasons = dict(source.rejected)
    for line, (_, reason) in enumerate(bad, 8):
        assert reason in reasons[f"Data_Entry_2017_v2020.csv, line {line}"]
    assert "2 cells, expected 11" in reasons["Data_Entry_2017_v2020.csv, line 13"]
    assert (len(source.images), source.rows, len(reasons)) == (4, 12, 6)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_saved_by_another_program_is_read_equally(nih: Path, encoding: str, separator: str) -> None:
    wanted = read_nih(nih, "Mass").images
    table = nih / "Data_Entry_2017_v2020.csv"
    # As spreadsheets save tables: other separator, Windows line ends, patient 1.0, spaces, no newline at the end.
    text = table.read_text().replace(",", f" {separator}").replace("\n", "\r\n").rstrip()
    for old, new in (("PA", " pa "), ("Mass|Effusion", "mass | Effusion"), (f"{separator}4 ", f"{separator}004.0 ")):
        assert old in text
        text = text.replace(old, new)
    table.write_bytes(text.encode(encoding))
    pd.testing.assert_frame_equal(read_nih(nih, "Mass").images, wanted)


def test_invalid_ages_sexes_and_views_are_reported_and_their_images_kept(nih: Path) -> None:
    mangled(nih, ("058Y,M,AP", "558,?,LL"), ("006M,F", "006M,X"))
    source = read_nih(nih, "Mass")
    assert len(source.images) == 4
    remarks = source.notes[1:]
    notes = " ".join(remarks)
    assert len(remarks) == 3 and all(": 1" in note for note in remarks), (
        "a question mark is an unknown sex, not an invalid one"
    )
    assert "'558'" in notes and "'X'" in notes and "'LATERAL'" in notes


def test_the_newer_table_is_used_unless_the_older_is_selected(nih: Path) -> None:
    new = nih / "Data_Entry_2017_v2020.csv"
    # Every line of the first table of NIH ends with a comma.
    old = new.read_text().replace("Mass|Effusion", "Effusion").replace("\n", ",\n")
    (nih / "Data_Entry_2017.csv").write_text(old)
    (nih / "Data_Entry_2017 (1).csv").write_text("a copy that must not be taken")
    assert read_nih(nih, "Mass").images["Mass"].sum() == 2
    source = read_nih(nih, "Mass", table="v2017")
    assert (source.images["Mass"].sum(), source.label_source) == (1, "NIH ChestX-ray14 v2017")
    new.unlink()
    assert read_nih(nih, "Mass").label_source == "NIH ChestX-ray14 v2017"
    found = ["Data_Entry_2017.csv", "Data_Entry_2017 (1).csv"]
    with raises(MissingFileError, directory=str(nih), file="Data_Entry_2017_v2020.csv", found=found):
        read_nih(nih, "Mass", table="v2020")


@pytest.mark.parametrize(
    ("content", "error"),
    [("", EmptyTableError), ("\x00\x01\x02", TableFormatError), ('"open quote\n' * 3, TableHeaderError)],
)
def test_a_file_that_is_not_a_table_is_an_error(nih: Path, content: str, error: type[PlacaError]) -> None:
    (nih / "Data_Entry_2017_v2020.csv").write_text(content)
    with raises(error, file=str(nih / "Data_Entry_2017_v2020.csv")):
        read_nih(nih, "Mass")


def test_a_missing_table_or_directory_is_an_error(nih: Path, tmp_path: Path) -> None:
    for name in (ROWS[0][0], ROWS[1][0]):
        next(nih.rglob(name)).unlink()
    with raises(SingleClassError, finding="Mass", missing=1):
        read_nih(nih, "Mass")
    for image in nih.rglob("*.png"):
        image.unlink()
    folders = [str(folder) for folder in sorted(nih.glob("images_*/images")) + sorted(nih.glob("images_*"))]
    with raises(ImagesNotFoundError, images=5, searched=folders):
        read_nih(nih, "Mass")
    (tmp_path / "void").mkdir()
    with raises(MissingFileError, directory=str(tmp_path / "void"), file="Data_Entry_2017*.csv", found=[]):
        read_nih(tmp_path / "void", "Mass")
    with raises(MissingDirectoryError, directory=str(tmp_path / "nowhere")):
        read_nih(tmp_path / "nowhere", "Mass")
    (nih / "Data_Entry_2017_v2020.csv").write_text(HEADER + row("a.png", "Cough", "1", "1", "F", "PA"))
    with raises(NoUsableRowError, rows=1, row="Data_Entry_2017_v2020.csv, line 2") as caught:
        read_nih(nih, "Mass")
    assert "'Cough'" in caught.value.values["reason"]


def test_a_link_stored_as_a_text_file_is_followed(nih: Path) -> None:
    table = nih / "Data_Entry_2017_v2020.csv"
    (nih.parent / "elsewhere").mkdir()
    table.rename(nih.parent / "elsewhere" / table.name)
    table.write_text(f"../elsewhere/{table.name}")
    assert len(read_nih(nih, "Mass").images) == 4


def test_the_current_edition_of_nih_is_read(tmp_path: Path) -> None:
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Sex,View Position\n"
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text(header + "00000001_000.png,Mass,0,1,57,F,PA\n")
    assert read_entries(tmp_path / "Data_Entry_2017_v2020.csv").table["sex"].tolist() == ["F"]


def test_compressed_tables_and_a_table_elsewhere_are_read(nih: Path, tmp_path: Path) -> None:
    plain = read_nih(nih, "Mass")
    elsewhere = tmp_path / "tables"
    elsewhere.mkdir()
    for table in nih.glob("*.csv"):
        (elsewhere / f"{table.name}.gz").write_bytes(gzip.compress(table.read_bytes()))
        table.unlink()
    found = read_nih(nih, "Mass", table=str(elsewhere / "Data_Entry_2017_v2020.csv.gz"))
    pd.testing.assert_frame_equal(found.images, plain.images)
    assert found.options["table"] == "v2020"
    with raises(MissingFileError, file="Data_Entry_2017*.csv"):
        read_nih(nih, "Mass")


def test_the_follow_up_number_of_the_table_is_carried(nih: Path) -> None:
    acquisition = read_nih(nih, "Mass").acquisition
    table = pd.read_csv(nih / "Data_Entry_2017_v2020.csv").set_index("Image Index")
    assert acquisition is not None
    expected = table.loc[acquisition["image_id"], "Follow-up #"].tolist()
    assert acquisition["follow_up"].tolist() == expected


def test_views_are_selected(nih: Path) -> None:
    everything = read_nih(nih, "Mass").images
    assert set(read_nih(nih, "Mass", views="PA").images["view"]) == {"PA"} < set(everything["view"])


@pytest.mark.parametrize(("label", "version"), [("Mass", "v2020"), ("Effusion", "v2017")])
def test_the_labels_of_boxed_images_show_the_version_of_a_renamed_table(nih: Path, label: str, version: str) -> None:
    table = nih / "Data_Entry_2017_v2020.csv"
    first = table.read_text().splitlines()[1]
    patient = "77"
    names = [f"{patient}_{number:03}.png" for number in range(120)]
    rows = [",".join([name, "Mass", str(number), patient, *first.split(",")[4:]]) for number, name in enumerate(names)]
    rows[5] = rows[5].replace(",Mass,", f",{label},")
    text = table.read_text() + "\n".join(rows) + "\n"
    table.unlink()
    other = "Data_Entry_2017.csv" if version == "v2020" else "Data_Entry_2017_v2020.csv"
    (nih / other).write_text(text)
    boxes = "".join(f"{name},Mass,10,10,20,20\n" for name in names)
    (nih / "BBox_List_2017.csv").write_text(f"Image Index,Finding Label,Bbox [x,y,w,h],,,\n{boxes}")
    source = read_nih(nih, "Mass")
    assert source.label_source == f"NIH ChestX-ray14 {version}" and source.options["table"] == version
    renamed = [note.values for note in source.notes if note.code == "nih_table_renamed"]
    assert renamed == [{"file": other, "version": version}]
