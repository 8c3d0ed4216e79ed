from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from raising import raises

from placa.core.errors import PathNotFoundError, PlacaError, UnknownNameError, WrongFileTypeError
from placa.sources.errors import (
    EmptyTableError,
    MissingColumnError,
    RepeatedColumnError,
    TableFormatError,
    TableHeaderError,
)
from placa.sources.tables import read_list, read_text_table
from placa.sources.tables.cells import find_column, read_ages, read_sexes, read_views
from placa.sources.tables.duplicates import reject_duplicates

TEXT = "path,label,Patient Name\na.png,1,José\nb.png,0,Ana\n"


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_separators_and_line_ends_give_the_same_table(
    tmp_path: Path, encoding: str, separator: str, end: str
) -> None:
    text = TEXT.replace(",", f" {separator} ").replace("\n", end).rstrip()
    rows = read_text_table(written(tmp_path / "t.csv", text, encoding), ["path"])
    assert rows.frame.to_dict("list") == {
        "path": ["a.png", "b.png"],
        "label": ["1", "0"],
        "Patient Name": ["José", "Ana"],
    }
    assert (rows.location(1), len(rows), rows.rejected) == ("t.csv, line 3", 2, [])
    assert bool(rows.notes) == (encoding == "cp1252")


def test_a_comma_in_a_header_does_not_hide_a_semicolon_separator(tmp_path: Path) -> None:
    rows = read_text_table(written(tmp_path / "t.csv", "size[w,h];spacing[x,y,z];path\n1;2;a.png\n"), ["path"])
    assert list(rows.frame) == ["size[w,h]", "spacing[x,y,z]", "path"]


def test_rows_with_another_number_of_cells_are_rejected_and_counted(tmp_path: Path) -> None:
    text = 'path,label,note\na.png,1,"two\nlines"\nb.png,0\n\n , ,\nc.png,1,x,y\nd.png,1,z,,\n"e"f.png,1,z\ng.png,0,z'
    rows = read_text_table(written(tmp_path / "t.csv", text))
    assert rows.frame["path"].tolist() == ["a.png", "d.png", "g.png"]
    assert rows.frame["note"].tolist() == ["two\nlines", "z", "z"]
    assert [where for where, _ in rows.rejected] == ["t.csv, line 4", "t.csv, line 7", "t.csv, line 9"]
    assert "2 cells, expected 3" in rows.rejected[0][1]
    assert "quotation mark" in rows.rejected[2][1]
    assert (len(rows), rows.location(2)) == (6, "t.csv, line 10")


def test_an_open_quotation_mark_rejects_only_one_row(tmp_path: Path) -> None:
    body = "".join(("" if i % 50 else '"') + f"{i}.png,1\n" for i in range(1, 120))
    rows = read_text_table(written(tmp_path / "t.csv", "path,label\n" + body))
    assert [where for where, _ in rows.rejected] == ["t.csv, line 51", "t.csv, line 101"]
    assert "quotation mark" in rows.rejected[0][1]
    assert rows.frame["path"].tolist() == [f"{i}.png" for i in range(1, 120) if i % 50]


def test_columns_without_a_name_are_not_read(tmp_path: Path) -> None:
    # The box list of NIH has more commas in its header than in its rows; lines of its first table end with a comma.
    rows = read_text_table(written(tmp_path / "t.csv", "path,box [x,y],,,\na.png,1,2\nb.png,1,2,,,\n"))
    assert rows.frame.values.tolist() == [["a.png", "1", "2"], ["b.png", "1", "2"]]
    assert not rows.rejected


@pytest.mark.parametrize(
    ("content", "error", "values"),
    [
        (b"", EmptyTableError, {}),
        (b" \r\n\n", EmptyTableError, {}),
        (b"\xef\xbb\xbf", EmptyTableError, {}),
        (b"\x00\x01\x02", TableFormatError, {"format": "binary"}),
        (b"path,label\na\x00.png,1\n", TableFormatError, {"format": "binary"}),
        (b"PK\x03\x04\x00\x00", TableFormatError, {"format": "archive"}),
        (b"PAR1 and no more", TableFormatError, {"format": "parquet"}),
        (b'\npath,"label\na.png,1\n', TableHeaderError, {"line": 2}),
        (b"path,label,label\na.png,1,0\n", RepeatedColumnError, {"column": "label"}),
        (b"label,view\n1,PA\n", MissingColumnError, {"column": "path", "columns": ["label", "view"]}),
    ],
)
def test_a_file_that_is_not_a_table_is_an_error(
    tmp_path: Path, content: bytes, error: type[PlacaError], values: dict[str, Any]
) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with raises(error, file=str(tmp_path / "t.csv"), **values):
        read_text_table(tmp_path / "t.csv", ["path"])


def test_a_missing_file_and_a_directory_are_errors(tmp_path: Path) -> None:
    with raises(PathNotFoundError, path=str(tmp_path / "t.csv")):
        read_text_table(tmp_path / "t.csv")
    with raises(WrongFileTypeError, path=str(tmp_path)):
        read_list(tmp_path)


def test_a_table_may_have_no_rows(tmp_path: Path) -> None:
    rows = read_text_table(written(tmp_path / "t.csv", "path,label"), ["path", "label"])
    assert (len(rows), list(rows.frame)) == (0, ["path", "label"])


