from pathlib import Path

import numpy as np
import pandas as pd
from conftest import draw

from placa.dataset.copies import find_contradictions, inspect_cache
from placa.dataset.pixel_cache import drop_rows
from placa.records.reading import STRETCH
from placa.sources.folders import read_folders
from placa.workflows.prepare import prepare


def squares(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8), dtype=np.uint8)


def test_equal_pixels_have_one_number_and_blank_images_their_own() -> None:
    pixels = squares(8)
    pixels[3], pixels[4], pixels[5], pixels[6], pixels[7] = pixels[1], 0, 0, 255, pixels[7] // 16
    facts = inspect_cache(pixels, STRETCH)
    assert facts.copies[1] == facts.copies[3] and len(set(facts.copies)) == 7
    assert facts.uniform.tolist() == [False] * 4 + [True] * 4


def test_copies_with_another_label_are_set_aside_and_unknown_labels_are_not() -> None:
    images = pd.DataFrame({"path": list("abcde"), "Mass": pd.array([1, 0, 1, pd.NA, 1], "Int8")})
    reasons = find_contradictions(images, ["Mass"], np.array([0, 0, 1, 1, 2]))
    assert (reasons != "").tolist() == [True, True, False, False, False]
    assert "b" in reasons[0] and "a" in reasons[1]


def test_rows_are_dropped_from_a_cache(tmp_path: Path) -> None:
    pixels = squares(5)
    np.save(tmp_path / "pixels-8.npy", pixels)
    drop_rows(tmp_path / "pixels-8.npy", np.array([True, False, True, False, True]))
    assert np.array_equal(np.load(tmp_path / "pixels-8.npy"), pixels[::2])


def test_an_image_in_two_classes_is_rejected_and_copies_share_a_group(tmp_path: Path) -> None:
    for number in range(24):
        draw(tmp_path / "set" / ("sano" if number % 2 else "enfermo") / f"{number}.png", seed=number)
    draw(tmp_path / "set" / "sano" / "also.bmp", seed=0)
    draw(tmp_path / "set" / "sano" / "again.png", seed=1)
    for number in range(2):
        dark = draw(tmp_path / "set" / "sano" / f"dark {number}.png", seed=number + 50)
        dark.write_bytes((tmp_path / "set" / "sano" / "also.bmp").read_bytes())
    (tmp_path / "set" / "sano" / "dark 1.png").unlink()
    manifest = prepare(read_folders(tmp_path / "set", "enfermo"), tmp_path / "p", size=16, progress=False)
    rejected = pd.read_csv(tmp_path / "p" / "rejected.csv")
    assert {Path(path).name for path in rejected["path"]} == {"0.png", "also.bmp", "dark 0.png"}
    assert len(np.load(tmp_path / "p" / "pixels-16.npy")) == len(manifest) == 24
    groups = manifest.set_index("image_id")["group_id"]
    assert groups["sano/1.png"] == groups["sano/again.png"]
