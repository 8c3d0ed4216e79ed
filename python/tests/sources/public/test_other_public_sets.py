"""Public sets whose tables need more than labels: several tables, reports, lists, trees of findings."""

from pathlib import Path

import pytest
from made_public import make_cohen, make_covidx, make_mimic, make_nlm_tb, make_openi, make_tbx11k
from raising import raises

from placa.core.errors import UnknownNameError
from placa.sources.cohen import read_cohen
from placa.sources.covidx import parse_line, read_covidx
from placa.sources.mimic import read_mimic
from placa.sources.nlm_tb import read_nlm_tb
from placa.sources.openi import read_openi
from placa.sources.source import Source
from placa.sources.tbx11k import read_tbx11k


def note(source: Source, code: str) -> dict[str, object]:
    (found,) = [remark.values for remark in source.notes if remark.code == code]
    return dict(found)


def truth(source: Source, finding: str) -> dict[str, int]:
    return dict(zip(source.images["image_id"], source.images[finding].astype(int), strict=True))


def test_mimic_joins_its_tables(tmp_path: Path) -> None:
    source = read_mimic(make_mimic(tmp_path), "Edema", views="all")
    # The third study is uncertain, and the last one has no labels.
    assert source.images["Edema"].tolist() == [1, 0, 0, 1]
    assert source.images["split"].fillna("").tolist() == ["", "", "test", "test"]
    assert source.images["view"].tolist() == ["PA", "LATERAL", "PA", "PA"]
    assert source.images["study_id"].tolist()[0] == "50414267"
    assert (source.rows, source.unused) == (6, 2)
    assert note(source, "studies_without_labels") == {"images": 1}
    assert source.other_labels is not None
    assert source.other_labels.groupby("finding")["truth"].agg(list).to_dict() == {
        "Edema": [1, 0],
        "Lung Opacity": [0, 1],
    }
    with raises(UnknownNameError, name="reader"):
        read_mimic(tmp_path, "Edema", labels="reader")


def test_openi_reads_terms_and_does_not_trust_the_view(tmp_path: Path) -> None:
    source = read_openi(make_openi(tmp_path), "Cardiomegaly")
    assert truth(source, "Cardiomegaly") == {"CXR1_IM-0001-1001": 0, "CXR1_IM-0001-2001": 0, "CXR2_IM-0001-1001": 1}
    assert source.images["view"].tolist() == ["PA", "LATERAL", "AP"]
    assert source.images["patient_id"].tolist() == ["CXR1", "CXR1", "CXR2"]
    reports = {"reports": 4, "without_images": 1, "normal": 2, "no_automatic_term": 3, "neither": 1}
    assert note(source, "reports") == reports
    assert note(source, "views_corrected") == {"laterals": 1, "blank": 1}
    assert source.unused == 1
    assert set(read_openi(tmp_path, "Opacity", views="frontal").images["view"]) == {"PA", "AP"}


def test_nlm_tb_reads_both_spellings_and_no_masks(tmp_path: Path) -> None:
    source = read_nlm_tb(make_nlm_tb(tmp_path), "Tuberculosis")
    images = source.images.set_index("image_id")
    assert images["Tuberculosis"].tolist() == [0, 0, 1, 0, 1]
    assert images["sex"].tolist() == ["M", "F", "M", "F", "M"]
    assert images["age"].tolist() == [45, 20, 0.5, 27, 31]
    assert images["site"].value_counts().to_dict() == {"Shenzhen": 3, "Montgomery": 2}
    assert images["patient_id"].is_unique
    assert len(read_nlm_tb(tmp_path, "TB", hospital="montgomery").images) == 2


def test_tbx11k_has_boxes_a_split_and_no_images_of_other_sets(tmp_path: Path) -> None:
    source = read_tbx11k(make_tbx11k(tmp_path), "Tuberculosis")
    assert source.images["Tuberculosis"].tolist() == [0, 0, 0, 1, 1]
    assert source.images["split"].fillna("").tolist() == ["", "test", "", "test", ""]
    assert note(source, "folders_not_used") == {"images": 2}
    assert {remark.values["other"] for remark in source.notes if remark.code == "overlap"} == {"nlm-tb"}
    assert source.boxes is not None
    assert source.boxes.values.tolist() == [["tb/tb0001.png", "Tuberculosis", 0.25, 0.5, 0.5, 0.25]]
    assert truth(read_tbx11k(tmp_path, "TB", "healthy"), "Tuberculosis")["tb/tb0001.png"] == 1
    active = read_tbx11k(tmp_path, "Active tuberculosis")
    assert active.images["Active tuberculosis"].sum() == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("379 1-s2.0-p3.png pneumonia", ("379", "1-s2.0-p3.png", "Pneumonia", "")),
        ("ANON191 a.png COVID-19 cohen", ("ANON191", "a.png", "COVID-19", "cohen")),
        ("sub-S0 1 b.jpg negative rnsa", ("sub-S0 1", "b.jpg", "", "rsna")),
        ("7 c.png", None),
        ("7 c.txt normal rsna", None),
    ],
)
def test_lines_of_covidx_are_read_from_the_right(line: str, expected: tuple[str, ...] | None) -> None:
    assert parse_line(line) == expected


