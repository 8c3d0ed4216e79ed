"""Simulated shortcuts are found, other images give no alarm, and probes that are not computed have a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audit_data import SIZE, make_manifest, make_pixels, truth_of
from PIL import Image

from placa.audit import shortcuts
from placa.audit.probes import frame, histogram, thumbnail
from placa.audit.shortcuts import cross_validate, deal_folds, find_shortcuts, sample_groups
from placa.audit.verdicts import shortcut_verdict


def _by_probe(found: dict, finding: str = "Edema") -> dict[str, dict]:
    return {row["probe"]: row for row in found["probes"] if row["finding"] == finding}


def _write(manifest: pd.DataFrame, folder: Path, **positive: object) -> pd.DataFrame:
    """Write each image of a manifest; those with the finding have the extension and size of `positive`."""
    paths = []
    for row, (name, label) in enumerate(zip(manifest["image_id"], truth_of(manifest), strict=True)):
        odd = positive if label else {}
        levels = np.random.default_rng(row).integers(0, 256, (12, 12), dtype=np.uint8)
        path = folder / f"{name[:-4]}{odd.get('extension', '.png')}"
        Image.fromarray(levels).resize(odd.get("size", (40, 48))).save(path)
        paths.append(str(path))
    return manifest.assign(path=pd.array(paths, dtype="string"))


def test_images_without_a_shortcut_give_no_alarm(tmp_path: Path) -> None:
    manifest = _write(make_manifest(), tmp_path)
    found = find_shortcuts(manifest, ["Edema"], make_pixels(len(manifest)))
    assert {row["verdict"] for row in found["probes"]} == {"none"} and found["verdict"] == "none"
    assert _by_probe(found)["dimensions"]["reason"] == {
        "code": "same_dimensions",
        "values": {"width": 40, "height": 48},
    }
    assert all(row["auroc"] is not None for probe, row in _by_probe(found).items() if probe != "dimensions")


def test_a_bright_border_on_positives_is_found() -> None:
    manifest = make_manifest()
    pixels = make_pixels(len(manifest))
    pixels[truth_of(manifest), :2] += 40
    probes = _by_probe(find_shortcuts(manifest, ["Edema"], pixels))
    assert probes["frame"]["verdict"] == "strong" and probes["frame"]["auroc"] > 0.9
    assert probes["view_age_sex"]["verdict"] == "none"


def test_a_different_file_format_is_found(tmp_path: Path) -> None:
    manifest = _write(make_manifest(), tmp_path, extension=".jpg")
    probes = _by_probe(find_shortcuts(manifest, ["Edema"], make_pixels(len(manifest))))
    assert probes["file"]["verdict"] == "strong" and probes["file"]["auroc"] == 1.0
    assert {row["verdict"] for name, row in probes.items() if name != "file"} == {"none"}


def test_different_dimensions_are_found(tmp_path: Path) -> None:
    manifest = _write(make_manifest(), tmp_path, size=(48, 40))
    probes = _by_probe(find_shortcuts(manifest, ["Edema"], make_pixels(len(manifest))))
    assert probes["dimensions"]["verdict"] == "strong"


def test_a_view_that_predicts_the_label_is_found() -> None:
    manifest = make_manifest()
    manifest["view"] = np.where(truth_of(manifest), "AP", "PA")
    assert _by_probe(find_shortcuts(manifest, ["Edema"], None))["view_age_sex"]["verdict"] == "strong"


def test_a_label_is_not_probed_with_its_own_column() -> None:
    manifest = make_manifest()
    manifest["sex"] = np.where(truth_of(manifest), "F", "M")
    manifest["view"] = np.where(np.arange(len(manifest)) % 3 == 0, "AP", "PA")
    every = _by_probe(find_shortcuts(manifest, ["Edema"], None))["view_age_sex"]
    assert every["verdict"] == "strong" and "sex" in every["columns"]
    row = _by_probe(find_shortcuts(manifest, ["Edema"], None, own_columns={"Edema": {"sex"}}))["view_age_sex"]
    assert row["verdict"] == "none" and "view" in row["columns"] and "sex" not in row["columns"]


def test_a_missing_age_that_predicts_the_label_is_found() -> None:
    manifest = make_manifest()
    manifest.loc[truth_of(manifest), "age"] = np.nan
    assert _by_probe(find_shortcuts(manifest, ["Edema"], None))["view_age_sex"]["verdict"] == "strong"


def test_a_darker_exposure_is_found() -> None:
    manifest = make_manifest()
    pixels = make_pixels(len(manifest))
    pixels[truth_of(manifest)] //= 2
    probes = _by_probe(find_shortcuts(manifest, ["Edema"], pixels))
    assert probes["histogram"]["verdict"] == probes["thumbnail"]["verdict"] == "strong"


def test_patients_are_not_memorised() -> None:
    # The images of a patient have the same frame, so folds by image would predict the label.
    manifest = make_manifest(images=300, per_group=12)
    pixels = make_pixels(len(manifest))
    own = np.random.default_rng(5).integers(0, 255, (25, 1, 8), dtype=np.uint8).repeat(SIZE // 8, axis=2)
    pixels[:, :3] = own[manifest["group_id"].astype(int)]
    features = frame(pixels)
    groups, truth = manifest["group_id"].astype(int).to_numpy(), truth_of(manifest)
    singly = cross_validate(features, truth, groups, np.random.default_rng(0).integers(0, 5, 300))
    whole = cross_validate(features, truth, groups, deal_folds(truth, groups, 0))
    assert singly is not None and whole is not None
    assert singly.value > 0.7 and whole.value < 0.6
    assert _by_probe(find_shortcuts(manifest, ["Edema"], pixels))["frame"]["verdict"] == "inconclusive"


def test_folds_do_not_divide_groups() -> None:
    truth, groups = np.random.default_rng(0).random(500) < 0.2, np.random.default_rng(1).integers(0, 80, 500)
    folds = deal_folds(truth, groups, 3)
    assert set(folds) == set(range(5))
    assert (pd.Series(folds).groupby(groups).nunique() == 1).all()


def test_cross_validation_matches_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import PredefinedSplit, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(4)
    truth, folds = np.arange(200) % 2 == 0, np.repeat(np.arange(5), 40)
    columns = random.normal(0, 1, (200, 3)) + 0.5 * truth[:, None]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=shortcuts.PENALTY))
    scored = cross_val_score(model, columns, truth, cv=PredefinedSplit(folds), scoring="roc_auc")
    message = cross_validate(columns, truth, np.arange(200), folds)
    assert message is not None and message.value == pytest.approx(scored.mean(), abs=1e-6)


def test_too_few_patients_give_a_reason() -> None:
    manifest = make_manifest(images=60, per_group=6)
    found = find_shortcuts(manifest, ["Edema"], make_pixels(60))
    assert {row["auroc"] for row in found["probes"]} == {None} and found["verdict"] == "inconclusive"
    values = {"positive": 5, "negative": 5, "needed": 10}
    assert found["probes"][0]["reason"] == {"code": "too_few_groups", "values": values}


def test_one_class_gives_a_reason() -> None:
    manifest = make_manifest()
    manifest["Edema"] = pd.array([1] * len(manifest), dtype="Int8")
    reason = find_shortcuts(manifest, ["Edema"], None)["probes"][0]["reason"]
    assert reason is not None and reason["values"]["negative"] == 0


def test_unknown_labels_are_left_out() -> None:
    manifest = make_manifest()
    manifest.loc[manifest.index[:40], "Edema"] = pd.NA
    # Images with an unknown label have a view of their own, which would predict the label if they were negatives.
    manifest.loc[manifest.index[:40], "view"] = "lateral"
    row = _by_probe(find_shortcuts(manifest, ["Edema"], None))["view_age_sex"]
    assert (row["images"], row["groups"], row["verdict"]) == (200, 100, "none")


def test_unknown_values_and_missing_files_give_a_reason() -> None:
    manifest = make_manifest()
    manifest[["view", "sex"]] = pd.NA
    manifest["age"] = np.nan
    probes = _by_probe(find_shortcuts(manifest, ["Edema"], None))
    assert probes["view_age_sex"]["reason"]["code"] == "no_view_age_sex"
    assert probes["file"]["reason"] == {"code": "missing_files", "values": {"missing": 240, "files": 240}}
    assert probes["frame"]["reason"]["code"] == "no_pixels"
    assert all(row["verdict"] == "inconclusive" and row["auroc"] is None for row in probes.values())


def test_a_sample_contains_complete_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = pd.Series(np.random.default_rng(0).integers(0, 60, 500))
    rows = sample_groups(groups, 100, seed=1)
    assert 60 < len(rows) <= 100 and (np.diff(rows) > 0).all()
    assert not set(groups[rows]) & set(groups.drop(rows))
    assert list(sample_groups(groups, 500, 1)) == list(range(500))
    assert not np.array_equal(rows, sample_groups(groups, 100, seed=2))
    monkeypatch.setattr(shortcuts, "MOST_IMAGES", 120)
    manifest = make_manifest()
    found = find_shortcuts(manifest, ["Edema"], make_pixels(len(manifest)))
    assert (found["images"], found["sampled_from"], found["probes"][0]["images"]) == (120, 240, 120)


def test_pixel_features_have_the_documented_values() -> None:
    pixels = make_pixels(5)
    assert thumbnail(pixels) == pytest.approx(pixels.reshape(5, 4, 8, 4, 8).mean(axis=(2, 4)).reshape(5, 16))
    expected = np.stack([np.histogram(levels, 32, (0, 256))[0] / SIZE**2 for levels in pixels])
    assert histogram(pixels) ** 2 == pytest.approx(expected)
    inside = pixels.copy()
    inside[:, 3:-3, 3:-3] = 0
    assert frame(inside) == pytest.approx(frame(pixels))
    assert frame(pixels).shape == (5, 64)
    odd = np.random.default_rng(0).integers(0, 256, (3, 30, 30), dtype=np.uint8)
    assert thumbnail(odd).shape == (3, 16) and frame(odd).shape == (3, 64)


def test_headers_of_dicom_and_volumes_are_read(tmp_path: Path) -> None:
    import SimpleITK
    from pydicom.data import get_testdata_file

    from placa.images.headers import read_headers

    volume = tmp_path / "one.mha"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.zeros((4, 6, 8), dtype=np.int16)), str(volume))
    (tmp_path / "text.png").write_text("no image")
    paths = [str(get_testdata_file("CT_small.dcm")), str(volume), str(tmp_path / "text.png"), str(tmp_path / "none")]
    headers = read_headers(paths)
    assert headers["width"].tolist()[:2] == [128, 8] and headers["height"].tolist()[:2] == [128, 6]
    assert headers["format"][0].startswith(".dcm DICOM MONOCHROME2 16")
    assert headers["format"][1] == ".mha volume 16-bit signed integer"
    assert headers["bytes"].notna().tolist() == [True, True, True, False]
    assert headers["width"].isna().tolist() == [False, False, True, True]


def test_the_written_rule() -> None:
    assert shortcut_verdict("file", 0.80, 0.61, 0.9) == "strong"
    assert shortcut_verdict("file", 0.80, 0.60, 0.9) == shortcut_verdict("file", 0.74, 0.70, 0.78) == "some"
    assert shortcut_verdict("file", 0.60, 0.50, 0.74) == "none"
    # An interval that includes a strong shortcut does not rule it out.
    for limits in ((0.59, 0.18, 0.92), (0.70, 0.50, 0.85), (0.70, 0.59, 0.79)):
        assert shortcut_verdict("thumbnail", *limits) == "inconclusive"
