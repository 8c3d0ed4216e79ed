from pathlib import Path

import pandas as pd
import pytest
from conftest import draw

from placa.errors import PlacaError
from placa.sources.nih import read_nih

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n"
)
ROWS = [
    ("00000001_000.png", "Mass", "1", "58", "M", "PA"),
    ("00000001_001.png", "Mass|Effusion", "1", "058Y", "M", "AP"),
    ("00000002_000.png", "No Finding", "2", "006M", "F", "PA"),
    ("00000003_000.png", "Effusion", "3", "414", "F", "PA"),
    ("00000004_000.png", "No Finding", "4", "40", "F", "PA"),
    ("00000005_000.png", "No Finding", "5", "70", "M", "AP"),
]


@pytest.fixture
def nih(tmp_path: Path) -> Path:
    """NIH's layout in small: a table, two image folders, one image that is not there."""
    root = tmp_path / "nih"
    root.mkdir()
    lines = [
        f"{name},{labels},0,{patient},{age},{sex},{view},2500,2048,0.17,0.17"
        for name, labels, patient, age, sex, view in ROWS
    ]
    (root / "Data_Entry_2017_v2020.csv").write_text(HEADER + "\n".join(lines) + "\n")
    for i, row in enumerate(ROWS[:-1]):
        draw(root / f"images_00{1 + i % 2}" / "images" / row[0], seed=i)
    return root


def test_labels_patients_and_what_the_table_knows(nih: Path) -> None:
    source = read_nih(nih, "Mass")
    images = source.images.set_index("image_id")
    assert images["Mass"].to_dict() == {ROWS[0][0]: 1, ROWS[1][0]: 1, ROWS[2][0]: 0, ROWS[4][0]: 0}
    assert images["patient_id"].tolist() == ["1", "1", "2", "4"]
    assert images["age"].tolist() == pytest.approx([58, 58, 0.5, 40])
    assert images["sex"].tolist() == ["M", "M", "F", "F"]
    assert images["view"].tolist() == ["PA", "AP", "PA", "PA"]
    assert all(Path(path).is_file() for path in images["path"])
    assert (source.missing, source.comparison, source.label_source) == (1, "No Finding", "NIH ChestX-ray14 v2020")


def test_an_image_with_both_findings_is_positive(nih: Path) -> None:
    images = read_nih(nih, "Mass", "Effusion").images.set_index("image_id")
    assert images["Mass"].to_dict() == {ROWS[0][0]: 1, ROWS[1][0]: 1, ROWS[3][0]: 0}
    assert pd.isna(images.loc[ROWS[3][0], "age"]), "nobody is 414 years old"


def test_an_unknown_finding_is_answered_with_the_nearest(nih: Path) -> None:
    with pytest.raises(PlacaError, match=r"no finding 'effusio'; .*nearest first: Effusion, "):
        read_nih(nih, "effusio")
    with pytest.raises(PlacaError, match="two different findings"):
        read_nih(nih, "Mass", "Mass")


def test_a_missing_column_is_named(nih: Path) -> None:
    table = nih / "Data_Entry_2017_v2020.csv"
    table.write_text(table.read_text().replace("Patient ID", "Patient"))
    with pytest.raises(PlacaError, match="lacks the column 'Patient ID'"):
        read_nih(nih, "Mass")


def test_an_image_named_twice_is_refused(nih: Path) -> None:
    table = nih / "Data_Entry_2017_v2020.csv"
    table.write_text(table.read_text() + table.read_text().splitlines()[1] + "\n")
    with pytest.raises(PlacaError, match="more than once"):
        read_nih(nih, "Mass")


@pytest.mark.parametrize("content", ["", "\x00\x01\x02", '"open quote\n' * 3])
def test_what_is_no_table_is_refused(nih: Path, content: str) -> None:
    (nih / "Data_Entry_2017_v2020.csv").write_text(content)
    with pytest.raises(PlacaError, match=r"Data_Entry_2017_v2020\.csv"):
        read_nih(nih, "Mass")


def test_no_table_no_images_no_directory(nih: Path, tmp_path: Path) -> None:
    for image in nih.rglob("*.png"):
        image.unlink()
    with pytest.raises(PlacaError, match="None of the 5 images with Mass or No Finding"):
        read_nih(nih, "Mass")
    (tmp_path / "void").mkdir()
    with pytest.raises(PlacaError, match="no Data_Entry_2017"):
        read_nih(tmp_path / "void", "Mass")
    with pytest.raises(PlacaError, match="not a directory"):
        read_nih(tmp_path / "nowhere", "Mass")


def test_a_link_that_came_as_a_text_file_is_followed(nih: Path) -> None:
    table = nih / "Data_Entry_2017_v2020.csv"
    (nih.parent / "elsewhere").mkdir()
    table.rename(nih.parent / "elsewhere" / table.name)
    table.write_text(f"../elsewhere/{table.name}")
    assert len(read_nih(nih, "Mass").images) == 4


def test_official_lists_are_kept_to(nih: Path) -> None:
    # As NIH hands them out: no newline at the end; or, from Windows, carriage returns.
    (nih / "train_val_list.txt").write_text("00000001_000.png\r\n00000001_001.png\r\n00000002_000.png")
    (nih / "test_list.txt").write_text("00000004_000.png")
    source = read_nih(nih, "Mass")
    split = source.images.set_index("image_id")["split"]
    assert split["00000004_000.png"] == "test"
    assert split.isna().sum() == 3
    (nih / "test_list.txt").write_text("")
    assert any("neither official list" in note for note in read_nih(nih, "Mass").notes)


def test_the_full_table_has_the_counts_that_nih_published(shared_data: Path) -> None:
    source = read_nih(shared_data / "nih-256", "Pneumonia")
    assert len(source.images) == 683
    assert source.images["Pneumonia"].sum() == 356
    # 1,431 images of the 112,120 have pneumonia and 60,361 no finding (Wang et al. 2017).
    assert len(source.images) + source.missing == 1431 + 60361