def test_covidx_keeps_patients_in_one_split_and_tells_that_sources_determine_labels(tmp_path: Path) -> None:
    train = ["P1 a.png positive cohen", "P2 b.png negative rsna", "P3 c.png positive rsna", "P4 d.png negative cohen"]
    test = ["P1 e.png positive ricord", "P9 f.png negative rnsa"]
    root = make_covidx(tmp_path, {"train_COVIDx9A.txt": train, "test_COVIDx9A.txt": test, "train_COVIDx8A.txt": train})
    source = read_covidx(root, "COVID")
    assert source.images["COVID-19"].sum() == 2
    assert len(source.images) == 5
    assert [Path(path).name for path, _ in source.rejected] == ["a.png"]
    assert note(source, "source_determines_label_test") == {"images": 2}
    assert note(source, "other_versions") == {"files": 1}
    assert source.images.set_index("image_id").at["test/f.png", "site"] == "rsna"


def test_sources_of_covidx_that_determine_covid_are_reported_with_three_classes(tmp_path: Path) -> None:
    train = ["P1 a.png COVID-19 cohen", "P2 b.png normal cohen", "P3 c.png pneumonia rsna"]
    test = ["P4 d.png COVID-19 ricord", "P5 e.png pneumonia rsna", "P6 f.png normal rsna"]
    source = read_covidx(make_covidx(tmp_path, {"train_COVIDx8A.txt": train, "test_COVIDx8A.txt": test}), "COVID")
    assert note(source, "source_determines_label_test") == {"images": 3}
    assert not [remark for remark in source.notes if remark.code == "source_determines_label_train"]


COHEN = """patientid,offset,sex,age,finding,view,modality,folder,filename, url
2,0,M,65,Pneumonia/Viral/COVID-19,PA,X-ray,images,a.jpeg ,http
2,3,M,65,Pneumonia/Viral/COVID-19,AP Supine,X-ray,images,b.jpg,http
4a,0,F,50+,No Finding,L,X-ray,images,c.png,http
4b,0,F,50+,Pneumonia/Bacterial/Streptococcus,PA,X-ray,images,d.png,http
5,0,F,30,todo,PA,X-ray,images,e.png,http
6,0,F,30,Pneumonia/Viral/COVID-19,Axial,CT,volumes,f.nii.gz,http
"""


def test_cohen_reads_a_tree_of_findings_and_leaves_ct_out(tmp_path: Path) -> None:
    source = read_cohen(make_cohen(tmp_path, COHEN), ["COVID-19", "Pneumonia"])
    images = source.images
    assert images["COVID-19"].tolist() == [1, 1, 0, 0]
    assert images["Pneumonia"].tolist() == [1, 1, 0, 1]
    assert images["patient_id"].tolist() == ["2", "2", "4", "4"]
    assert images["view"].fillna("").tolist() == ["PA", "AP", "LATERAL", "PA"]
    assert images["age"].isna().tolist() == [False, False, True, True]
    assert (source.rows, source.unused) == (6, 2)
    assert note(source, "ct_not_used") == {"rows": 1}
    assert read_cohen(tmp_path, "bacterial").findings == ["Bacterial Pneumonia"]


def test_older_tables_of_cohen_write_ct_as_the_view(tmp_path: Path) -> None:
    rows = [
        "Patientid,offset,sex,age,finding,view,filename, url",
        "1,0,M,54,COVID-19,AP,a.jpg,",
        "1,9,M,54,COVID-19,CT,b.jpg,",
    ]
    source = read_cohen(make_cohen(tmp_path, "\n".join([*rows, "2,0,F,40,ARDS,PA,c.jpg,"])), "COVID-19")
    assert truth(source, "COVID-19") == {"a.jpg": 1, "c.jpg": 0}
    assert note(source, "ct_not_used") == {"rows": 1}


def test_relatives_of_cohen_without_a_column_of_files_and_with_blank_findings(tmp_path: Path) -> None:
    rows = [
        "patientid,sex,age,finding,view,modality",
        "COVID-1,M,33,COVID-19,AP,X-ray",
        "COVID-2,F,,No finding,PA,X-ray",
    ]
    source = read_cohen(make_cohen(tmp_path / "figure1", "\n".join(rows)), "COVID-19")
    assert truth(source, "COVID-19") == {"COVID-1": 1, "COVID-2": 0}
    rows = [
        "patientid,imagename,finding,modality",
        "P1,x.png,COVID-19,X-ray",
        "P2,y.png,No finding,X-ray",
        "P3,z.png,,X-ray",
    ]
    source = read_cohen(make_cohen(tmp_path / "actualmed", "\r\n".join(rows)), "COVID-19")
    assert truth(source, "COVID-19") == {"x.png": 1, "y.png": 0}
    assert note(source, "labels_without_finding") == {"images": 1}
