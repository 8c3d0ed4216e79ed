"""The images that differ most from the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from placa.audit.unusual import LISTED, find_unusual
from placa.dataset.prepared import read_prepared


def test_images_of_another_kind_are_listed_first(prepared: Path) -> None:
    data = read_prepared(prepared)
    pixels, manifest = np.array(data.pixels), data.manifest.copy()
    random = np.random.default_rng(0)
    pixels[3] = random.integers(0, 256, pixels[3].shape)
    pixels[10] = 255 - pixels[10]
    # Several images of the same kind do not hide each other.
    pixels[40:44] = np.linspace(0, 255, pixels.shape[2]).astype(np.uint8)
    found = find_unusual(manifest, pixels)
    assert found is not None and found["images"] == len(manifest)
    strange = manifest["image_id"].iloc[[3, 10, 40, 41, 42, 43]]
    listed = pd.DataFrame(found["listed"])
    assert len(listed) == LISTED and set(strange) <= set(listed["image_id"])
    assert listed["distance"].is_monotonic_decreasing
    assert listed["outside"].sum() == found["outside"] >= 5


def test_radiographs_are_not_outside_and_few_images_have_no_list(prepared: Path) -> None:
    data = read_prepared(prepared)
    found = find_unusual(data.manifest, data.pixels)
    assert found is not None and found["outside"] <= 1
    assert find_unusual(data.manifest.iloc[:20], data.pixels[:20]) is None
