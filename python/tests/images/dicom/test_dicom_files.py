"""DICOM files that are read, and the reasons of rejected and damaged ones."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import draw
from made_dicom import SHIPPED, ramp, write_dicom
from pydicom.uid import DeflatedExplicitVRLittleEndian

from placa.core import limits
from placa.dataset.pixel_cache import decode as decode_many
from placa.images.dicom import worker as dicom_worker
from placa.images.dicom.header import is_dicom
from placa.images.dicom.read import read_grey
from placa.images.read import ImageRejected, find_images, read_image


def _odd(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "odd.dcm"
    good = write_dicom(tmp_path / "good.dcm", ramp())
    shipped = {
        "frames": "SC_rgb_rle_2frame",
        "report": "reportsi",
        "mask": "liver_1frame",
        "dose": "rtdose_1frame",
        "cut": "MR_truncated",
        "frames-no-number": "badVR",
    }
    if kind in shipped:
        return SHIPPED / f"{shipped[kind]}.dcm"
    if kind == "index":
        return SHIPPED / "dicomdirtests" / "DICOMDIR"
    if kind == "raw":
        return write_dicom(path, ramp(), PresentationIntentType="FOR PROCESSING")
    if kind == "slope":
        return write_dicom(path, ramp(), RescaleSlope=0, RescaleIntercept=3)
    if kind == "huge":
        return write_dicom(path, ramp(), Rows=20000, Columns=20000)
    if kind == "claims":
        return write_dicom(path, ramp(), Rows=9000, Columns=9000)
    if kind == "headless":
        path.write_bytes(good.read_bytes()[:-8200])
    if kind == "beginning":
        path.write_bytes(good.read_bytes()[:300])
    if kind == "text":
        path.write_text("PatientID: 4711\n")
    if kind == "empty":
        path.write_bytes(b"")
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("frames", "2 frames"),
        ("frames-no-number", "not a number"),
        ("report", "no image .Basic Text SR"),
        ("mask", "1 bits"),
        ("dose", "32 bit"),
        ("index", "DICOMDIR, an index"),
        ("cut", "truncated"),
        ("headless", "truncated"),
        ("beginning", "no image|not a|damaged|truncated"),
        ("raw", "FOR PROCESSING"),
        ("slope", "slope is 0"),
        ("huge", "more than the limit of 120,000,000"),
        ("claims", "that no radiograph reaches"),
        ("text", "it is text"),
        ("empty", "empty"),
    ],
)
def test_an_unusable_dicom_file_is_rejected_with_a_reason(tmp_path: Path, kind: str, reason: str) -> None:
    with pytest.raises(ImageRejected, match=reason):
        read_image(_odd(tmp_path, kind), 32)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("frames", {"frames": 2}),
        ("mask", {"bits": 1}),
        ("dose", {"bits": 32}),
        ("huge", {"width": 20_000, "height": 20_000}),
    ],
)
def test_the_reason_of_a_rejected_dicom_file_has_its_numbers(tmp_path: Path, kind: str, values: dict[str, int]) -> None:
    with pytest.raises(ImageRejected) as rejected:
        read_image(_odd(tmp_path, kind), 32)
    assert rejected.value.values == values


def test_every_file_that_pydicom_ships_is_read_or_rejected() -> None:
    read = 0
    for path in sorted(SHIPPED.rglob("*")):
        if path.is_file() and "TINY_ALPHA" not in path.parts:
            try:
                levels = read_image(path, 16)
                read += 1
                assert levels.shape == (16, 16)
            except ImageRejected as rejected:
                assert len(str(rejected)) > 20, path.name
    assert read >= 60


def test_dicom_is_recognised_by_content(tmp_path: Path) -> None:
    true = read_grey(write_dicom(tmp_path / "a.dcm", ramp(255).astype(np.uint8), bits=8))
    (tmp_path / "a.png").write_bytes((tmp_path / "a.dcm").read_bytes())
    assert (read_image(tmp_path / "a.png", 64) == true).all()
    # Without a preamble, as older software writes files.
    bare = (tmp_path / "a.dcm").read_bytes()[132:]
    (tmp_path / "bare").write_bytes(bare)
    assert is_dicom(bare) and (read_image(tmp_path / "bare", 64) == true).all()
    draw(tmp_path / "b.png", size=(64, 64)).rename(tmp_path / "b.dcm")
    assert read_image(tmp_path / "b.dcm", 64).std() > 10
    (tmp_path / "PACS").mkdir()
    for name in ("IM0001", "1.2.840.77", "x.DCM", "notes.txt"):
        (tmp_path / "PACS" / name).write_bytes((tmp_path / "a.dcm").read_bytes())
    (tmp_path / "PACS" / "README").write_text("nothing")
    assert {path.name for path in find_images([tmp_path / "PACS"])} == {
        "IM0001",
        "1.2.840.77",
        "x.DCM",
        "notes.txt",
    }


def test_a_deflated_bomb_is_not_inflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_dicom(tmp_path / "a.dcm", np.zeros((6000, 6000), np.uint16), syntax=DeflatedExplicitVRLittleEndian)
    assert path.stat().st_size < 200_000
    monkeypatch.setattr(limits, "MAX_PIXELS", 1000)
    with pytest.raises(ImageRejected, match="larger than any radiograph"):
        read_grey(path)


def test_a_crash_of_the_decoder_rejects_only_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    path = SHIPPED / "MR_small_jpeg_ls_lossless.dcm"
    expected = read_grey(SHIPPED / "MR_small.dcm")
    # The time limit is 0.
    monkeypatch.setattr(dicom_worker, "Timer", lambda _, kill: SimpleNamespace(start=kill, cancel=lambda: None))
    with pytest.raises(ImageRejected, match="stopped the decoder"):
        read_grey(path)
    monkeypatch.undo()
    assert (read_grey(path) == expected).all()
    assert all((levels == read_image(path, 64)).all() for levels, _ in decode_many([str(path)] * 8, 64, workers=2))


def test_damaged_bytes_never_raise_another_error(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    names = ("CT_small", "MR_small_RLE", "MR_small_jpeg_ls_lossless", "SC_rgb_small_odd_jpeg", "image_dfl")
    for number in range(150):
        raw = bytearray((SHIPPED / f"{names[number % len(names)]}.dcm").read_bytes())
        for _ in range(4):
            raw[random.integers(132, min(len(raw), 2000))] = random.integers(256)
        path = tmp_path / "a.dcm"
        path.write_bytes(raw)
        try:
            assert read_grey(path).ndim == 2
        except ImageRejected as rejected:
            assert os.linesep not in str(rejected)


def test_gdcm_that_fails_to_load_does_not_damage_a_file(tmp_path: Path) -> None:
    (tmp_path / "gdcm.py").write_text("import dl\ndl.RTLD_NOW\n")
    (tmp_path / "dl").mkdir()
    film = write_dicom(tmp_path / "film.dcm", ramp())
    script = "import sys; from placa.images.read import read_image; print(read_image(sys.argv[1], 32).sum())"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    arguments = [sys.executable, "-c", script, str(film)]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) == read_image(film, 32).sum()
