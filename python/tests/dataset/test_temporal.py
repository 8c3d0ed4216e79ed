"""Splits by date: no training image is from the time of the test images, and no date is stored."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import draw
from made_dicom import write_dicom
from made_public import make_mimic, make_padchest
from raising import raises
from small_dicom import KEY, SMALL

from placa.dataset.errors import TooFewDatesError
from placa.dataset.splits import SplitPlan
from placa.dataset.temporal import split_by_date
from placa.records.files import read_record
from placa.records.manifest import complete, findings_of, read_manifest
from placa.records.source import SourceFacts
from placa.sources.dicom import read_dicom
from placa.sources.errors import AmbiguousDatesError, ConflictingOptionsError, DatesUnknownError
from placa.sources.mimic import read_mimic
from placa.sources.nih import read_nih
from placa.sources.padchest import read_padchest
from placa.sources.table import read_table
from placa.sources.tables.cells import read_dates
from placa.workflows.prepare import prepare


def _dated(patients: int = 300, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Return a manifest with one to four images per patient over three years, and the dates."""
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), random.integers(1, 5, patients))
    day = random.integers(0, 800, patients)[patient] + random.integers(0, 300, len(patient))
    names = [f"i{number}" for number in range(len(patient))]
    images = pd.DataFrame({"image_id": names, "path": names, "patient_id": patient.astype(str), "Mass": patient % 2})
    return complete(images, ["Mass"]), pd.Timestamp("2015-03-01") + pd.to_timedelta(pd.Series(day), unit="D")


@pytest.mark.parametrize("seed", range(3))
def test_training_is_before_validation_and_test_and_patients_are_in_one_split(seed: int) -> None:
    manifest, dates = _dated(seed=seed)
    split, method, reasons = split_by_date(manifest, dates, SplitPlan())
    bounds = dates.groupby(split["split"]).agg(["min", "max"])
    assert bounds.loc["train", "max"] < bounds.loc["validation", "min"]
    assert bounds.loc["validation", "max"] < bounds.loc["test", "min"]
    assert (split.groupby("patient_id")["split"].nunique() <= 1).all()
    # Only later images of patients of an earlier split are left out.
    out = split["split"].isna()
    assert out.any() and (reasons != "").equals(out)
    first = dates.groupby(manifest["patient_id"]).transform("min")
    assert (dates[out] > first[out]).all() and (first[out] < bounds.loc["test", "min"]).all()
    begun = first.groupby(manifest["patient_id"]).first()
    shares = [(first < bounds.loc[name, "min"]).mean() for name in ("validation", "test")]
    assert np.allclose(shares, [0.70, 0.85], atol=0.02), begun
    assert method.facts["temporal"] is True and method.facts["given"] is None


def _one_per_day(days: list[float], patients: list[str | None], groups: list[str]) -> tuple[pd.DataFrame, pd.Series]:
    names = [f"i{number}" for number in range(len(days))]
    images = pd.DataFrame({"image_id": names, "path": names, "patient_id": patients, "group_id": groups, "Mass": 0})
    dates = pd.Series(pd.Timestamp("2015-03-01") + pd.to_timedelta(days, unit="D"))
    return complete(images, ["Mass"]), dates.mask(pd.Series(days).isna())


def test_splits_days_and_reasons_of_a_few_dates() -> None:
    """Ten patients begin on days 0 to 90; two have images later, before and at the time of the next split."""
    days = [*np.arange(0.0, 100, 10), 49.9, 50, 69.9, 85, np.nan]
    groups = [*(f"g{number}" for number in range(10)), "g0", "g0", "g6", "g6", "g1"]
    patients = [*(f"p{number}" for number in range(9)), None, "p0", "p0", "p6", "p6", "p1"]
    manifest, dates = _one_per_day(days, patients, groups)
    dates.index += 100
    split, method, reasons = split_by_date(manifest, dates, SplitPlan(3, (0.5, 0.25, 0.25)), "group")
    train, validation, test = ["train"] * 5, ["validation"] * 2, ["test"] * 3
    assert split["split"].dtype == "string"
    assert split["split"].fillna("").tolist() == [*train, *validation, *test, "train", "", "validation", "", ""]
    assert split["days"].fillna(-1).tolist() == [*[0] * 10, 49, 50, 9, 25, -1]
    assert split["period"].fillna("").tolist() == [*"1111122333", "1", "", "2", "", ""]
    assert [bool(reason) for reason in reasons] == [False] * 11 + [True, False, True, True]
    assert reasons[11] == reasons[13] != reasons[14]
    [note] = method.notes
    assert (note.code, note.values) == ("images_after_split", {"images": 2})
    facts = {"given": None, "unit": "group", "seed": 3, "fractions": [0.5, 0.25, 0.25], "temporal": True}
    assert method.facts == facts
    thirds = split_by_date(manifest, dates, SplitPlan(0, (33, 33, 33)))[1].facts
    assert thirds["fractions"] == [0.333333] * 3 and thirds["unit"] == "patient"
    with raises(TooFewDatesError, dates=2, least=3):
        split_by_date(manifest[:2], dates[:2], SplitPlan())
    assert split_by_date(manifest[:3], dates[:3], SplitPlan())[0]["split"].tolist() == ["train", "validation", "test"]


