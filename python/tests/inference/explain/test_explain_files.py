"""Outputs from Grad-CAM maps: scores against boxes, overlays, files, and lists for R."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_dicom import write_dicom
from made_volumes import thorax, write_volume
from PIL import Image
from raising import raises
from record_fixtures import reseal

from placa.core.errors import OutOfRangeError, UnknownNameError
from placa.core.files import fingerprint
from placa.images.by_rule import read_file
from placa.images.errors import NoReadableImageError
from placa.inference.errors import (
    NoBoxesError,
    NoTestBoxesError,
    NothingToExplainError,
)
from placa.inference.explain import Explainer, explain_files
from placa.inference.explain.boxes import format_summary, read_test_boxes, score, summarise
from placa.inference.explain.gradcam import GradCam
from placa.inference.explain.overlay import background, overlay
from placa.inference.predict import Predictor, load_predictor
from placa.records.manifest import read_manifest
from placa.records.reading import slabs
from placa.workflows.r_calls import explain_as_lists, find_as_lists


def test_explaining_does_not_change_predictions(run: Path, prepared: Path) -> None:
    path = read_manifest(prepared)["path"].iloc[0]
    predictor = Predictor(run)
    before, _ = predictor.predict([path])
    explained = Explainer(predictor).explain(path)[0]
    after, _ = predictor.predict([path])
    assert before.equals(after) and explained.probability == before["probability"].iloc[0]
    again = Explainer(Predictor(run)).explain(path)[0]
    assert np.array_equal(explained.evidence, again.evidence)


def test_scores_match_a_manual_calculation() -> None:
    evidence = np.zeros((4, 4), dtype=np.float32)
    evidence[0, 0], evidence[0, 1], evidence[3, 3] = 1.0, 0.5, 0.4
    left_top = [(0.0, 0.0, 0.5, 0.5)]
    found = score(evidence, left_top)
    # Two pixels are marked, both among the four of the box.
    assert found == {"hit": True, "iou": 0.5, "area": 0.25, "centre": False}
    assert score(evidence, left_top, threshold=0.4)["iou"] == 2 / 5
    assert score(evidence, [(0.5, 0.5, 0.5, 0.5)]) == {"hit": False, "iou": 0.0, "area": 0.25, "centre": True}
    assert score(np.zeros((4, 4), np.float32), left_top)["hit"] is False
    # Overlapping boxes form one region.
    assert score(evidence, [*left_top, (0.25, 0.0, 0.5, 0.5)])["area"] == 6 / 16
    summary = summarise(pd.DataFrame([{"finding": "Mass", **found}] * 3), 0.5)["findings"]["Mass"]
    assert summary["images"] == 3 and summary["pointing"] == 1 and summary["pointing_anywhere"] == 0.25
    # The lower limit of 3 of 3 is n / (n + z^2).
    assert (
        summary["pointing_lower"] == pytest.approx(3 / (3 + 1.959964**2), abs=1e-6) and summary["pointing_upper"] == 1
    )


def test_an_overlay_keeps_the_aspect_ratio_and_pixels_without_evidence(tmp_path: Path) -> None:
    # Dark on the left: an image of one grey level is refused.
    levels = np.full((60, 90), 77, dtype=np.uint8)
    levels[:, :20] = 40
    Image.fromarray(levels).save(tmp_path / "wide.png")
    grey = background(tmp_path / "wide.png", side=120)
    assert grey.shape == (80, 120)
    evidence = np.zeros((6, 6), dtype=np.float32)
    plain = np.asarray(overlay(grey, evidence))
    assert plain.shape == (80, 120, 3) and (plain == grey[..., None]).all()
    evidence[0, 5] = 2.0
    coloured = np.asarray(overlay(grey, evidence, [(0.5, 0.0, 0.5, 0.5)])).astype(int)
    assert (coloured[-1, 0] == grey[-1, 0]).all() and coloured[4, 115, 0] > coloured[4, 115, 2] + 50
    assert (coloured[20, 60] == 255).all()


def test_the_command_writes_overlays_maps_and_scores(run: Path, prepared: Path, tmp_path: Path, placa) -> None:
    images = sorted((prepared / "images").glob("*.png"))[:2]
    (tmp_path / "bad.png").write_text("no image")
    out = tmp_path / "out"
    done = placa("explain", run, *images, tmp_path / "bad.png", "--out", out, "--boxes", prepared)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("bad.png") == 1 and "text" in done.stderr
    assert done.stdout.startswith("Opacity: pointing game ") and done.stdout.endswith(f"{out}\n")
    table = pd.read_csv(out / "explain.csv")
    lesions, _ = read_test_boxes(prepared, ["Opacity"])
    assert set(table["image_id"]) == {Path(path).name for path in (*images, *(path for path, _ in lesions))}
    assert "path" not in table
    for row in table.to_dict("records"):
        assert np.load(out / row["map"]).shape == (64, 64) and Image.open(out / row["overlay"]).size == (512, 512)
    summary = json.loads((out / "boxes.json").read_text())
    assert summary["threshold"] == 0.5 and summary["findings"]["Opacity"]["images"] == len(lesions)
    assert len(pd.read_csv(out / "boxes.csv")) == len(lesions)
    assert format_summary(summary) == done.stdout.splitlines()[:1]


def test_invalid_input_of_explain_is_an_error(run: Path, prepared: Path, tmp_path: Path) -> None:
    image = read_manifest(prepared)["path"].iloc[0]
    with raises(UnknownNameError, kind="finding", name="Opacidad", known=["Opacity"]):
        explain_files(run, [image], tmp_path / "out", "Opacidad")
    with raises(NothingToExplainError, run=str(run)):
        explain_files(run, [], tmp_path / "out")
    for threshold in (0, 1.5):
        with raises(OutOfRangeError, name="threshold", value=threshold):
            explain_files(run, [image], tmp_path / "out", threshold=threshold)
    (tmp_path / "without").mkdir()
    for file in prepared.iterdir():
        if file.name != "boxes.parquet":
            (tmp_path / "without" / file.name).symlink_to(file)
    with raises(NoBoxesError, prepared=str(tmp_path / "without")):
        explain_files(run, [], tmp_path / "out", boxes=tmp_path / "without")
    with raises(
        NoTestBoxesError, prepared=str(prepared), findings=["Hernia"], box_findings=["Opacity", "Pneumothorax"]
    ):
        read_test_boxes(prepared, ["Hernia"])
    (tmp_path / "bad.png").write_bytes(b"")
    with raises(NoReadableImageError, images=1, path=str(tmp_path / "bad.png")):
        explain_files(run, [tmp_path / "bad.png"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_names_of_dicom_files_are_hashes_unless_paths_are_wanted(run: Path, tmp_path: Path) -> None:
    image = write_dicom(tmp_path / "Munoz_Jose_19810413.dcm", np.tile(np.arange(64, dtype=np.uint16) * 60, (64, 1)))
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef")
    table, _, _ = explain_files(run, [image], tmp_path / "out", key=key)
    assert not [name for name in os.listdir(tmp_path / "out") if "Jose" in name]
    assert "Jose" not in (tmp_path / "out" / "explain.csv").read_text() and "path" not in table
    assert len(table["image_id"].item()) == 16 and table["overlay"].item().startswith(table["image_id"].item())
    with_paths, _, _ = explain_files(run, [image], tmp_path / "paths", paths=True)
    assert with_paths["path"].item() == str(image) and with_paths["image_id"].item() == image.name
    assert with_paths["overlay"].item() == "Munoz_Jose_19810413.Opacity.png"


def test_images_with_equal_names_do_not_overwrite_each_other(run: Path, prepared: Path, tmp_path: Path) -> None:
    for folder, image in zip("ab", sorted((prepared / "images").glob("*.png")), strict=False):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "scan.png").symlink_to(image)
    table, _, _ = explain_files(run, [tmp_path / "a", tmp_path / "b"], tmp_path / "out")
    assert table["overlay"].tolist() == ["scan.Opacity.png", "scan-2.Opacity.png"]


def test_the_square_with_the_highest_score_of_a_volume_is_explained(a_run: Path, tmp_path: Path, placa) -> None:
    # A run on radiographs with the reading rule of volumes; its predictions do not matter here.
    facts = json.loads((a_run / "run.json").read_text())
    facts["data"]["reading"] = slabs(4).as_record()
    with zipfile.ZipFile(a_run / "model.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    card = json.loads(members["placa.json"]) | {"reading": slabs(4).as_record()}
    with zipfile.ZipFile(a_run / "model.keras", "w") as archive:
        for name, content in {**members, "placa.json": json.dumps(card).encode()}.items():
            archive.writestr(name, content)
    facts["model"]["fingerprint"] = fingerprint(a_run / "model.keras")
    reseal(a_run / "run.json", facts)
    volume = tmp_path / "7.mha"
    write_volume(volume, thorax(opacity=True))
    done = placa("explain", a_run, volume, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "square" in done.stderr and "explain.csv" in done.stderr
    row = pd.read_csv(tmp_path / "out" / "explain.csv").iloc[0]
    predictor = Predictor(a_run)
    squares = read_file(predictor.reading, str(volume), predictor.size)
    logits = GradCam(predictor.model).logits(squares)[:, 0]
    assert row["squares"] == 4 and row["square"] == logits.argmax() + 1 and row["overlay"] == "7.Opacity.png"
    # The probability is that of the volume: from the mean logit of its squares.
    assert row["probability"] == pytest.approx(1 / (1 + np.exp(-logits.mean())), abs=1e-5)
    assert np.array_equal(
        np.load(tmp_path / "out" / row["map"]), GradCam(predictor.model).maps(squares[[row["square"] - 1]], 0)[0]
    )


def test_lists_for_r_have_plain_values(run: Path, prepared: Path, tmp_path: Path) -> None:
    image = read_manifest(prepared)["path"].iloc[0]
    lists = explain_as_lists(str(run), image)
    one = Explainer(Predictor(run)).explain(image)[0]
    assert lists["probability"] == one.probability and lists["finding"] == "Opacity" and lists["size"] == 64
    assert np.array_equal(np.array(lists["map"], dtype=np.float32), one.evidence.ravel())
    assert np.array_equal(lists["pixels"], one.grey.ravel()) and lists["width"] * lists["height"] == one.grey.size
    assert {type(value) for value in lists["map"]} == {float} and {type(value) for value in lists["pixels"]} == {int}
    (tmp_path / "bad.png").write_bytes(b"")
    assert "empty" in explain_as_lists(str(run), str(tmp_path / "bad.png"))["rejected"]


def test_r_uses_one_predictor_and_lists_of_files(run: Path, prepared: Path) -> None:
    assert load_predictor(run) is load_predictor(run)
    images = sorted(str(path) for path in (prepared / "images").glob("*.png"))
    assert sorted(find_as_lists(str(run), [str(prepared / "images"), images[0]])["files"]) == images


def test_a_name_as_long_as_the_disk_allows_is_shortened_and_stays_unique(
    run: Path, prepared: Path, tmp_path: Path
) -> None:
    first, second = sorted((prepared / "images").glob("*.png"))[:2]
    for image, end in ((first, "a"), (second, "b")):
        (tmp_path / f"{'n' * 244}{end}.png").write_bytes(image.read_bytes())
    table, rejected, _ = explain_files(run, [tmp_path], tmp_path / "out")
    assert not rejected and table["map"].is_unique and all((tmp_path / "out" / name).is_file() for name in table["map"])
