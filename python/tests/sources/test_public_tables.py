"""Tables with the columns of public data sets, and files of other software."""

import gzip
import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from conftest import draw
from raising import raises

from placa.sources.errors import MissingColumnError, TableFormatError, ViewsUnknownError
from placa.sources.table import read_table
from placa.sources.tables import read_text_table

N = 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(N):
        draw(tmp_path / f"{number}.png", seed=number, size=(10, 10))
    return tmp_path


def codes(source: object) -> list[str]:
    return [note.code for note in source.notes]  # type: ignore[attr-defined]


def test_columns_of_chexpert_give_patient_view_and_sex(tmp_path: Path) -> None:
    rows = []
    for number in range(N):
        path = f"train/patient{number // 2:05}/study1/view{number % 2 + 1}.jpg"
        draw(tmp_path / path, seed=number, size=(10, 10))
        lateral = number % 2
        rows.append(
            (
                f"CheXpert-v1.0-small/{path}",
                ["Male", "Female"][number // 2 % 2],
                "Lateral" if lateral else "Frontal",
                "" if lateral else ["AP", "PA"][number // 4],
                ["1.0", "0.0", "-1.0", ""][number // 2],
            )
        )
    columns = ["Path", "Sex", "Frontal/Lateral", "AP/PA", "Edema"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "train.csv", index=False)
    source = read_table(tmp_path / "train.csv", "Edema")
    assert source.images["view"].tolist() == ["AP", "LATERAL", "AP", "LATERAL"]
    assert source.images["sex"].tolist() == ["M", "M", "F", "F"]
    assert "no_patient_column" in codes(source) and not source.grouped
    asked = read_table(tmp_path / "train.csv", "Edema", columns={"patient": "Path"})
    assert asked.images["patient_id"].tolist() == ["patient00000"] * 2 + ["patient00001"] * 2 and asked.grouped


def test_columns_of_padchest_are_read_from_gzip(folder: Path) -> None:
    frame = pd.DataFrame({"ImageID": [f"{i}.png" for i in range(N)], "PatientID": range(N)})
    frame["Projection"] = ["PA", "AP_horizontal"] * 4
    frame["PatientSex_DICOM"] = ["M", "F"] * 4
    frame["Labels"] = ["['pneumonia', 'effusion']", "['normal']"] * 4
    (folder / "t.csv.gz").write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    source = read_table(folder / "t.csv.gz", "Labels", "pneumonia")
    assert source.images["view"].tolist() == ["PA", "AP"] * 4 and source.images["sex"].tolist() == ["M", "F"] * 4
    assert source.images["pneumonia"].tolist() == [1, 0] * 4 and source.images["patient_id"].nunique() == N
    (folder / "t.csv.gz").write_bytes(gzip.compress(b"path,label\n" * 100)[:-9])
    with raises(TableFormatError, format="gzip"):
        read_table(folder / "t.csv.gz", "label")


def test_patients_may_name_files_without_an_ending(folder: Path) -> None:
    # RSNA: one row per box.
    rows = [(str(i // 2), 10 * (i % 2), i // 2 % 2) for i in range(2 * N)]
    pd.DataFrame(rows, columns=["patientId", "x", "Target"]).to_csv(folder / "t.csv", index=False)
    source = read_table(folder / "t.csv", "Target")
    assert len(source.images) == N and source.images["Target"].tolist() == [0, 1] * 4
    assert source.images["patient_id"].nunique() == N and {"rows_joined", "images_found_by_name"} <= set(codes(source))
    pd.DataFrame(rows, columns=["who", "x", "Target"]).to_csv(folder / "t.csv", index=False)
    with raises(MissingColumnError, column="path"):
        read_table(folder / "t.csv", "Target")


def test_spanish_columns_are_recognised(folder: Path) -> None:
    lines = ["archivo;etiqueta;Código paciente;sexo;edad (años);partición"]
    lines += [f"{i}.png;{i % 2};P{i};{'HM'[i % 2]};{40 + i},5;entrenamiento" for i in range(N)]
    (folder / "t.csv").write_text("\n".join(lines))
    images = read_table(folder / "t.csv", "etiqueta").images
    assert images["patient_id"].nunique() == N and images["sex"].tolist() == ["M", "F"] * 4
    assert images["age"].tolist() == [40.5 + i for i in range(N)] and (images["split"] == "train").all()


def test_names_are_found_in_another_unicode_form_and_case(tmp_path: Path) -> None:
    for number in range(N):
        draw(tmp_path / unicodedata.normalize("NFD", f"tórax {number}.png"), seed=number, size=(10, 10))
    names = [unicodedata.normalize("NFC", f"tórax {number}.PNG") for number in range(N)]
    pd.DataFrame({"path": names, "label": [0, 1] * 4}).to_csv(tmp_path / "t.csv", index=False)
    assert len(read_table(tmp_path / "t.csv", "label").images) == N


def test_a_name_that_two_files_have_is_missing(folder: Path) -> None:
    for place in ("a", "b"):
        draw(folder / place / "same.png", size=(10, 10))
    pd.DataFrame({"path": ["0.png", "1.png", "same.png"], "label": [0, 1, 1]}).to_csv(folder / "t.csv", index=False)
    assert read_table(folder / "t.csv", "label").missing == 1


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("sep=;\npath;label\na.png;1\nb.png;0\n", ["path", "label"]),
        ('"path","label"\n"1","a.png",1\n"2","b.png",0\n', ["path", "label"]),
        ("path;label;edad (años, meses, días, horas)\na.png;1;40\nb.png;0;41\n", ["path", "label", None]),
        ('path,label,"a;b;c;d"\na.png,1,1\nb.png,0,1\n', ["path", "label", "a;b;c;d"]),
    ],
)
def test_tables_of_other_software_are_read(tmp_path: Path, text: str, columns: list[str | None]) -> None:
    (tmp_path / "t.csv").write_text(text)
    rows = read_text_table(tmp_path / "t.csv")
    assert list(rows.frame)[:2] == columns[:2] and len(list(rows.frame)) == len(columns)
    assert rows.frame["path"].tolist() == ["a.png", "b.png"] and rows.frame["label"].tolist() == ["1", "0"]
    assert not rows.rejected


def test_a_table_is_restricted_to_views(folder: Path) -> None:
    frame = pd.DataFrame({"path": [f"{i}.png" for i in range(N)], "label": [0, 1] * 4, "patient": range(N)})
    frame.assign(view=["PA", "PA", "AP supine", "lateral"] * 2).to_csv(folder / "t.csv", index=False)
    source = read_table(folder / "t.csv", "label", views="frontal")
    assert source.images["view"].tolist() == ["PA", "PA", "AP"] * 2 and source.unused == 2
    assert source.options["views"] == ["frontal"]
    frame.to_csv(folder / "t.csv", index=False)
    with raises(ViewsUnknownError, views=["PA"]):
        read_table(folder / "t.csv", "label", views="PA")
