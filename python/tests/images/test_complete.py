"""Pictures whose data are fewer than their header states are rejected; complete ones are not."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from made_dicom import write_dicom
from PIL import Image

from placa.images.grey import ImageRejected
from placa.images.read import read_image

_LEVELS = np.random.default_rng(0).integers(0, 256, (96, 64), dtype=np.uint8)


def _png(levels: np.ndarray, height: int = 96, rows: int = 96, interlaced: bool = False) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    body = b"".join(b"\0" + row.tobytes() for row in levels[:rows])
    header = struct.pack(">IIBBBBB", levels.shape[1], height, 8, 0, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def _jpeg(levels: np.ndarray, **options: object) -> bytes:
    with io.BytesIO() as file:
        Image.fromarray(levels).save(file, "JPEG", quality=90, **options)
        return file.getvalue()


def _read(tmp_path: Path, content: bytes) -> np.ndarray:
    (tmp_path / "image").write_bytes(content)
    return read_image(tmp_path / "image", 32)


@pytest.mark.parametrize(("height", "rows", "interlaced"), [(96, 40, False), (960, 96, False), (96, 30, True)])
def test_a_png_with_fewer_rows_is_rejected(tmp_path: Path, height: int, rows: int, interlaced: bool) -> None:
    with pytest.raises(ImageRejected, match="fewer pixels"):
        _read(tmp_path, _png(_LEVELS, height, rows, interlaced))
    assert _read(tmp_path, _png(_LEVELS)).std() > 0


def test_a_png_with_a_wrong_checksum_is_rejected(tmp_path: Path) -> None:
    damaged = bytearray(_png(_LEVELS))
    damaged[-14] ^= 1
    with pytest.raises(ImageRejected, match="checksum"):
        _read(tmp_path, bytes(damaged))


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_that_was_cut_and_closed_is_rejected(tmp_path: Path, options: dict[str, bool]) -> None:
    whole = _jpeg(_LEVELS, **options)
    assert _read(tmp_path, whole).std() > 0
    # A complete image that ends in the grey of missing blocks.
    padded = _LEVELS.copy()
    padded[60:] = 128
    assert _read(tmp_path, _jpeg(padded, **options)).std() > 0
    for share in (0.5, 0.7, 0.9):
        cut = whole[: int(len(whole) * share)].rstrip(b"\xff") + b"\xff\xd9"
        with pytest.raises(ImageRejected, match="fewer pixels"):
            _read(tmp_path, cut)


def test_an_image_of_one_grey_level_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ImageRejected, match="same grey level"):
        _read(tmp_path, _png(np.full((96, 64), 7, dtype=np.uint8)))
    far = write_dicom(tmp_path / "a.dcm", _LEVELS.astype(np.uint16), RescaleIntercept="1e30", RescaleSlope="1")
    with pytest.raises(ImageRejected, match="same grey level"):
        read_image(far, 32)


def test_dicom_pixels_that_do_not_fit_the_columns_are_rejected(tmp_path: Path) -> None:
    levels = _LEVELS.astype(np.uint16) * 16
    with pytest.raises(ImageRejected, match="bytes of pixels"):
        read_image(write_dicom(tmp_path / "a.dcm", levels, Columns=63), 32)
    assert read_image(write_dicom(tmp_path / "b.dcm", levels), 32).std() > 0