def test_periods_have_about_equal_numbers_of_images() -> None:
    # 250 images in training on a day each, 100 in validation on one day, 101 in test on two days.
    days = [*range(250), *[400] * 100, *[500] * 50, *[501] * 51]
    manifest, dates = _one_per_day(days, [str(number) for number in range(451)], [str(number) for number in range(451)])
    split, _, _ = split_by_date(manifest, dates, SplitPlan(0, (0.56, 0.22, 0.22)))
    assert split["period"].value_counts(sort=False).to_dict() == {"1": 125, "2": 125, "3": 100, "4": 101}
    assert split["period"].astype(int).is_monotonic_increasing and split["period"].dtype == "string"
    many = [*range(2600), 3000, 3001]
    manifest, dates = _one_per_day(many, [str(day) for day in many], [str(day) for day in many])
    split, _, _ = split_by_date(manifest, dates, SplitPlan(0, (98, 1, 1)))
    sizes = split.groupby("period")["split"].agg(["first", "size"]).sort_values("size")
    assert (sizes["first"] == "train").sum() == 12 and sizes["size"].max() <= 214


def test_days_and_periods_order_images_without_their_dates() -> None:
    manifest, dates = _dated(1500)
    split, _, _ = split_by_date(manifest, dates, SplitPlan())
    first = dates.groupby(manifest["patient_id"]).transform("min")
    assert (split["days"] == (dates - first).dt.days).all()
    kept = split[split["split"].notna()]
    number = kept["period"].astype(int)
    bounds = dates[kept.index].groupby(number).agg(["min", "max"])
    assert (bounds["max"].iloc[:-1].to_numpy() < bounds["min"].iloc[1:].to_numpy()).all()
    assert set(number) == set(range(1, number.max() + 1))
    assert (kept["period"].value_counts() >= 80).all()
    assert kept.groupby("split")["period"].nunique().max() <= 12


