"""Prepared data sets with mismatched or damaged parts are errors."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from raising import raises

from placa.core.errors import DamagedFileError
from placa.dataset.errors import MissingPixelsError, RowCountMismatchError
from placa.dataset.prepared import read_images


@pytest.fixture
def broken(prepared: Path, tmp_path: Path) -> Path:
    """Write a manifest and pixels that a test may change."""
    for name in ("manifest.parquet", "pixels-64.npy"):
        shutil.copy(prepared / name, tmp_path / name)
    return tmp_path


def test_pixels_of_another_size_are_an_error(broken: Path) -> None:
    with raises(MissingPixelsError, path=str(broken / "pixels-32.npy"), sizes=[64]):
        read_images(broken, 32)


def test_pixels_with_missing_rows_are_an_error(broken: Path) -> None:
    pixels = np.load(broken / "pixels-64.npy")
    np.save(broken / "pixels-64.npy", pixels[:-1])
    with raises(RowCountMismatchError, rows=len(pixels), pixels=len(pixels) - 1):
        read_images(broken)


def test_damaged_pixels_are_an_error(broken: Path) -> None:
    (broken / "pixels-64.npy").write_bytes(b"\x93NUMPY and nothing else")
    with raises(DamagedFileError, path=str(broken / "pixels-64.npy")):
        read_images(broken)
