"""Patients, duplicates and names that are in more than one split."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from audit_data import make_manifest, make_pixels

from placa.audit import run_audit
from placa.audit.leakage import find_leakage, image_wise_leaks
from placa.audit.verdicts import leakage_verdict
from placa.dataset.groups.likeness import DuplicatePairs
from placa.records.audit import BY_PATIENT, NearRule

RULE: NearRule = {"nearest": 10, "thumbnail": 48, "side": 96, "correlation": 0.96}


def _leakage(manifest: pd.DataFrame, pairs: DuplicatePairs | None = None, **options: bool) -> dict:
    return find_leakage(manifest, ["Edema"], pairs, 0, BY_PATIENT, options.get("by_construction", False))


def _pairs(exact: list[list[int]], near: list[list[int]]) -> DuplicatePairs:
    return DuplicatePairs(
        np.array(exact, dtype=np.int64).reshape(-1, 2),
        np.array(near, dtype=np.int64).reshape(-1, 2),
        np.linspace(0.99, 0.97, len(near)),
        RULE,
    )


def test_a_clean_data_set_has_no_leakage() -> None:
    manifest = make_manifest()
    leakage = run_audit(manifest, ["Edema"], make_pixels(len(manifest)))["leakage"]
    assert leakage["verdict"] == "none"
    assert leakage["patients_across_splits"] == leakage["groups_across_splits"] == 0
    assert leakage["exact_duplicates"] == {"pairs": 0, "across_splits": 0, "examples": []}
    assert leakage["names"]["telling"] == [] and leakage["names"]["examined"] > 0
    assert leakage["grouping"] == {
        **BY_PATIENT,
        "groups": 120,
        "largest": 2,
        "largest_share": round(2 / 240, 6),
    }


def test_a_patient_in_two_splits_is_counted() -> None:
    manifest = make_manifest()
    manifest.loc[0, "split"] = next(name for name in ("train", "test") if name != manifest.loc[1, "split"])
    leakage = _leakage(manifest)
    assert (leakage["patients_across_splits"], leakage["groups_across_splits"]) == (1, 1)
    assert leakage["verdict"] == "strong"


def test_copied_pixels_across_splits_are_found() -> None:
    manifest = make_manifest()
    pixels = make_pixels(len(manifest))
    train, test = (np.flatnonzero(manifest["split"] == name) for name in ("train", "test"))
    pixels[test[:3]] = pixels[train[:3]]
    leakage = run_audit(manifest, ["Edema"], pixels)["leakage"]
    found = leakage["exact_duplicates"]
    assert (found["pairs"], found["across_splits"]) == (3, 3) and leakage["verdict"] == "strong"
    expected = {frozenset(manifest["image_id"][[one, other]]) for one, other in zip(train[:3], test[:3], strict=True)}
    assert {frozenset(pair) for pair in found["examples"]} == expected
    assert leakage["test_images_duplicated"] == pytest.approx(3 / len(test), abs=1e-6)


def test_near_duplicates_across_splits_are_reported_first() -> None:
    manifest = make_manifest()
    train, test = (np.flatnonzero(manifest["split"] == name) for name in ("train", "test"))
    within = [[int(train[row]), int(train[row + 1])] for row in range(0, 30, 2)]
    leakage = _leakage(manifest, _pairs([], [*within, [int(train[40]), int(test[0])]]))
    found = leakage["near_duplicates"]
    assert (found["pairs"], found["across_splits"], len(found["examples"])) == (16, 1, 10)
    assert found["examples"][0] == [manifest["image_id"][train[40]], manifest["image_id"][test[0]], 0.97]
    assert found["rule"] == RULE


def test_a_copy_reached_through_another_copy_counts() -> None:
    # The first copy is in test. Only pairs with it are listed; the second test image is a copy through it.
    manifest = make_manifest()
    train, test = (np.flatnonzero(manifest["split"] == name) for name in ("train", "test"))
    leakage = _leakage(manifest, _pairs([[int(test[0]), int(test[4])], [int(test[0]), int(train[0])]], []))
    assert leakage["test_images_duplicated"] == pytest.approx(2 / len(test), abs=1e-6)


def test_duplicates_within_training_are_not_leakage() -> None:
    manifest = make_manifest()
    train = np.flatnonzero(manifest["split"] == "train")
    leakage = _leakage(manifest, _pairs([[int(train[0]), int(train[2])]], []))
    assert leakage["exact_duplicates"]["pairs"] == 1 and leakage["exact_duplicates"]["across_splits"] == 0
    assert leakage["verdict"] == "none"


def test_folder_names_that_contain_the_label_are_reported() -> None:
    manifest = make_manifest()
    folder = np.where(manifest["Edema"] == 1, "oedema", "clear")
    manifest["path"] = [f"/films/{name}/{row}.png" for row, name in enumerate(folder)]
    leakage = _leakage(manifest)
    assert leakage["verdict"] == "some"
    assert leakage["names"]["telling"] == [
        {
            "where": "folder",
            "kind": "whole",
            "token": "oedema",
            "finding": "Edema",
            "images": 120,
            "positive_with": 1.0,
            "positive_without": 0.0,
        }
    ]
    assert _leakage(manifest, by_construction=True)["verdict"] == "none"


def test_an_image_wise_split_would_leak_patients_with_many_images() -> None:
    assert image_wise_leaks(pd.Series(np.arange(1000).astype(str)), 0).max() == 0.0
    assert image_wise_leaks(pd.Series((np.arange(1000) // 50).astype(str)), 0).min() == 1.0
    # Two images per patient: the other one is in training with probability 0.8.
    twice = pd.Series((np.arange(20000) // 2).astype(str))
    shares = image_wise_leaks(twice, 0, draws=8)
    assert shares.mean() == pytest.approx(0.8, abs=0.01) and shares.min() < shares.max()


def test_without_pixels_duplicates_are_not_searched() -> None:
    leakage = _leakage(make_manifest())
    assert leakage["exact_duplicates"]["pairs"] is None
    assert leakage["near_duplicates"]["rule"] is None


def test_the_documented_rule_gives_the_verdict() -> None:
    assert leakage_verdict(0, 0.0005, 0) == "none"
    assert leakage_verdict(0, 0.0, 0, compared=False) == "inconclusive"
    assert leakage_verdict(0, 0.001, 0) == leakage_verdict(0, 0.0, 1) == "some"
    assert leakage_verdict(0, 0.02, 0) == leakage_verdict(1, 0.0, 0) == "strong"
