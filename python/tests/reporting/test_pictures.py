"""The images of the report: radiographs, augmented images, and images with maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from report_fixtures import make_run

from placa.records.predictions import read_predictions
from placa.reporting.pictures import finish_maps, save_augmented, save_maps, save_radiographs, start_maps


def pixels_of(file: str) -> np.ndarray:
    return np.asarray(Image.open(file).convert("L"), dtype=float)


def test_saved_radiographs_have_the_pixels_of_the_cache(tmp_path: Path) -> None:
    make_run(tmp_path, images=60, size=16)
    prepared = tmp_path / "data" / "prepared" / "small"
    pixels = np.load(prepared / "pixels-16.npy")
    files = save_radiographs(str(prepared), ["image_007", "nobody", "image_001"], str(tmp_path / "films"))
    assert files[1] == ""
    for file, row in ((files[0], 7), (files[2], 1)):
        assert np.array_equal(np.asarray(Image.open(file)), pixels[row])
    small = save_radiographs(str(prepared), ["image_007"], str(tmp_path / "small"), largest=8)
    assert Image.open(small[0]).size == (8, 8)
    assert save_radiographs(None, ["image_007"], str(tmp_path)) == [""]
    assert save_radiographs(str(tmp_path), ["image_007"], str(tmp_path)) == [""]


def test_augmented_images_are_saved_beside_their_original(tmp_path: Path) -> None:
    make_run(tmp_path, images=60, size=32)
    prepared = str(tmp_path / "data" / "prepared" / "small")
    amounts = {"flip": 1.0, "rotation": 0.0, "zoom": 0.0, "shift": 0.0, "brightness": 0.0, "contrast": 0.0}
    files = save_augmented(prepared, ["image_003", "nobody"], amounts, 1, str(tmp_path / "films"), times=2)
    assert len(files) == 3
    original, changed = pixels_of(files[0]), pixels_of(files[1])
    assert np.abs(changed - original[:, ::-1]).mean() < 4 < np.abs(changed - original).mean()
    assert save_augmented(prepared, ["image_003"], {"of a later placa": 1.0}, 1, str(tmp_path)) == []
    assert save_augmented(None, ["image_003"], amounts, 1, str(tmp_path)) == []


def test_a_map_is_saved_beside_its_image(prepared: Path, small_run: Path, tmp_path: Path) -> None:
    table, _ = read_predictions(small_run)
    table = pd.DataFrame(table)[lambda rows: rows["split"] == "test"].head(3)
    images, findings = table["image_id"].tolist(), table["finding"].tolist()
    message = save_maps(
        str(prepared), str(small_run), [*images, "nobody"], [*findings, findings[0]], str(tmp_path), side=64
    )
    assert message["mapped"] and message["reason"] == "" and message["files"][3] == ""
    for file, radiograph in zip(
        message["files"], save_radiographs(str(prepared), images, str(tmp_path / "films")), strict=False
    ):
        picture = np.asarray(Image.open(file), dtype=float)
        assert picture.shape == (64, 130, 3)
        # The left half is the grey image; the right half is coloured where there is evidence.
        assert np.ptp(picture[:, :64], axis=2).max() < 12
        assert np.abs(picture[:, :64].mean(axis=2) - pixels_of(radiograph)).mean() < 6
    assert any(
        np.ptp(np.asarray(Image.open(file), dtype=float)[:, 66:], axis=2).max() > 40 for file in message["files"][:3]
    )
    # One scale for all images: alone, an image of weaker evidence has stronger colours.
    bar = np.ptp(np.asarray(Image.open(message["scale"]), dtype=float), axis=2).mean(axis=0)
    assert bar[0] < 3 and bar[-1] > 60 and message["highest"] > 0
    alone = [
        save_maps(str(prepared), str(small_run), [image], [finding], str(tmp_path / image), 64)["highest"]
        for image, finding in zip(images, findings, strict=True)
    ]
    assert max(alone) == pytest.approx(message["highest"], rel=1e-4)


def test_without_a_loadable_model_only_images_are_saved(tmp_path: Path) -> None:
    run = make_run(tmp_path, images=60, size=16)
    prepared = str(tmp_path / "data" / "prepared" / "small")
    message = save_maps(prepared, str(run), ["image_003"], ["Pneumonia"], str(tmp_path / "films"))
    assert not message["mapped"] and "model.keras" in message["reason"]
    assert Image.open(message["files"][0]).size == (16, 16)
    assert save_maps(None, str(run), ["image_003"], ["Pneumonia"], str(tmp_path))["files"] == [""]


@pytest.mark.slow
def test_maps_of_a_separate_process_are_the_same(prepared: Path, run: Path, tmp_path: Path) -> None:
    table, _ = read_predictions(run)
    first = table[table["split"] == "test"].iloc[0]
    asked = (str(prepared), str(run), [str(first["image_id"])], [str(first["finding"])])
    begun = start_maps(*asked, str(tmp_path / "there"), 48)
    here = save_maps(*asked, str(tmp_path / "here"), 48)
    there = finish_maps(begun, str(tmp_path / "there"))
    assert there["mapped"] and here["mapped"]
    assert [Path(file).read_bytes() for file in there["files"]] == [Path(file).read_bytes() for file in here["files"]]


def test_a_killed_process_leaves_only_images(tmp_path: Path) -> None:
    run = make_run(tmp_path, images=60, size=16)
    prepared = str(tmp_path / "data" / "prepared" / "small")
    begun = start_maps(prepared, str(run), ["image_003"], ["Pneumonia"], str(tmp_path / "films"))
    begun.kill()
    message = finish_maps(begun, str(tmp_path / "films"))
    assert not message["mapped"] and "-9" in message["reason"] and Path(message["files"][0]).is_file()
