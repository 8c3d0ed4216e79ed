"""Each public set, from a small copy in its true layout; the complete tables are in test_real_tables.py."""

from pathlib import Path

import pandas as pd
import pytest
from made_public import (
    make_chexpert,
    make_kermany,
    make_padchest,
    make_rsna,
    make_siim,
    make_vindr,
)
from raising import raises

from placa.core.errors import UnknownNameError
from placa.records.source import REST, compared_with
from placa.sources.chexpert import read_chexpert
from placa.sources.errors import ConflictingOptionsError, MissingFileError, UncleanMappingError, WrongSourceError
from placa.sources.kermany import read_kermany
from placa.sources.padchest import read_padchest
from placa.sources.rsna import read_rsna
from placa.sources.siim import mask_box, read_siim
from placa.sources.source import Source
from placa.sources.vindr import read_vindr


def note(source: Source, code: str) -> dict[str, object]:
    (found,) = [remark.values for remark in source.notes if remark.code == code]
    return dict(found)


def truth(source: Source, finding: str) -> dict[str, int]:
    return dict(zip(source.images["image_id"], source.images[finding].astype(int), strict=True))


def test_chexpert_policies_decide_about_uncertain_and_blank_labels(tmp_path: Path) -> None:
    root = make_chexpert(tmp_path)
    counts = {}
    for uncertain in ("negative", "positive", "unknown", "drop"):
        for blank in ("negative", "unknown"):
            source = read_chexpert(root, "Effusion", uncertain=uncertain, blank=blank)
            counts[uncertain, blank] = source.images["Effusion"].value_counts().reindex([1, 0]).tolist()
    # Each label has three patients in training and one in validation; frontal images only.
    assert counts == {
        ("negative", "negative"): [4, 12],
        ("negative", "unknown"): [4, 8],
        ("positive", "negative"): [8, 8],
        ("positive", "unknown"): [8, 4],
        ("unknown", "negative"): [4, 8],
        ("unknown", "unknown"): [4, 4],
        ("drop", "negative"): [4, 8],
        ("drop", "unknown"): [4, 4],
    }


def test_chexpert_has_patients_studies_views_and_a_split(tmp_path: Path) -> None:
    source = read_chexpert(make_chexpert(tmp_path), "Pleural Effusion", views="all")
    assert source.findings == ["Effusion"]
    assert source.comparison == REST
    assert source.grouped
    images = source.images.set_index("image_id")
    assert images.at["patient00001/study1/view2_lateral.jpg", "view"] == "LATERAL"
    assert images["study_id"].nunique() == images["patient_id"].nunique() == 12
    # Without test.csv, the validation images are the test set.
    assert source.given_split == {"by": "official", "name": None}
    assert set(images["patient_id"][images["split"] == "test"]) == {"patient00020", "patient00021", "patient00023"}
    assert pd.isna(images.at["patient00001/study1/view1_frontal.jpg", "age"])
    assert note(source, "rows_that_show_nothing") == {"rows": 8, "blank": 8}
    assert note(source, "ages_capped") == {"images": 4, "cap": 90}
    assert note(source, "label_policy") == {
        "finding": "Effusion",
        "positive": 8,
        "negative": 8,
        "uncertain": 8,
        "blank": 8,
        "unknown": 0,
    }
    assert source.rows == len(source.images) + source.unused


def test_chexpert_compared_with_no_finding_uses_these_images_alone(tmp_path: Path) -> None:
    source = read_chexpert(make_chexpert(tmp_path), "Effusion", "No Finding")
    assert source.images["Effusion"].tolist() == [1, 0] * 4
    assert source.comparison == compared_with("No Finding")


def test_findings_that_a_set_lacks_are_not_replaced_silently(tmp_path: Path) -> None:
    root = make_chexpert(tmp_path)
    with raises(UncleanMappingError, finding="Infiltration", similar=["Lung Opacity", "Consolidation"]):
        read_chexpert(root, "Infiltration")
    with raises(UnknownNameError, name="Gout"):
        read_chexpert(root, "Gout")


