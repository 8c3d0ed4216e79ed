"""Images that two data sets share."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance

from placa.audit.against import compare_sets
from placa.dataset.groups.likeness import duplicates_between
from placa.dataset.prepared import read_prepared
from placa.sources.overlaps import shared_images
from placa.workflows.audit import audit_against


def changed(levels: np.ndarray, size: int) -> np.ndarray:
    """Crop, brighten and resize an image."""
    side = levels.shape[0]
    image = Image.fromarray(levels).crop((2, 1, side - 1, side - 2)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(ImageEnhance.Brightness(image).enhance(1.2))


def test_identical_and_changed_copies_are_found_between_sets(prepared: Path) -> None:
    pixels = np.load(next(prepared.glob("pixels-*.npy")))
    left, right = pixels[:80], pixels[80:].copy()
    right[3] = left[17]
    right[5] = changed(left[40], right.shape[1])
    found = duplicates_between(left, right)
    assert found.exact.tolist() == [[17, 3]]
    assert [40, 5] in found.near.tolist()
    # Drawn at 64 pixels, few different phantoms are near; none is found twice.
    assert len(found.near) <= 2


def test_sets_of_other_sizes_are_compared_at_the_smaller_one(prepared: Path) -> None:
    pixels = np.load(next(prepared.glob("pixels-*.npy")))
    larger = np.stack([np.asarray(Image.fromarray(levels).resize((96, 96))) for levels in pixels[100:]])
    larger[2] = np.asarray(Image.fromarray(pixels[7]).resize((96, 96), Image.Resampling.BICUBIC))
    found = duplicates_between(pixels[:80], larger)
    assert len(found.exact) == 0
    assert [7, 2] in found.near.tolist()


def test_a_copy_of_a_set_shares_all_images_and_patients(prepared: Path, tmp_path: Path) -> None:
    first, copy = tmp_path / "first", tmp_path / "copy"
    for directory in (first, copy):
        shutil.copytree(prepared, directory, ignore=shutil.ignore_patterns("images"))
    overlap, path = audit_against(first, copy)
    manifest = pd.read_parquet(prepared / "manifest.parquet")
    assert overlap.pairs["image_id"].tolist() == overlap.pairs["other_image_id"].tolist()
    assert len(overlap.pairs) == len(manifest)
    assert set(overlap.pairs["kind"]) == {"exact"}
    assert len(overlap.patients) == manifest["patient_id"].nunique()
    written = pd.read_csv(path)
    assert path.name == "overlap-copy.csv"
    assert written["image_id"].tolist() == overlap.pairs["image_id"].tolist()
    assert compare_sets(read_prepared(first), read_prepared(copy)).known is None


def test_sets_of_the_same_images_are_known_by_name() -> None:
    assert shared_images("rsna", "nih") == shared_images("nih", "rsna") is not None
    assert shared_images("nih", "nih") is None
    assert shared_images("nih", "padchest") is None
