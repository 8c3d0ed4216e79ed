"""Resuming an interrupted pixel cache, and the draft mode of the JPEG decoder."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import RecordedProgress, draw
from PIL import Image

import placa.dataset.pixel_cache
from placa.core import system
from placa.dataset import cache_journal as journals
from placa.dataset.pixel_cache import build_cache
from placa.images.by_rule import read_file
from placa.images.read import read_image
from placa.records.reading import Reading


def broken_after(files: int) -> Callable[[Reading, str, int], np.ndarray]:
    """Raise KeyboardInterrupt after a number of files."""
    left = iter(range(files))

    def read(reading: Reading, path: str, size: int) -> np.ndarray:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return read_file(reading, path, size)

    return read


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Write thirty images, two of them damaged."""
    paths = [str(draw(tmp_path / "in" / f"{number:02}.png", seed=number)) for number in range(30)]
    Path(paths[3]).write_bytes(b"")
    Path(paths[17]).write_text("no image")
    return paths


@pytest.fixture
def interrupted(files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the same files, with an interrupted cache of the first twenty in `tmp_path`."""
    monkeypatch.setattr(placa.dataset.pixel_cache, "_SAVE_SECONDS", -1.0)
    monkeypatch.setattr(placa.dataset.pixel_cache, "cores", lambda: 1)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(placa.dataset.pixel_cache, "read_file", broken_after(20))
        build_cache(files, tmp_path / "pixels-16.npy", 16, journal=tmp_path / "journal")
    return files


def read_anew(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    read: list[str] = []

    def noted(reading: Reading, path: str, size: int) -> np.ndarray:
        read.append(path)
        return read_image(path, size)[None]

    monkeypatch.setattr(placa.dataset.pixel_cache, "read_file", noted)
    return read


def build(files: list[str], tmp_path: Path) -> tuple[np.ndarray, list[str], list[str]]:
    recorded = RecordedProgress()
    kept, reasons = build_cache(files, tmp_path / "pixels-16.npy", 16, recorded, journal=tmp_path / "journal")
    pixels = np.load(tmp_path / "pixels-16.npy")
    assert kept.tolist() == [not reason for reason in reasons]
    for row, path in enumerate(path for path, reason in zip(files, reasons, strict=True) if not reason):
        assert np.array_equal(pixels[row], read_image(path, 16)), "each row has the pixels of its file"
    assert len(pixels) == kept.sum()
    return pixels, reasons, recorded.messages


def test_decoded_images_are_not_decoded_again(
    interrupted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = read_anew(monkeypatch)
    _, reasons, messages = build(interrupted, tmp_path)
    assert read == interrupted[20:] and [re.findall(r"\d+", text) for text in messages] == [["20", "30"]]
    assert "empty" in reasons[3] and "text" in reasons[17] and not reasons[29]
    read.clear()
    build(interrupted, tmp_path)
    assert read == [], "a complete cache is reused"


def cut_the_journal(files: list[str], place: Path) -> int:
    text = (place / "journal").read_bytes()
    (place / "journal").write_bytes(text[:-20])
    return 19


def damage_the_journal(files: list[str], place: Path) -> int:
    lines = (place / "journal").read_bytes().splitlines(keepends=True)
    lines[6] = lines[6].replace(b'"files": 1', b'"files": 2')
    (place / "journal").write_bytes(b"".join(lines))
    return 5


def lose_pixels(files: list[str], place: Path) -> int:
    os.truncate(place / "pixels-16.npy", 128 + 9 * 256 + 7)
    return 10


def change_a_file(files: list[str], place: Path) -> int:
    draw(Path(files[12]), seed=99)
    return 12


def mend_a_rejected_file(files: list[str], place: Path) -> int:
    draw(Path(files[3]), seed=98)
    return 3


def remove_a_file(files: list[str], place: Path) -> int:
    Path(files[7]).unlink()
    return 7


def take_a_file_from_the_list(files: list[str], place: Path) -> int:
    del files[15]
    return 15


def add_files(files: list[str], place: Path) -> int:
    files.append(str(draw(place / "in" / "more.png", seed=100)))
    return 20


def forget_the_journal(files: list[str], place: Path) -> int:
    (place / "journal").unlink()
    return 0


@pytest.mark.parametrize(
    "happen",
    [
        cut_the_journal,
        damage_the_journal,
        lose_pixels,
        change_a_file,
        mend_a_rejected_file,
        remove_a_file,
        take_a_file_from_the_list,
        add_files,
        forget_the_journal,
    ],
)
def test_journal_entries_of_changed_files_are_ignored(
    happen, interrupted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumed = happen(interrupted, tmp_path)
    read = read_anew(monkeypatch)
    build(interrupted, tmp_path)
    assert read == interrupted[resumed:]


def test_a_cache_with_another_size_rule_or_version_is_not_resumed(
    interrupted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = RecordedProgress()
    build_cache(interrupted, tmp_path / "pixels-16.npy", 8, recorded, journal=tmp_path / "journal")
    assert np.load(tmp_path / "pixels-16.npy").shape == (28, 8, 8)
    assert [re.findall(r"\d+", text) for text in recorded.messages] == [[]], (
        "one remark, and it counts no file as decoded"
    )
    monkeypatch.setattr("placa.__version__", "0.0.1")
    read = read_anew(monkeypatch)
    build_cache(interrupted, tmp_path / "pixels-16.npy", 8, journal=tmp_path / "journal")
    assert read == interrupted


def test_a_cache_of_other_decoders_is_not_resumed_and_the_decoder_is_named(
    interrupted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = system.decoder_versions()
    monkeypatch.setattr(journals, "decoder_versions", lambda: here | {"pillow": "0.0.1"})
    monkeypatch.setattr(system, "decoder_versions", lambda: here | {"pillow": "0.0.1"})
    recorded = RecordedProgress()
    read = read_anew(monkeypatch)
    build_cache(interrupted, tmp_path / "pixels-16.npy", 16, recorded, journal=tmp_path / "journal")
    assert read == interrupted
    assert any(f"pillow {here['pillow']} there, 0.0.1 here" in text for text in recorded.messages)


def undrafted(path: Path, size: int) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L").resize((size, size), Image.Resampling.BILINEAR))


@pytest.fixture
def decoded_sizes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """Record the decoded size of each image before resizing."""
    sizes: list[tuple[int, int]] = []
    resize = Image.Image.resize

    def noted(self: Image.Image, *arguments: object, **named: object) -> Image.Image:
        sizes.append(self.size)
        return resize(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Image.Image, "resize", noted)
    return sizes


@pytest.mark.parametrize("side", [230, 447, 448, 900, 1024, 2048])
def test_a_draft_of_a_jpeg_is_never_enlarged(side: int, tmp_path: Path, decoded_sizes: list[tuple[int, int]]) -> None:
    path = draw(tmp_path / "film.png", size=(side, side))
    Image.open(path).save(tmp_path / "film.jpg", quality=95)
    decoded_sizes.clear()
    read_image(tmp_path / "film.jpg", 224)
    (received,) = decoded_sizes
    assert min(received) >= min(side, 2 * 224) and received[0] in {side, *(-(-side // step) for step in (2, 4, 8))}


def test_a_draft_of_a_real_jpeg_is_similar_to_the_full_image(shared_data: Path, tmp_path: Path) -> None:
    for name in sorted((shared_data / "nih-256" / "images").glob("*.png"))[:20]:
        large = Image.open(name).convert("L").resize((1024, 1024), Image.Resampling.BICUBIC)
        large.save(tmp_path / "film.jpg", quality=90)
        apart = np.abs(read_image(tmp_path / "film.jpg", 224).astype(int) - undrafted(tmp_path / "film.jpg", 224))
        assert apart.mean() < 0.5 and apart.max() <= 6
