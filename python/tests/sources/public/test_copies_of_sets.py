"""Copies of public sets as they circulate: other folders, tables, spellings of columns, and resized images."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest
from conftest import draw
from made_public import (
    draw_all,
    make_chexpert,
    make_cohen,
    make_covidx,
    make_kermany,
    make_mimic,
    make_nlm_tb,
    make_openi,
    make_padchest,
    make_rsna,
    make_siim,
    make_tbx11k,
    make_vindr,
)
from raising import raises

from placa.core.errors import UnknownNameError
from placa.sources.chexpert import read_chexpert
from placa.sources.errors import ViewsUnknownError, WrongSourceError
from placa.sources.kermany import read_kermany
from placa.sources.nih import read_nih
from placa.sources.nlm_tb import read_nlm_tb
from placa.sources.openi import read_openi
from placa.sources.siim import read_siim
from placa.sources.stoic import read_stoic
from placa.sources.tbx11k import read_tbx11k
from placa.sources.vindr import read_vindr

COHEN = (
    "patientid,sex,age,finding,view,modality,filename\n2,M,65,COVID-19,PA,X-ray,a.png\n3,F,60,No finding,PA,X-ray,b.png"
)
LISTS = {"train_COVIDx9A.txt": ["P1 a.png positive cohen", "P2 b.png negative rsna"]}


def make_nih(root: Path) -> Path:
    """Make NIH's layout with an empty table."""
    root.mkdir()
    (root / "Data_Entry_2017_v2020.csv").write_text("Image Index\n")
    return root


MADE: dict[str, Callable[[Path], Path]] = {
    "chexpert": make_chexpert,
    "cohen": lambda root: make_cohen(root, COHEN),
    "covidx": lambda root: make_covidx(root, LISTS),
    "kermany": make_kermany,
    "mimic": make_mimic,
    "nih": make_nih,
    "nlm-tb": make_nlm_tb,
    "openi": make_openi,
    "padchest": lambda root: make_padchest(root, ["['pneumonia']", "['normal']"]),
    "rsna": make_rsna,
    "siim": make_siim,
    "tbx11k": make_tbx11k,
    "vindr": make_vindr,
}


@pytest.mark.parametrize("kind", MADE)
def test_each_set_is_recognised_by_the_readers_of_all_others(tmp_path: Path, kind: str) -> None:
    root = MADE[kind](tmp_path / "set")
    for other in MADE:
        # TBX11K contains the images of Shenzhen under their own names.
        if other == kind or (kind, other) == ("tbx11k", "nlm-tb"):
            continue
        name = other.replace("-", "_")
        read = getattr(import_module(f"placa.sources.{name}"), f"read_{name}")
        with raises(WrongSourceError, expected=other, found=[kind]):
            read(root, "Effusion")
    with raises(WrongSourceError, expected="stoic", found=[kind]):
        read_stoic(root)


def test_columns_are_found_in_any_case(tmp_path: Path) -> None:
    root = make_chexpert(tmp_path)
    for path in root.rglob("*.csv"):
        path.write_text(path.read_text().replace("Path,Sex,Age", "path,SEX,age"))
    images = read_chexpert(root, "Effusion").images
    assert images["sex"].notna().all() and images["age"].notna().any()


@pytest.mark.parametrize("outer", ["ChestXRay2017/chest_xray", "ZhangLabData/CellData/chest_xray", "."])
def test_kermany_is_found_in_the_folders_of_its_archives(tmp_path: Path, outer: str) -> None:
    make_kermany(tmp_path / "made")
    (tmp_path / "made" / "chest_xray").rename(tmp_path / "moved")
    target = tmp_path / "copy" / outer
    target.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "moved").rename(target)
    assert read_kermany(tmp_path / "copy", "Pneumonia").images["split"].value_counts()["test"] == 4


def test_kermany_without_folders_of_splits_keeps_one_number_together(tmp_path: Path) -> None:
    names = ["PNEUMONIA/person1_bacteria_1.jpeg", "PNEUMONIA/person1_virus_6.jpeg", "NORMAL/IM-0115-0001.jpeg"]
    draw_all(tmp_path, names)
    source = read_kermany(tmp_path, "Pneumonia")
    assert source.images.set_index("image_id")["patient_id"].nunique() == 2
    assert source.given_split is None


def test_kaggle_copy_of_open_i_has_the_ids_of_the_reports(tmp_path: Path) -> None:
    files = ["1_IM-0001-4001.dcm.png", "1_IM-0001-3001.dcm.png", "2_IM-0652-1001.dcm.png"]
    draw_all(tmp_path, (f"images/images_normalized/{file}" for file in files))
    (tmp_path / "indiana_reports.csv").write_text(
        "uid,MeSH,Problems,findings\n1,normal,normal,none\n2,Cardiomegaly/borderline;Aorta/tortuous,Cardiomegaly,large\n"
        "3,normal,normal,none\n"
    )
    (tmp_path / "indiana_projections.csv").write_text(
        f"uid,filename,projection\n1,{files[0]},Frontal\n1,{files[1]},Lateral\n2,{files[2]},Frontal\n"
    )
    source = read_openi(tmp_path, "Cardiomegaly", views="frontal")
    assert dict(zip(source.images["image_id"], source.images["Cardiomegaly"], strict=True)) == {
        "CXR1_1_IM-0001-4001": 0,
        "CXR2_2_IM-0652-1001": 1,
    }
    assert source.images["patient_id"].tolist() == ["CXR1", "CXR2"]
    (reports,) = [note.values for note in source.notes if note.code == "reports"]
    assert reports == {"reports": 3, "without_images": 1, "normal": 2, "no_automatic_term": 2, "neither": 0}