def test_padchest_reads_lists_with_spaces_and_entries_that_say_nothing(tmp_path: Path) -> None:
    cells = [
        "['pneumonia']",
        "['normal']",
        "['costophrenic angle blunting', ' pneumonia']",
        "['unchanged', '']",
        "nan",
        "['exclude', 'pneumonia']",
        "['normal', ' nodule']",
        "['pseudonodule', ' multiple nodules']",
        "[]",
    ]
    source = read_padchest(make_padchest(tmp_path, cells), ["Pneumonia", "Nodule"], "rest")
    images = source.images
    assert images["Pneumonia"].tolist() == [1, 0, 1, 0, 0]
    assert images["Nodule"].tolist() == [0, 0, 0, 1, 1]
    assert source.unused == 4
    assert note(source, "labels_without_finding") == {"images": 4}
    assert note(source, "normal_with_others") == {"images": 1}
    assert images["patient_id"].tolist()[0] == str(8 * 10**35)
    assert images["study_id"].tolist()[0] == str(10**37)
    assert images["age"].tolist()[:2] == [84, 83]
    assert images["view"].tolist()[:2] == ["PA", "AP_HORIZONTAL"]


def test_padchest_labellers_are_chosen_and_damaged_files_set_aside(tmp_path: Path) -> None:
    root = make_padchest(tmp_path, ["['pneumonia']", "['normal']", "['normal']"], "RNN_model")
    table = next(root.glob("*.csv"))
    damaged = "216840111366964012819207061112010307142602253_04-014-084.png"
    table.write_text(table.read_text().replace(f"{10**30 + 2}_x.png", damaged))
    source = read_padchest(root, "Pneumonia")
    assert truth(source, "Pneumonia") == {f"{10**30}_x.png": 1, f"{10**30 + 1}_x.png": 0}
    assert [reason for _, reason in source.rejected] == ["the published file is damaged or missing"]
    with raises(UnknownNameError, name="doctor"):
        read_padchest(root, "Pneumonia", labels="doctor")


def test_rsna_joins_rows_and_does_not_take_images_for_patients(tmp_path: Path) -> None:
    source = read_rsna(make_rsna(tmp_path), "Lung Opacity")
    assert source.findings == ["Lung Opacity (RSNA)"]
    assert truth(source, "Lung Opacity (RSNA)") == {"a": 0, "b": 1, "c": 0, "d": 1}
    assert not source.grouped
    assert {remark.values["other"] for remark in source.notes if remark.code == "overlap"} == {"nih", "siim", "covidx"}
    assert note(source, "classes") == {"Normal": 1, "Lung Opacity": 2, "No Lung Opacity / Not Normal": 1}
    assert source.boxes is not None
    assert source.boxes[source.boxes["image_id"] == "d"].iloc[0, 2:].tolist() == [0.5, 0.5, 0.25, 0.25]
    assert truth(read_rsna(tmp_path, "Lung Opacity", "Normal"), "Lung Opacity (RSNA)") == {"a": 0, "b": 1, "d": 1}
    with raises(UncleanMappingError, finding="Pneumonia", similar=["Lung Opacity"]):
        read_rsna(tmp_path, "Pneumonia")


def test_rsna_images_that_the_table_of_classes_lacks_are_not_called_normal(tmp_path: Path) -> None:
    table = make_rsna(tmp_path) / "stage_2_detailed_class_info.csv"
    table.write_text(table.read_text().replace("a,Normal\n", ""))
    source = read_rsna(tmp_path, "Lung Opacity")
    assert note(source, "classes_unknown") == {"images": 1}
    assert truth(source, "Lung Opacity (RSNA)") == {"a": 0, "b": 1, "c": 0, "d": 1}


def test_rsna_knows_patients_by_the_published_mapping(tmp_path: Path) -> None:
    make_rsna(tmp_path)
    pairs = [("a", "00000013_005.png"), ("b", "00000013_006.png"), ("c", "00000014_000.png"), ("d", "00000015_001.png")]
    records = ", ".join(f'{{"subset_img_id": "{image}", "img_id": "{nih}"}}' for image, nih in pairs)
    (tmp_path / "pneumonia-challenge-dataset-mappings_2018.json").write_text(f"[{records}]")
    source = read_rsna(tmp_path, "Lung Opacity")
    assert source.grouped
    assert source.images["patient_id"].tolist() == ["nih-13", "nih-13", "nih-14", "nih-15"]


