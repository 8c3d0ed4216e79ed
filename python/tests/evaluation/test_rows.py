"""The rows that the evaluation in Python uses, their clusters, and the check for leaks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from raising import raises

from placa.dataset.errors import PatientInTwoSplitsError
from placa.evaluation.errors import EmptySplitError, NeedsRError
from placa.evaluation.in_python.rows import by_finding, cluster_index, select_rows
from placa.records.errors import DuplicateImageError


@pytest.mark.parametrize("unit", ["patient", "group", "image"])
def test_units_in_two_splits_are_an_error(unit: str) -> None:
    images = [f"i{number}" for number in range(6)]
    data = pd.DataFrame({"image_id": images, "patient_id": images, "group_id": images, "probability": 0.5})
    data = data.assign(finding="Mass", truth=[0, 1] * 3, split=["test", "test", "test", "train", "validation", pd.NA])
    rows = select_rows(data, "test", lambda _: None)
    assert rows["image_id"].tolist() == images[:3]
    data.loc[[4, 5], f"{unit}_id"] = "i2"
    with raises(PatientInTwoSplitsError, unit=unit, name="i2", splits=["test", "validation"], count=1):
        select_rows(data, "test", lambda _: None)
    data.loc[3, f"{unit}_id"] = "i1"
    with raises(PatientInTwoSplitsError, unit=unit, name="i1", splits=["test", "train"], count=2):
        select_rows(data, "test", lambda _: None)


def test_rows_are_the_labelled_ones_of_the_split() -> None:
    data = pd.DataFrame({"image_id": list("abcd"), "patient_id": pd.NA, "group_id": pd.NA, "finding": "Mass"})
    data = data.assign(split=pd.NA, truth=[0, 1, pd.NA, 1], probability=[0.1, 0.2, 0.3, np.nan], fold="1")
    told: list[str] = []
    assert select_rows(data, "test", told.append)["image_id"].tolist() == ["a", "b"]
    [warning] = told
    assert warning.startswith("1 ") and "test" in warning
    with raises(EmptySplitError, split="validation", known=[]):
        select_rows(data, "validation", told.append)
    with raises(EmptySplitError, split="test", known=["test"]):
        select_rows(data[2:3].assign(split="test"), "test", told.append)
    twice = data.assign(image_id=list("abba"), split="test", truth=[0, 1, 1, pd.NA], probability=[0.1, 0.2, 0.3, 0.4])
    with raises(DuplicateImageError, image_id="b"):
        select_rows(twice, "test", told.append)
    assert len(select_rows(twice.assign(finding=["x", "x", "y", "y"]), "test", told.append)) == 3
    # A fold that is unknown for some rows is another fold.
    with raises(NeedsRError, part="folds"):
        select_rows(data.assign(fold=["1", None, None, None]), "test", told.append)


def test_clusters_are_groups_then_patients_then_images() -> None:
    patients = ["p1", "p1", "p2", "p2", None, None, None, "p3"]
    groups = ["g1", None, "g2", "g1", "g3", "g3", None, None]
    rows = pd.DataFrame({"image_id": list("abcdefgh"), "patient_id": patients, "group_id": groups})
    assert cluster_index(rows).tolist() == [0, 0, 0, 0, 1, 1, 2, 3]
    data = rows.assign(finding=["B", "B", "A", "A", "B", "B", "A", "A"], truth=1, probability=0.5)
    found = list(by_finding(data))
    assert [(one.finding, one.patients, one.cluster.tolist()) for one in found] == [
        ("B", None, [0, 0, 1, 1]),
        ("A", None, [0, 0, 1, 2]),
    ]
    assert [one.patients for one in by_finding(data[data["patient_id"].notna()])] == [1, 2]
