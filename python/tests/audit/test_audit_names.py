"""Names that predict the label are found, and other names are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audit_data import make_manifest, read_nih_table, truth_of
from msgspec import convert

from placa.audit.names import predictive_names, shape, tokens_of, without_names
from placa.records.audit import PredictiveName


def _find(paths: list[str], truth: np.ndarray, groups: np.ndarray | None = None) -> list[tuple]:
    groups = np.arange(len(paths)) if groups is None else groups
    _, telling = predictive_names(paths, pd.DataFrame({"Edema": pd.array(truth.astype(int), dtype="Int8")}), groups)
    return [(row["where"], row["token"]) for row in telling]


def test_paths_are_split_into_parts() -> None:
    tokens, other = tokens_of(["/data/x/non-COVID/LungScan12_b7.png", "/data/x/Covid/CT_scan (3).png"])
    assert {token for where, token, kind in tokens if (where, kind) == ("folder", "whole")} == {"non-covid"}
    assert {token for where, token, kind in tokens if (where, kind) == ("folder", "word")} == {"non", "covid"}
    assert {token for where, token, kind in tokens if kind == "shape"} == {"a892_a191"}
    assert {token for where, token, kind in tokens if (where, kind) == ("file_name", "word")} == {"lung", "scan"}
    assert {token for where, token, kind in other if kind == "word"} == {"covid", "scan", "ct"}


def test_names_have_the_expected_patterns() -> None:
    assert shape("00000075_000") == "98_93"
    assert shape("Covid (12)") == "a5 (92)"


@pytest.mark.parametrize("token", ["covid", "tb", "1"])
def test_a_folder_named_like_the_label_is_found(token: str) -> None:
    truth = np.arange(100) % 3 == 0
    paths = [f"/d/{token if label else '0'}/{row:04d}.png" for row, label in enumerate(truth)]
    assert _find(paths, truth) == [("folder", token)]


def test_a_file_name_that_contains_most_labels_is_found() -> None:
    truth = np.arange(200) % 2 == 0
    wrong = np.random.default_rng(0).random(200) < 0.1
    paths = [f"/d/{'PneumoniaCase' if label else 'healthy_'}{row:04d}.png" for row, label in enumerate(truth ^ wrong)]
    assert set(_find(paths, truth)) == {("file_name", "pneumonia")}


def test_a_number_length_that_predicts_the_label_is_found() -> None:
    truth = np.arange(200) % 2 == 0
    paths = [f"/d/{row:05d}.png" if label else f"/d/{row:08d}.png" for row, label in enumerate(truth)]
    assert _find(paths, truth) == [("file_name", "95")]


def test_few_images_give_no_alarm() -> None:
    truth = np.arange(100) % 2 == 0
    paths = [f"/d/{'odd' if label and row < 16 else 'film'}{row:03d}.png" for row, label in enumerate(truth)]
    assert _find(paths, truth) == []


def test_many_images_of_one_patient_give_no_alarm() -> None:
    truth, groups = np.arange(200) < 100, np.arange(200) // 50
    paths = [f"/d/{'left' if label else 'right'}/{row:03d}.png" for row, label in enumerate(truth)]
    assert _find(paths, truth, groups) == []
    assert _find(paths, truth) == [("folder", "left")]


def test_unrelated_names_give_no_alarm() -> None:
    manifest, random = make_manifest(400), np.random.default_rng(3)
    wards = random.choice(["north", "south", "icu"], 400)
    paths = [f"/d/{ward}/{name}" for ward, name in zip(wards, manifest["image_id"], strict=True)]
    assert _find(paths, truth_of(manifest)) == []


def test_unknown_labels_are_excluded() -> None:
    label = pd.array([1] * 40 + [0] * 40 + [pd.NA] * 40, dtype="Int8")
    paths = [f"/d/{'a' if row < 80 else 'unread'}/{row:03d}.png" for row in range(120)]
    assert predictive_names(paths, pd.DataFrame({"Edema": label}), np.arange(120))[1] == []


def test_nih_names_give_no_alarm(shared_data: Path) -> None:
    table, _ = read_nih_table(shared_data)
    paths = [f"/d/images_{1 + row // 9400:03d}/images/{name}" for row, name in enumerate(table["image_id"])]
    findings = table[["Pneumothorax", "Effusion", "Pneumonia"]]
    examined, telling = predictive_names(paths, findings, pd.factorize(table["patient_id"])[0])
    assert examined > 12 and telling == []


def test_ct_folder_names_predict_the_label(shared_data: Path) -> None:
    paths = sorted((shared_data / "ct").glob("*/*"))
    truth = np.array([path.parent.name == "COVID" for path in paths])
    telling = _find([str(path) for path in paths], truth, np.arange(len(paths)) // 5)
    assert telling == [("folder", "covid")]


def test_a_name_of_a_patient_is_replaced_by_its_pattern() -> None:
    one = {"where": "folder", "kind": "whole", "finding": "Mass", "images": 12, "positive_with": 1.0}
    rows = [convert({**one, "token": token, "positive_without": 0.0}, PredictiveName) for token in ("sick", "ruiz_12")]
    kept, hidden = without_names(rows, ["Sick/3fa2/IM0001", "well/77b0/IM0001"])
    assert kept == rows[0]
    assert (hidden["kind"], hidden["token"]) == ("shape", "a4_92")
