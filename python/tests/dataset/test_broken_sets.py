"""Prepared data sets with mismatched or damaged parts are errors."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from raising import raises
from record_fixtures import reseal

from placa.core.errors import DamagedFileError
from placa.core.progress import Progress
from placa.dataset.errors import MissingPixelsError, RowCountMismatchError
from placa.dataset.prepared import read_images, read_prepared
from placa.records.audit import Audit
from placa.records.errors import DuplicateImageError, InvalidRecordError, InvalidValueError
from placa.records.files import read_record
from placa.records.manifest import read_manifest, read_split_facts, write_manifest
from placa.training.data import read_training_data


@pytest.fixture
def broken(prepared: Path, tmp_path: Path) -> Path:
    """Write a manifest and pixels that a test may change."""
    for file in filter(Path.is_file, prepared.iterdir()):
        shutil.copy(file, tmp_path / file.name)
    return tmp_path


def test_pixels_of_another_size_are_an_error(broken: Path) -> None:
    with raises(MissingPixelsError, path=str(broken / "pixels-32.npy"), sizes=[64]):
        read_images(broken, 32)


@pytest.mark.parametrize("content", ["empty", "archive", "negative"])
def test_a_file_that_has_no_pixels_is_an_error(broken: Path, content: str) -> None:
    file = broken / "pixels-64.npy"
    header = file.read_bytes()[:128]
    if content == "archive":
        with file.open("wb") as opened:
            np.savez(opened, pixels=np.zeros(3))
    else:
        file.write_bytes(header.replace(b"(    ", b"(   -") if content == "negative" else b"")
    with raises(DamagedFileError, path=str(file)):
        read_images(broken)


def test_pixels_with_missing_rows_are_an_error(broken: Path) -> None:
    pixels = np.load(broken / "pixels-64.npy")
    np.save(broken / "pixels-64.npy", pixels[:-1])
    with raises(RowCountMismatchError, rows=len(pixels), pixels=len(pixels) - 1):
        read_images(broken)


def test_damaged_pixels_are_an_error(broken: Path) -> None:
    (broken / "pixels-64.npy").write_bytes(b"\x93NUMPY and nothing else")
    with raises(DamagedFileError, path=str(broken / "pixels-64.npy")):
        read_images(broken)


@pytest.mark.parametrize(
    "change",
    [
        lambda pixels: pixels.astype(np.float32),
        lambda pixels: pixels.astype(np.int16),
        lambda pixels: pixels[:, :32, :32],
        lambda pixels: pixels[:, :32],
        lambda pixels: pixels[..., None],
    ],
)
def test_pixels_of_another_type_or_shape_are_an_error(broken: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    np.save(broken / "pixels-64.npy", change(np.load(broken / "pixels-64.npy")))
    with raises(DamagedFileError, path=str(broken / "pixels-64.npy")):
        read_images(broken)


def _change(broken: Path, **columns: object) -> None:
    manifest = read_manifest(broken)
    for name, value in columns.items():
        manifest.loc[manifest.index[3], name] = value
    write_manifest(manifest, broken / "manifest.parquet", read_split_facts(broken))


@pytest.mark.parametrize(
    ("column", "value", "stated"),
    [
        ("Opacity", 2, "2"),
        ("Opacity", -1, "-1"),
        ("age", -1.0, "-1.0"),
        ("age", np.inf, "inf"),
        ("image_id", pd.NA, "<NA>"),
    ],
)
def test_a_value_outside_its_range_is_an_error(broken: Path, column: str, value: object, stated: str) -> None:
    _change(broken, **{column: value})
    with raises(InvalidValueError, column=column, value=stated, rows=1):
        read_manifest(broken)


def test_an_image_that_occurs_twice_is_an_error(broken: Path) -> None:
    first = read_manifest(broken)["image_id"].iloc[0]
    _change(broken, image_id=first)
    with raises(DuplicateImageError, image_id=first):
        read_manifest(broken)


def test_findings_of_another_set_are_an_error(broken: Path) -> None:
    facts = json.loads((broken / "source.json").read_text())
    reseal(broken / "source.json", {**facts, "findings": ["Mass"]})
    with raises(InvalidRecordError, path=str(broken / "source.json")):
        read_prepared(broken)


def test_damaged_metadata_of_a_manifest_are_an_error(broken: Path) -> None:
    path = broken / "manifest.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata({b"placa": b"{no"}), path)
    with raises(DamagedFileError, path=str(path)):
        read_split_facts(broken)


class _Warnings(Progress):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        self.texts.append(text)


@pytest.mark.parametrize(
    ("change", "file"),
    [
        ("nothing", ""),
        ("order of rows", "manifest.parquet"),
        ("labels", "manifest.parquet"),
        ("order of pixels", "pixels-64.npy"),
        ("no boxes", "boxes.parquet"),
        ("another audit", "audit.json"),
    ],
)
def test_a_set_whose_rows_and_pixels_may_not_belong_together_is_a_warning(broken: Path, change: str, file: str) -> None:
    manifest, pixels = read_manifest(broken), np.load(broken / "pixels-64.npy")
    if change == "order of pixels":
        np.save(broken / "pixels-64.npy", np.roll(pixels, 1, axis=0))
    elif change == "no boxes":
        (broken / "boxes.parquet").unlink()
    elif change == "another audit":
        audit = read_record(broken / "audit.json", Audit)
        reseal(broken / "audit.json", {**audit, "fingerprint": "sha256:" + "0" * 64})
    elif change != "nothing":
        changed = manifest[::-1] if change == "order of rows" else manifest.assign(Opacity=1 - manifest["Opacity"])
        write_manifest(changed, broken / "manifest.parquet", read_split_facts(broken))
    progress = _Warnings()
    read_training_data(broken, progress=progress)
    assert [file in text for text in progress.texts] == [True] * (change != "nothing")
