import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import draw
from raising import raises

from placa.dataset.errors import EmptySplitError, PatientInTwoSplitsError, SplitClassError
from placa.dataset.pixel_cache import open_pixels
from placa.dataset.prepared import read_prepared
from placa.dataset.splits import SplitPlan, assert_disjoint
from placa.images.errors import NoReadableImageError
from placa.images.read import read_image
from placa.records.manifest import read_manifest, read_split_facts
from placa.records.source import REST
from placa.sources.folders import read_folders
from placa.sources.nih import read_nih
from placa.sources.phantom import read_phantoms
from placa.sources.source import Source
from placa.workflows.audit import audit_prepared
from placa.workflows.prepare import prepare


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Write forty images of ten patients, two of them damaged."""
    rows = []
    for number in range(40):
        path = draw(tmp_path / "in" / f"{number}.png", seed=number)
        rows.append((f"i{number}", str(path), f"p{number // 4}", number // 4 % 2))
    (tmp_path / "in" / "7.png").write_bytes(b"")
    (tmp_path / "in" / "21.png").write_text("not an image at all")
    images = pd.DataFrame(rows, columns=["image_id", "path", "patient_id", "Mass"])
    return Source("table", images, ["Mass"], REST, "a test")


def test_every_row_is_kept_or_rejected(source: Source, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(source, out, size=16)
    manifest, pixels = read_manifest(out), open_pixels(out)
    rejected = pd.read_csv(out / "rejected.csv")
    assert len(manifest) == len(pixels) == 38
    assert {Path(path).name for path in rejected["path"]} == {"7.png", "21.png"}
    assert rejected["reason"].str.contains("empty").any() and rejected["reason"].str.contains("text").any()
    facts = json.loads((out / "source.json").read_text())
    assert (facts["found"], facts["rejected"]) == (40, 2)
    for row in (0, 7, 37):
        assert np.array_equal(pixels[row], read_image(manifest["path"][row], 16)), (
            "row i of the cache is row i of the manifest"
        )


def test_patients_are_not_divided_and_the_audit_reports_it(source: Source, tmp_path: Path) -> None:
    prepare(source, tmp_path / "out", size=16)
    manifest = read_manifest(tmp_path / "out")
    assert_disjoint(manifest)
    audit = json.loads((tmp_path / "out" / "audit.json").read_text())
    leakage = audit["leakage"]
    assert leakage["patients_across_splits"] == leakage["groups_across_splits"] == 0
    # With four images per patient, a split by image would leave few test images without a training image.
    assert leakage["image_wise_split_would_leak"] > 0.8
    assert sum(split["images"] for split in audit["splits"].values()) == 38


def test_a_source_split_that_divides_a_patient_is_an_error(source: Source, tmp_path: Path) -> None:
    source.images["split"] = ["train", "test"] * 20
    patient = source.images["patient_id"].iloc[0]
    with raises(PatientInTwoSplitsError, unit="patient", name=patient, splits=["test", "train"], count=10):
        prepare(source, tmp_path / "out", size=16)
    assert not (tmp_path / "out").exists()


def test_too_few_patients_for_three_splits_are_an_error(source: Source, tmp_path: Path) -> None:
    source.images["patient_id"] = [f"p{number % 2}" for number in range(40)]
    source.images["Mass"] = [number // 2 % 2 for number in range(40)]
    with raises(EmptySplitError, unit="patient", units=2):
        prepare(source, tmp_path / "out", size=16)
    assert not (tmp_path / "out").exists()


def test_a_given_split_of_one_class_is_an_error_unless_all_is_test(source: Source, tmp_path: Path) -> None:
    positive = source.images["Mass"] == 1
    source.images["split"] = ["train", "train", "train", "train", "validation", "validation"] * 6 + ["test"] * 4
    source.images["patient_id"] = source.images["image_id"]
    source.given_split = {"by": "column", "name": "split"}
    source.images["Mass"] = positive.astype(int).where(source.images["split"] != "test", 1)
    with raises(SplitClassError, split="test", finding="Mass", missing=0, images=4):
        prepare(source, tmp_path / "out", size=16)
    source.images["split"] = "test"
    assert (prepare(source, tmp_path / "out", size=16)["split"] == "test").all()


def test_similar_images_in_kept_splits_are_reported(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        for number in range(4):
            for kind in ("NORMAL", "PNEUMONIA"):
                draw(tmp_path / "x" / split / kind / f"{number}.png", seed=number + 10 * (kind == "NORMAL"))
    manifest = prepare(read_folders(tmp_path / "x", "PNEUMONIA"), tmp_path / "out", size=16)
    assert_disjoint(manifest)
    assert manifest["split"].value_counts().to_dict() == {"train": 8, "validation": 8, "test": 8}
    notes = {
        note["code"]: note["values"] for note in json.loads((tmp_path / "out" / "source.json").read_text())["notes"]
    }
    assert notes["split_divides_groups"]["groups"] > 0


def test_the_manifest_records_the_split_method(source: Source, tmp_path: Path) -> None:
    prepare(source, tmp_path / "out", size=16, plan=SplitPlan(5, (60, 20, 20)))
    split = read_split_facts(tmp_path / "out")
    assert split == {"given": None, "unit": "patient", "seed": 5, "fractions": [0.6, 0.2, 0.2]}
    assert json.loads((tmp_path / "out" / "source.json").read_text())["split"] == split


def test_a_source_with_a_lost_row_is_an_assertion_error(source: Source) -> None:
    with pytest.raises(AssertionError, match="41 rows were read, but 40"):
        Source("table", source.images, ["Mass"], REST, "a test", rows=41)


def test_a_repeated_audit_is_the_same(prepared: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(prepared, tmp_path / "copy"))
    first = json.loads((copy / "audit.json").read_text())
    (copy / "audit.json").unlink()
    again = audit_prepared(copy)
    for audit in (first, again):
        audit["shortcuts"].pop("seconds")
    del first["digest"]
    assert again == first


def test_tables_of_the_source_are_saved_beside_the_manifest(shared_data: Path, tmp_path: Path) -> None:
    source = read_nih(shared_data / "nih", "Pneumothorax", "rest")
    manifest = prepare(source, tmp_path / "out", size=16)
    assert_disjoint(manifest)
    found = read_prepared(tmp_path / "out")
    assert len(found.table) == 112_120 and found.facts["missing"] == 112_120 - len(manifest)
    assert set(found.boxes["image_id"]) <= set(manifest["image_id"]) and len(found.boxes)
    assert found.other_labels["image_id"].nunique() == 4_376
    quality = json.loads((tmp_path / "out" / "audit.json").read_text())["label_quality"]
    row = next(row for row in quality if (row["finding"], row["subset"]) == ("Pneumothorax", "test"))
    assert (row["images"], row["both"], row["labels_only"], row["reference_only"]) == (1_962, 97, 103, 98)


def test_without_a_readable_image_no_file_is_written(source: Source, tmp_path: Path) -> None:
    for path in source.images["path"]:
        Path(path).write_bytes(b"")
    with raises(NoReadableImageError, images=40, path=source.images["path"].iloc[0]):
        prepare(source, tmp_path / "out", size=16)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_the_same_images_and_seed_give_the_same_data_set(source: Source, tmp_path: Path) -> None:
    facts = []
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        prepare(source, tmp_path / name, size=16, seed=seed)
        facts.append(json.loads((tmp_path / name / "source.json").read_text())["fingerprint"])
    assert facts[0] == facts[1] != facts[2]


def test_phantoms_are_at_the_paths_of_the_manifest(prepared: Path) -> None:
    manifest = read_manifest(prepared)
    assert all(Path(path).is_file() for path in manifest["path"])
    assert manifest["path"].str.startswith(str(prepared)).all()
    assert set(manifest["Opacity"]) == {0, 1}
    boxes = read_prepared(prepared).boxes
    assert set(boxes["image_id"]) <= set(manifest["image_id"])
    assert boxes[["x", "y", "width", "height"]].to_numpy().min() >= 0
    assert (boxes["x"] + boxes["width"]).max() <= 1 and (boxes["y"] + boxes["height"]).max() <= 1


def test_the_same_seed_gives_the_same_phantoms_also_at_a_relative_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for out in (tmp_path / "one", Path("data/set")):
        manifest = prepare(partial(read_phantoms, images=24, seed=5), out, size=16)
    assert all(Path(path).is_file() for path in manifest["path"])
    assert np.array_equal(open_pixels(tmp_path / "one"), open_pixels(tmp_path / "data" / "set"))


@pytest.mark.slow
def test_real_radiographs_are_split_by_patient(shared_data: Path, tmp_path: Path) -> None:
    manifest = prepare(read_nih(shared_data / "nih-256", "Pneumonia"), tmp_path / "out", size=32)
    assert len(manifest) == 683
    assert_disjoint(manifest)


@pytest.mark.slow
def test_related_slices_are_in_one_split(shared_data: Path, tmp_path: Path) -> None:
    manifest = prepare(read_folders(shared_data / "ct", "COVID"), tmp_path / "out", size=64)
    sizes = manifest["group_id"].value_counts()
    assert sizes.max() <= 0.05 * len(manifest) and len(sizes) > 20
    assert manifest["patient_id"].isna().all()
    # In a split by slice, a nearest neighbour has an accuracy of 94 %, because slices of a patient are similar.
    pixels = open_pixels(tmp_path / "out").reshape(len(manifest), -1).astype(np.float32)
    pixels -= pixels.mean(axis=1, keepdims=True)
    pixels /= np.linalg.norm(pixels, axis=1, keepdims=True)
    train, test = ((manifest["split"] == name).to_numpy() for name in ("train", "test"))
    nearest = (pixels[test] @ pixels[train].T).argmax(axis=1)
    truth = manifest["COVID"].to_numpy(dtype=int)
    assert (truth[train][nearest] == truth[test]).mean() < 0.85