def test_kaggle_copy_of_the_tuberculosis_sets_has_sex_and_age_in_a_table(tmp_path: Path) -> None:
    draw_all(tmp_path, ["images/images/CHNCXR_0001_0.png", "images/images/CHNCXR_0327_1.png"])
    (tmp_path / "shenzhen_metadata.csv").write_text(
        "study_id,sex,age,findings\nCHNCXR_0001_0.png,Male,45,normal\nCHNCXR_0327_1.png,Female,30,bilateral PTB\n"
    )
    images = read_nlm_tb(tmp_path, "Tuberculosis").images
    assert images["sex"].tolist() == ["M", "F"] and images["age"].tolist() == [45, 30]


def test_kaggle_copy_of_tbx11k_has_one_table(tmp_path: Path) -> None:
    draw_all(tmp_path, (f"images/{name}.png" for name in ("h0001", "s0001", "tb0003", "tb0004")))
    box = "\"{{'xmin': 4.0, 'ymin': {top}, 'width': 8.0, 'height': 2.0}}\""
    (tmp_path / "data.csv").write_text(
        "fname,image_height,image_width,source,bbox,target,tb_type,image_type\n"
        "h0001.png,16,16,train,none,no_tb,none,healthy\ns0001.png,16,16,val,none,no_tb,none,sick_but_no_tb\n"
        f"tb0003.png,16,16,train,{box.format(top=0)},tb,active_tb,tb\n"
        f"tb0003.png,16,16,train,{box.format(top=8)},tb,latent_tb,tb\n"
        f"tb0004.png,16,16,val,{box.format(top=8)},tb,latent_tb,tb\n"
    )
    source = read_tbx11k(tmp_path, ["Tuberculosis", "Active tuberculosis", "Latent tuberculosis"])
    images = source.images.set_index("image_id")
    assert images["Tuberculosis"].tolist() == [0, 0, 1, 1]
    assert images["Active tuberculosis"].tolist() == [0, 0, 1, 0]
    assert images["Latent tuberculosis"].tolist() == [0, 0, 1, 1]
    assert list(images.index) == ["health/h0001.png", "sick/s0001.png", "tb/tb0003.png", "tb/tb0004.png"]
    assert images["split"].fillna("").tolist() == ["", "test", "", "test"]
    assert source.boxes is not None
    assert source.boxes.iloc[1, 2:].tolist() == [0.25, 0.5, 0.5, 0.125]


def test_boxes_of_resized_images_are_not_used_at_the_wrong_place(tmp_path: Path) -> None:
    table = make_vindr(tmp_path) / "train.csv"
    frame = pd.read_csv(table)
    sides = ["x_min", "y_min", "x_max", "y_max"]
    # The boxes refer to 32 pixels, the images have 16: most boxes fit, at half their place.
    frame[sides] *= 2
    frame.to_csv(table, index=False)
    source = read_vindr(tmp_path, "Cardiomegaly", "rest", readers="any")
    assert source.boxes is None
    assert [note.values for note in source.notes if note.code == "images_resized"] == [{"boxes": 5, "outside": 2}]
    frame.assign(width=32, height=32).to_csv(table, index=False)
    source = read_vindr(tmp_path, "Cardiomegaly", "rest", readers="any")
    assert source.boxes is not None
    assert source.boxes.iloc[0].tolist() == ["a", "Cardiomegaly", 0.25, 0.25, 0.5, 0.25]


def test_views_that_no_image_has_are_an_error(tmp_path: Path) -> None:
    with raises(ViewsUnknownError, views=["PA"]):
        read_siim(make_siim(tmp_path / "siim"), "Pneumothorax", views="PA")
    with raises(UnknownNameError, kind="view", name="PA"):
        read_chexpert(make_chexpert(tmp_path / "chexpert"), "Effusion", views="PA")


def test_nih_selects_views_and_reports_the_others(tmp_path: Path) -> None:
    rows = ["Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"]
    for number, view in enumerate(["PA", "AP", "PA", "AP"]):
        draw(tmp_path / "images" / f"0000000{number}_000.png", seed=number, size=(16, 16))
        rows.append(f"0000000{number}_000.png,{'Effusion' if number < 2 else 'No Finding'},0,{number},50,F,{view}")
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text("\n".join(rows) + "\n")
    source = read_nih(tmp_path, "Effusion", views="PA")
    assert source.images["view"].tolist() == ["PA", "PA"] and source.unused == 2
    assert [note.values for note in source.notes if note.code == "views_not_used"] == [{"images": 2}]