def test_all_images_can_be_test_images_and_a_shift_of_all_dates_changes_nothing() -> None:
    manifest, dates = _dated(200)
    whole, method, reasons = split_by_date(manifest, dates, SplitPlan(fractions=(0, 0, 1)))
    assert set(whole["split"]) == {"test"} and method.facts["unit"] is None and (reasons == "").all()
    assert set(whole["period"]) == {str(1 + number) for number in range(len(whole) // 100)}
    shifted, _, _ = split_by_date(manifest, dates + pd.Timedelta(days=4321), SplitPlan())
    pd.testing.assert_frame_equal(shifted, split_by_date(manifest, dates, SplitPlan())[0])


def test_images_without_a_date_are_left_out_and_one_date_is_an_error() -> None:
    manifest, dates = _dated(200)
    dates[5] = pd.NaT
    split, _, reasons = split_by_date(manifest, dates, SplitPlan())
    assert pd.isna(split["split"][5]) and "no date" in reasons[5] and pd.isna(split["period"][5])
    with raises(TooFewDatesError, dates=1, least=3):
        split_by_date(manifest, pd.Series(pd.Timestamp("1900-01-01"), index=dates.index), SplitPlan())


def test_dates_are_read_in_their_usual_forms() -> None:
    def read(*cells: str) -> list[str]:
        return read_dates(pd.Series(cells), "date").dt.strftime("%Y-%m-%d").fillna("").tolist()

    assert read("2014-09-15", "20140916", "2014/09/17 10:30", "2014-09-18T08:00:00", "20140919.0", "soon", "") == [
        *("2014-09-15", "2014-09-16", "2014-09-17", "2014-09-18", "2014-09-19", "", "")
    ]
    assert read("15/09/2014", "01/02/2014") == ["2014-09-15", "2014-02-01"]
    assert read("9/15/2014", "1/2/2014") == ["2014-09-15", "2014-01-02"]
    assert read("3.3.2014", "4.4.2014") == ["2014-03-03", "2014-04-04"]
    with raises(AmbiguousDatesError, column="date", value="01/02/2014"):
        read("01/02/2014", "03/03/2014")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a table of 60 images of 40 patients with dates; one image has two of them."""
    folder = tmp_path_factory.mktemp("dated")
    rows = []
    for number in range(60):
        draw(folder / f"{number}.png", seed=number, size=(24, 24))
        patient = number % 40
        day = pd.Timestamp("2019-01-07") + pd.Timedelta(days=9 * patient + 200 * (number // 40))
        rows.append((f"{number}.png", f"p{patient:02}", patient % 2, day.strftime("%d/%m/%Y")))
    rows.append((*rows[20][:3], "31/12/2022"))
    pd.DataFrame(rows, columns=["path", "patient", "label", "study date"]).to_csv(folder / "films.csv", index=False)
    return folder / "films.csv"


def test_a_table_is_split_by_date_and_no_file_has_a_date(table: Path, tmp_path: Path) -> None:
    assert "date" not in read_table(table, "label").images
    out = tmp_path / "out"
    prepare(read_table(table, "label", split="temporal"), out, size=16, progress=False)
    manifest = read_manifest(out)
    assert findings_of(manifest) == ["label"] and {"days", "period"} <= set(manifest)
    order = manifest.groupby("split")["patient_id"].agg(["min", "max"])
    assert order.loc["train", "max"] < order.loc["validation", "min"]
    assert order.loc["validation", "max"] < order.loc["test", "min"]
    facts = read_record(out / "source.json", SourceFacts)
    assert facts["split"]["temporal"] is True and facts["options"]["split"] == "temporal"
    assert facts["split"]["unit"] == "patient"
    assert facts["rows"] == len(manifest) + facts["rejected"] and facts["rejected"] > 0
    assert len(np.load(out / "pixels-16.npy")) == len(manifest)
    years = (b"2019", b"2020", b"2022")
    written = {path.name: path.read_bytes() for path in out.iterdir() if path.suffix in {".csv", ".json", ".md"}}
    found = {name for name, text in written.items() for year in years if b"/" + year in text or year + b"-0" in text}
    assert not found, "no date in any file"
    assert manifest.astype(str).apply(lambda column: column.str.contains("2019|2020")).sum().sum() == 0


def test_a_list_of_test_images_and_sets_without_dates_are_errors(table: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("1.png\n")
    with raises(ConflictingOptionsError, option="--test-list", names=["--split temporal"]):
        source = read_table(table, "label", split="temporal")
        prepare(source, tmp_path / "out", size=16, progress=False, plan=SplitPlan(test_list=listed))
    with raises(DatesUnknownError, source="films.csv"):
        read_table(table, "label", columns={"date": "none"}, split="temporal")
    with raises(DatesUnknownError, source="MIMIC-CXR-JPG"):
        read_mimic(make_mimic(tmp_path / "mimic"), "Effusion", split="temporal")
    with raises(DatesUnknownError, source="NIH ChestX-ray14"):
        read_nih(tmp_path, "Mass", split="temporal")


def test_padchest_and_dicom_have_dates(tmp_path: Path, config: Path) -> None:
    root = make_padchest(tmp_path / "pc", [cell for _ in range(6) for cell in ("['normal']", "['pneumonia']")])
    assert "date" not in read_padchest(root, "Pneumonia", views="all").images
    source = read_padchest(root, "Pneumonia", views="all", split="temporal")
    assert source.temporal and source.images["date"].is_monotonic_increasing
    for number in range(12):
        day = None if number == 0 else f"2020{number:02}03"
        tags = {"PatientID": f"MRN-{number}-A", "StudyDate": day}
        write_dicom(tmp_path / "dcm" / "ab"[number % 2] / f"{number}.dcm", np.roll(SMALL, number), **tags)
    assert "date" not in read_dicom(tmp_path / "dcm", positive="a", key=KEY).images
    images = read_dicom(tmp_path / "dcm", positive="a", key=KEY, split="temporal").images
    days = images.set_index("image_id")["date"]
    assert days["b/11.dcm"] == pd.Timestamp("2020-11-03") and pd.isna(days["a/0.dcm"])
