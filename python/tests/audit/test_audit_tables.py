"""Label quality and shift, of NIH and of simulated data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audit_data import make_manifest, read_nih_table
from scipy.stats import binomtest

from placa.audit import run_audit
from placa.audit.label_quality import label_quality
from placa.audit.shift import find_shift
from placa.audit.verdicts import shift_verdict


@pytest.fixture(scope="module")
def nih(shared_data: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return read_nih_table(shared_data)


def test_nih_labels_are_compared_with_radiologists(nih: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    rows = {(row["finding"], row["subset"]): row for row in label_quality(*nih, "NIH")}
    test = rows["Pneumothorax", "test"]
    assert (test["images"], test["both"], test["labels_only"], test["reference_only"]) == (1962, 97, 103, 98)
    assert (test["ppv"], test["sensitivity"]) == (0.485, pytest.approx(97 / 195, abs=1e-6))
    assert test["ppv_lower"] < 0.42 and test["ppv_upper"] > 0.55
    assert (test["labels"], test["reference"]) == ("NIH", "radiologists")
    assert rows["Pneumothorax", None]["images"] == 4376
    assert rows["Nodule or mass", "test"]["both"] > 100
    assert not any(finding == "Fracture" for finding, _ in rows)


def test_kappa_matches_scikit_learn(nih: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    from sklearn.metrics import cohen_kappa_score

    table, other = nih
    truth = other[other["finding"] == "Pneumothorax"].set_index("image_id")["truth"]
    label = table.set_index("image_id").loc[truth.index, "Pneumothorax"]
    row = next(row for row in label_quality(table, other, "NIH") if row["finding"] == "Pneumothorax")
    assert row["kappa"] == pytest.approx(cohen_kappa_score(label, truth), abs=1e-6)
    assert row["agreement"] == pytest.approx((label == truth).mean(), abs=1e-6)


def test_measures_with_a_zero_denominator_are_none() -> None:
    labels = pd.DataFrame({"image_id": list("abcd"), "Edema": pd.array([0, 0, 0, None], dtype="Int8")})
    other = pd.DataFrame({"image_id": list("abcde"), "patient_id": pd.NA, "finding": "Edema", "label_source": "two"})
    (row,) = label_quality(labels, other.assign(subset=pd.NA, truth=[0, 0, 0, 1, 1]), "one")
    assert (row["images"], row["patients"], row["neither"], row["subset"]) == (3, 3, 3, None)
    assert row["ppv"] is row["sensitivity"] is row["kappa"] is row["ppv_lower"] is None
    assert row["agreement"] == 1.0


def test_without_a_source_table_the_manifest_is_compared() -> None:
    manifest = make_manifest()
    other = manifest[["image_id", "patient_id"]].assign(finding="Edema", label_source="two", subset=pd.NA)
    other["truth"] = manifest["Edema"].astype(int)
    (row,) = run_audit(manifest, ["Edema"], None, other_labels=other, label_source="one")["label_quality"]
    assert (row["images"], row["agreement"], row["kappa"]) == (240, 1.0, 1.0)


def test_the_official_split_of_nih_has_shift(nih: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    manifest = make_manifest()
    shift = run_audit(manifest, ["Edema"], None, table=nih[0])["shift"]["table"]
    rows = {(row["what"], row["finding"]): row for row in shift["rows"]}
    pneumothorax = rows["prevalence", "Pneumothorax"]
    assert (round(pneumothorax["train"], 4), round(pneumothorax["test"], 4)) == (0.0305, 0.1041)
    assert (round(rows["ap", None]["train"], 2), round(rows["ap", None]["test"], 2)) == (0.35, 0.57)
    images = rows["images_per_patient", None]
    assert (round(images["train"], 1), round(images["test"], 1)) == (3.1, 9.2)
    assert {pneumothorax["verdict"], rows["ap", None]["verdict"], images["verdict"], shift["verdict"]} == {"strong"}
    assert rows["age", None]["verdict"] == rows["female", None]["verdict"] == "none"
    assert (shift["train"]["images"], shift["test"]["images"]) == (86524, 25596)


def test_equal_distributions_have_no_shift() -> None:
    strong = [
        find_shift(make_manifest(400, seed=seed), make_manifest(200, seed=seed + 1000), ["Edema"])["verdict"]
        for seed in range(40)
    ]
    assert sum(verdict in {"some", "strong"} for verdict in strong) <= 2


def test_simulated_shifts_are_found() -> None:
    train, test = make_manifest(400), make_manifest(400, per_group=4)
    test["view"] = "AP"
    test["age"] += 20
    shift = find_shift(train, test, ["Edema"])
    verdicts = {row["what"]: row["verdict"] for row in shift["rows"]}
    assert verdicts == {
        "prevalence": "inconclusive",
        "ap": "strong",
        "female": "inconclusive",
        "age": "strong",
        "images_per_patient": "inconclusive",
    }
    age = next(row for row in shift["rows"] if row["what"] == "age")
    assert age["lower"] < 20 < age["upper"] and age["difference"] == pytest.approx(20, abs=5)


def test_the_difference_of_independent_images_has_the_usual_interval() -> None:
    train, test = (make_manifest(count, per_group=1, seed=count) for count in (300, 200))
    test.loc[:39, "Edema"] = 1
    for side in (train, test):
        side[["view", "sex"]] = pd.NA
        side["age"] = np.nan
    (row,) = find_shift(train, test, ["Edema"])["rows"]
    shares = [float(side["Edema"].mean()) for side in (train, test)]
    # Newcombe's interval from Wilson's intervals of both shares.
    (one, one_lower, one_upper), (two, two_lower, two_upper) = (
        (share, *binomtest(round(share * count), count).proportion_ci(method="wilson"))
        for share, count in zip(shares, (300, 200), strict=True)
    )
    assert row["lower"] == pytest.approx(two - one - np.hypot(two - two_lower, one_upper - one), abs=1e-5)
    assert row["upper"] == pytest.approx(two - one + np.hypot(two_upper - two, one - one_lower), abs=1e-5)
    assert row["size"] == pytest.approx(2 * (np.arcsin(np.sqrt(two)) - np.arcsin(np.sqrt(one))), abs=1e-6)


def test_a_finding_that_neither_side_has_is_not_certain() -> None:
    train, test = (make_manifest(count, per_group=1, seed=count) for count in (300, 60))
    train["Edema"] = test["Edema"] = 0
    row = next(row for row in find_shift(train, test, ["Edema"])["rows"] if row["what"] == "prevalence")
    assert row["lower"] < 0 < row["upper"] and row["verdict"] == "inconclusive"


def test_without_test_images_no_shift_is_reported() -> None:
    manifest = make_manifest()
    assert find_shift(manifest, manifest.iloc[:0], ["Edema"]) is None


def test_the_written_rule() -> None:
    assert shift_verdict(-0.1, -0.5, -0.01) == "some"
    assert shift_verdict(-0.25, -0.5, -0.01) == "strong"
    # Ruled out: the interval is inside ±0.25, whether or not it includes 0.
    assert shift_verdict(0.05, -0.1, 0.2) == shift_verdict(0.09, 0.01, 0.2) == "none"
    assert shift_verdict(0.3, -0.01, 0.5) == shift_verdict(0.09, 0.01, 0.5) == "inconclusive"
    assert shift_verdict(-0.20, -0.55, 0.15) == shift_verdict(None, np.nan, np.nan) == "inconclusive"
