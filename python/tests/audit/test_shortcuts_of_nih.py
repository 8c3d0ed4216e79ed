"""The alarms of the audit on real radiographs of NIH: a confounded subset, a random sample, and random labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from placa.audit import shortcuts
from placa.audit.probes import PROBES, all_features
from placa.audit.shortcuts import cross_validate, deal_folds, find_shortcuts, sample_groups
from placa.audit.verdicts import shortcut_verdict


@pytest.fixture(scope="session")
def nih_256(shared_data: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the manifest for Pneumonia and the 96-pixel cache of the confounded subset."""
    return _real(shared_data, "nih-256", "Pneumonia")


def _real(shared_data: Path, folder: str, finding: str) -> tuple[pd.DataFrame, np.ndarray]:
    from placa.images.read import read_image

    rows = pd.read_csv(shared_data / "nih" / "Data_Entry_2017_v2020.csv").set_index("Image Index")
    files = sorted((shared_data / folder / "images").iterdir())
    if folder == "nih":
        # Not in the random sample: transparent images, and images with lesion boxes.
        boxed = set(pd.read_csv(shared_data / "nih" / "BBox_List_2017.csv")["Image Index"])
        files = [file for file in files if file.name not in boxed and Image.open(file).mode == "L"]
    rows = rows.loc[[file.name for file in files]]
    manifest = pd.DataFrame(
        {
            "image_id": [file.name for file in files],
            "path": [str(file) for file in files],
            "group_id": rows["Patient ID"].astype(str).to_numpy(),
            "sex": rows["Patient Gender"].to_numpy(),
            "age": rows["Patient Age"].astype(float).to_numpy(),
            "view": rows["View Position"].to_numpy(),
            finding: rows["Finding Labels"].str.split("|").map(lambda names: int(finding in names)).to_numpy(),
        }
    )
    size = 96 if folder == "nih-256" else 32
    return manifest, np.stack([read_image(file, size) for file in files])


def test_a_confounded_subset_of_nih_gives_an_alarm(nih_256: tuple[pd.DataFrame, np.ndarray]) -> None:
    probes = {row["probe"]: row for row in find_shortcuts(nih_256[0], ["Pneumonia"], nih_256[1])["probes"]}
    measured = {"view_age_sex": 0.63, "file": 0.83, "histogram": 0.79, "frame": 0.78, "thumbnail": 0.79}
    for name, expected in measured.items():
        assert probes[name]["auroc"] == pytest.approx(expected, abs=0.045), name
    assert probes["view_age_sex"]["verdict"] == "some"
    assert [probes[name]["verdict"] for name in measured if name != "view_age_sex"] == ["strong"] * 4
    assert probes["dimensions"]["reason"]["values"] == {"width": 256, "height": 256}


@pytest.mark.slow
def test_a_random_sample_of_nih_gives_no_alarm(shared_data: Path) -> None:
    manifest, pixels = _real(shared_data, "nih", "Effusion")
    assert len(manifest) == 142
    found = find_shortcuts(manifest, ["Effusion"], pixels)
    assert sum(row["auroc"] is not None for row in found["probes"]) == 5
    # 142 images do not rule out every shortcut.
    assert {row["verdict"] for row in found["probes"]} == {"none", "inconclusive"}
    assert all((row["upper"] or 0) >= 0.75 for row in found["probes"] if row["verdict"] == "inconclusive")


@pytest.mark.slow
@pytest.mark.parametrize(("images", "positive"), [(142, None), (300, None), (683, None), (683, 12)])
def test_false_alarms_are_below_5_percent(
    nih_256: tuple[pd.DataFrame, np.ndarray], images: int, positive: int | None
) -> None:
    manifest, pixels = nih_256
    rows = sample_groups(manifest["group_id"], images, 5)
    manifest = manifest.iloc[rows]
    groups = pd.factorize(manifest["group_id"])[0]
    features = {
        name: probe.columns for name, probe in all_features(manifest, pixels[rows], np.arange(len(rows))).items()
    }
    label = np.bincount(groups, manifest["Pneumonia"]) / np.bincount(groups) >= 0.5
    if positive:
        label = np.arange(len(label)) < positive
    random, alarms = np.random.default_rng(0), 0
    level = shortcuts.bonferroni_level(5)
    for seed in range(200):
        truth = random.permutation(label)[groups]
        folds = deal_folds(truth, groups, seed)
        message = {
            name: cross_validate(features[name], truth, groups, folds, level)
            for name in PROBES
            if features[name] is not None
        }
        verdicts = [shortcut_verdict(name, one.value, one.lower, one.upper) for name, one in message.items() if one]
        alarms += bool({"some", "strong"} & set(verdicts))
    assert alarms / 200 < 0.05
