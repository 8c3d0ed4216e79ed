"""Every reader keeps to the budget of `placa.core.limits`: low limits refuse small, harmless files."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tifffile
from made_dicom import write_dicom
from made_volume_files import body, meta_image, nrrd
from PIL import Image
from raising import raises
from record_fixtures import good_record

from placa.core import limits
from placa.core.errors import FileTooLargeError
from placa.images.by_rule import read_file
from placa.images.grey import ImageRejected
from placa.models.files import read_card
from placa.records.files import read_record
from placa.records.parquet_files import read_parquet, read_parquet_frame
from placa.records.reading import STRETCH, slabs
from placa.records.run_facts import RunFacts
from placa.sources.errors import TableFormatError
from placa.sources.tables import read_text_table

_LEVELS = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)
_AXES = [(0.7, 0, 0), (0, 0.7, 0), (0, 0, 4)]


def _picture(kind: str, **options: object) -> bytes:
    with io.BytesIO() as file:
        Image.fromarray(_LEVELS).save(file, kind, **options)
        return file.getvalue()


def _tiff(**options: object) -> bytes:
    with io.BytesIO() as file:
        tifffile.imwrite(file, _LEVELS, **options)
        return file.getvalue()


def _refuses(path: Path, squares: int = 0) -> str:
    with pytest.raises(ImageRejected) as refused:
        read_file(slabs(squares) if squares else STRETCH, str(path), 16)
    return str(refused.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "PPM", "JPEG2000", "DICOM"])
def test_an_image_with_more_pixels_than_the_limit_is_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "image"
    if kind == "DICOM":
        write_dicom(path, _LEVELS.astype(np.uint16) * 16)
    else:
        path.write_bytes(_picture(kind))
    assert read_file(STRETCH, str(path), 16).shape == (1, 16, 16)
    monkeypatch.setattr(limits, "MAX_PIXELS", _LEVELS.size - 1)
    assert "limit of 1,199" in _refuses(path)


def test_a_jpeg_with_too_many_scans_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "image").write_bytes(_picture("JPEG", progressive=True))
    monkeypatch.setattr(limits, "MAX_PIXELS_OF_SCANS", 3 * _LEVELS.size)
    assert "scans" in _refuses(tmp_path / "image")


def test_a_tiff_with_too_many_images_or_too_large_tiles_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "image").write_bytes(_tiff(tile=(128, 128), compression="zlib"))
    assert read_file(STRETCH, str(tmp_path / "image"), 16).shape == (1, 16, 16)
    monkeypatch.setattr(limits, "MAX_PIXELS", _LEVELS.size)
    assert "tiles" in _refuses(tmp_path / "image")
    tifffile.imwrite(tmp_path / "many", np.stack([_LEVELS] * 4), photometric="minisblack")
    monkeypatch.setattr(limits, "MAX_PAGES", 3)
    assert "more than 3 images" in _refuses(tmp_path / "many")


@pytest.mark.parametrize("name", ["a.nrrd", "b.mha"])
@pytest.mark.parametrize(
    ("limit", "value", "reason"), [("MAX_VOXELS", 100, "100"), ("MAX_BYTES", 100, "100"), ("MAX_SECONDS", -1.0, "sec")]
)
def test_a_volume_beyond_a_limit_is_refused(
    tmp_path: Path, name: str, limit: str, value: float, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    if name == "a.nrrd":
        path.write_bytes(nrrd(body(), "left-posterior-superior", "mm", 1, "gzip", "<", _AXES))
    else:
        path.write_bytes(meta_image(body(), True, "<"))
    assert read_file(slabs(3), str(path), 16).shape == (3, 16, 16)
    monkeypatch.setattr(limits, limit, value)
    assert reason in _refuses(path, 3)


def test_a_table_beyond_a_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = tmp_path / "labels.csv.gz"
    text.write_bytes(gzip.compress(b"path,label\n" + b"a.png,1\n" * 100))
    monkeypatch.setattr(limits, "MAX_BYTES", 200)
    with raises(TableFormatError, file=str(text), format="gzip"):
        read_text_table(text)


@pytest.mark.parametrize(("limit", "value"), [("MAX_VALUES", 9_999), ("MAX_BYTES", 10)])
def test_a_parquet_file_beyond_a_limit_is_refused(
    tmp_path: Path, limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 10,000 equal values are a few bytes.
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"image_id": pa.array(["a"] * 10_000)}), path)
    assert path.stat().st_size < 2_000 and read_parquet(path).num_rows == 10_000
    monkeypatch.setattr(limits, limit, value)
    with raises(FileTooLargeError, path=str(path), values=10_000):
        read_parquet_frame(path, "")
    with raises(FileTooLargeError, path=str(path)):
        read_text_table(path)


def test_a_record_or_model_beyond_a_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run.json").write_text(json.dumps(good_record("run")))
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("placa.json", json.dumps(good_record("model")))
        archive.writestr("model.weights.h5", bytes(5_000))
    assert read_record(tmp_path / "run.json", RunFacts) and read_card(tmp_path / "model.keras")
    monkeypatch.setattr(limits, "MAX_RECORD_BYTES", 100)
    with raises(FileTooLargeError, path=str(tmp_path / "run.json")):
        read_record(tmp_path / "run.json", RunFacts)
    with raises(FileTooLargeError, path=str(tmp_path / "model.keras")):
        read_card(tmp_path / "model.keras")
    monkeypatch.undo()
    monkeypatch.setattr(limits, "MAX_BYTES", 5_000)
    with raises(FileTooLargeError, path=str(tmp_path / "model.keras")):
        read_card(tmp_path / "model.keras")