def test_a_nul_in_parquet_is_an_error(tmp_path: Path) -> None:
    for table in ({"path": ["a\0.png"]}, {"pa\0th": ["a.png"]}):
        pd.DataFrame(table).to_parquet(tmp_path / "t.parquet")
        with raises(TableFormatError, file=str(tmp_path / "t.parquet"), format="binary"):
            read_text_table(tmp_path / "t.parquet")


def test_parquet_gives_the_same_text_as_csv(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "path": ["a.png", " b.png ", "c.png"],
            "patient": [7, 8, 9],
            "label": [1.0, 0.0, None],
            "seen": [True, False, None],
            "sex": pd.Categorical(["F", "M", "F"]),
            "pixels": [[1, 2], [3], []],
        }
    )
    # The format is detected from the first bytes, not from the name.
    table.to_parquet(tmp_path / "t.csv")
    rows = read_text_table(tmp_path / "t.csv", ["path"])
    assert rows.frame["path"].tolist() == ["a.png", "b.png", "c.png"]
    assert rows.frame["patient"].tolist() == ["7", "8", "9"]
    assert rows.frame["label"].tolist() == ["1", "0", ""]
    assert rows.frame["seen"].tolist() == ["true", "false", ""]
    assert rows.frame["sex"].tolist() == ["F", "M", "F"]
    assert "pixels" not in rows.frame and "'pixels'" in rows.notes[0] and "list" in rows.notes[0]
    assert rows.location(2) == "t.csv, row 3"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_lists_of_any_encoding_and_line_end_are_equal(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "list.txt", '1.png\r\n  2.png \r\n\r\n"Muñoz.png"', encoding)
    assert read_list(path) == ["1.png", "2.png", "Muñoz.png"]


def test_a_link_stored_as_a_text_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    written(tmp_path / "there" / "t.csv", TEXT)
    written(tmp_path / "t.csv", "there/t.csv")
    assert len(read_text_table(tmp_path / "t.csv", ["path"])) == 2


def test_equal_duplicates_are_kept_once_and_conflicting_ones_rejected(tmp_path: Path) -> None:
    text = "id,patient,label\na,1,x\nb,2,x\na,1,x\nc,3,x\nc,3,x\nc,4,x\nd,5,x\na,1,x\n"
    rows = read_text_table(written(tmp_path / "t.csv", text))
    keep, rejected = reject_duplicates(rows, rows.frame["id"], rows.frame[["patient", "label"]])
    assert keep.tolist() == [True, True, False, False, False, False, True, False]
    output = dict(rejected)
    assert "line 2" in output["t.csv, line 4"]
    assert "line 7 with another patient ('3' here, '4' there)" in output["t.csv, line 6"]
    assert "line 5 with another patient ('4' here, '3' there)" in output["t.csv, line 7"]


def test_ages_of_all_formats_are_parsed_and_impossible_ones_are_missing() -> None:
    text = pd.Series(["58", "058Y", "006M", "26w", "365D", "58.5", "414", "-3", "old", "", "unknown", "122", "0"])
    notes: list[str] = []
    ages = read_ages(text, notes)
    assert ages.iloc[:6].tolist() == pytest.approx([58, 58, 0.5, 0.4983, 0.9993, 58.5], abs=1e-4)
    assert ages.iloc[6:11].isna().all()
    assert ages.iloc[11:].tolist() == [122, 0]
    [note] = notes
    assert note.code == "ages_invalid" and note.values == {"images": 3, "first": "-3"}


def test_sexes_and_views_are_parsed_in_both_languages() -> None:
    notes: list[str] = []
    assert read_sexes(pd.Series(["F", "male", "Mujer", "?s", ""]), notes).tolist()[:3] == ["F", "M", "F"]
    [note] = notes
    assert note.values == {"images": 1, "first": "?s"}
    assert read_sexes(pd.Series(["H", "M"]), notes).tolist() == ["M", "F"]
    assert read_sexes(pd.Series(["F", "M"]), notes).tolist() == ["F", "M"]
    assert read_views(pd.Series(["pa", "AP", "unknown"])).fillna("-").tolist() == ["PA", "AP", "-"]


def test_columns_are_found_by_their_usual_names(tmp_path: Path) -> None:
    rows = read_text_table(written(tmp_path / "t.csv", "Patient ID,image-path\n1,a.png\n"))
    assert find_column(rows, None, ("path", "image_path")) == "image-path"
    assert find_column(rows, "patientid", ()) == "Patient ID"
    assert find_column(rows, "none", ("image_path",)) is None
    with raises(UnknownNameError, name="patent_id", known=["Patient ID", "image-path"]):
        find_column(rows, "patent_id", ())


def test_one_damaged_letter_does_not_change_the_encoding_of_the_table(tmp_path: Path) -> None:
    rows = "".join(f"{n}.png,José Núñez {n}\n" for n in range(20)).encode()
    (tmp_path / "t.csv").write_bytes(b"path,name\n" + rows.replace("é".encode(), b"\xc3", 1))
    table = read_text_table(tmp_path / "t.csv")
    assert [note.code for note in table.notes] == ["letters_damaged"]
    assert table.frame["name"][1] == "José Núñez 1" and "\ufffd" in table.frame["name"][0]


def test_a_cell_that_is_too_long_is_not_a_quotation_mark(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"path,label\na.png,1\nb.png,{'x' * 1_000_000}\nc.png,0\n")
    table = read_text_table(tmp_path / "t.csv")
    assert table.frame["path"].tolist() == ["a.png", "c.png"]
    assert len(table.rejected) == 1 and "131,072 characters" in table.rejected[0][1]