def test_siim_joins_masks_and_reads_relative_runs_down_the_columns(tmp_path: Path) -> None:
    source = read_siim(make_siim(tmp_path), "Pneumothorax")
    assert truth(source, "Pneumothorax") == {"1.2.3": 0, "1.2.4": 1}
    assert note(source, "rows_joined") == {"rows": 3, "images": 2, "positive": 1, "several": 1}
    assert mask_box(f"{2 * 1024 + 10} 5 1019 5") == (2, 10, 2, 5)
    assert mask_box("10 5 3") is None
    assert mask_box(f"{1024 * 1024} 5") is None
    assert source.boxes is not None
    assert (source.boxes[["x", "y", "width", "height"]] * 1024).to_numpy().tolist() == [[2, 10, 2, 5], [100, 0, 1, 10]]


@pytest.mark.parametrize(("readers", "positive"), [("any", 1), ("majority", 0), ("all", 0)])
def test_vindr_joins_the_readers_of_an_image(tmp_path: Path, readers: str, positive: int) -> None:
    source = read_vindr(make_vindr(tmp_path), ["Cardiomegaly", "Pneumothorax"], "rest", readers=readers)
    images = source.images.set_index("image_id")
    assert images["Pneumothorax"].tolist() == [positive, 0, 0]
    assert images["Cardiomegaly"].tolist() == [int(readers != "all"), 0, 1]
    assert not source.grouped
    assert source.boxes is not None
    assert source.boxes.iloc[0].tolist() == ["a", "Cardiomegaly", 0.25, 0.25, 0.5, 0.25]


def test_vindr_tables_of_physionet_have_a_split(tmp_path: Path) -> None:
    make_vindr(tmp_path)
    (tmp_path / "train.csv").unlink()
    annotations = tmp_path / "annotations"
    annotations.mkdir()
    (annotations / "image_labels_train.csv").write_text(
        "image_id,rad_id,Cardiomegaly,Pneumonia,No finding\n"
        "a,R8,1,0,0\na,R9,1,0,0\na,R10,0,1,0\nb,R1,0,0,1\nb,R2,0,0,1\nb,R3,0,0,1\n"
    )
    (annotations / "image_labels_test.csv").write_text(
        "image_id,Cardiomegaly,Pneumonia,No finding\nc,1.0,0.0,0.0\nd,0.0,0.0,1.0\n"
    )
    source = read_vindr(tmp_path, "Cardiomegaly", "rest")
    assert truth(source, "Cardiomegaly") == {"a": 1, "b": 0, "c": 1}
    assert source.images["split"].fillna("").tolist() == ["", "", "test"]
    assert source.missing == 1


def test_kermany_reads_patients_pathogens_and_its_split(tmp_path: Path) -> None:
    source = read_kermany(make_kermany(tmp_path), "Pneumonia")
    images = source.images.set_index("image_id")
    assert images["split"].value_counts().to_dict() == {"train": 11, "test": 4, "validation": 2}
    assert images["Pneumonia"].sum() == 10
    assert images.at["train/PNEUMONIA/person1_bacteria_11.jpeg", "patient_id"] == "train/person1"
    assert images.at["test/PNEUMONIA/person1_virus_6.jpeg", "patient_id"] == "test/person1"
    assert images.at["test/NORMAL/NORMAL2-IM-0035-0001-0002.jpeg", "patient_id"] == "test/NORMAL2-IM-0035"
    assert note(source, "numbers_restart") == {"numbers": 1}
    assert note(source, "second_copy") == {"files": 3}
    assert source.rows == 20
    bacteria = read_kermany(tmp_path / "chest_xray", "bacteria", "virus", split="seeded")
    assert bacteria.findings == ["Bacterial Pneumonia"]
    assert bacteria.images["Bacterial Pneumonia"].value_counts().to_dict() == {1: 7, 0: 3}
    assert bacteria.given_split is None


def test_another_set_is_recognised(tmp_path: Path) -> None:
    with raises(WrongSourceError, expected="chexpert", found=["rsna"]):
        read_chexpert(make_rsna(tmp_path), "Effusion")
    with raises(WrongSourceError, expected="rsna", found=["kermany"]):
        read_rsna(make_kermany(tmp_path / "k"), "Lung Opacity")
    (tmp_path / "empty").mkdir()
    with raises(MissingFileError, file="stage_2_train_labels.csv"):
        read_rsna(tmp_path / "empty", "Lung Opacity")


def test_policies_are_refused_where_a_set_has_no_such_labels(tmp_path: Path) -> None:
    with raises(ConflictingOptionsError, option="--uncertain"):
        read_rsna(make_rsna(tmp_path), "Lung Opacity", uncertain="positive")
    with raises(UnknownNameError, name="maybe"):
        read_chexpert(tmp_path, "Effusion", uncertain="maybe")
