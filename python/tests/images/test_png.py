"""PNG files inflated by ISA-L give the pixels or the error of Pillow."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from placa.images import png as png_files
from placa.images.png import MAGIC, decompress
from placa.images.read import ImageRejected, read_image

RANDOM = np.random.default_rng(0)


def png(mode: str, size: tuple[int, int] = (61, 47), **options: object) -> bytes:
    kinds = {"1": 1, "L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4}
    shape = (size[1], size[0], kinds.get(mode, 1))
    if mode == "I;16":
        image = Image.fromarray(RANDOM.integers(0, 65536, shape[:2], dtype=np.uint16))
    else:
        levels = RANDOM.integers(0, 256, shape, dtype=np.uint8)
        image = Image.fromarray(levels[..., 0] if shape[2] == 1 else levels, {"1": "L"}.get(mode, mode)).convert(mode)
        if mode == "P":
            image.putpalette(RANDOM.integers(0, 256, 768, dtype=np.uint8).tobytes())
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def by_hand(header: bytes, pixels: bytes) -> bytes:
    return MAGIC + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def remarks() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "a scanner", zip=True)
    return info


USUAL = {
    "grey": png("L"),
    "black and white": png("1"),
    "sixteen bits": png("I;16"),
    "colour": png("RGB"),
    "grey with transparency": png("LA"),
    "colour with transparency": png("RGBA"),
    "palette": png("P"),
    "transparent palette": png("P", transparency=3),
    "transparent grey": png("L", transparency=7),
    "one pixel": png("L", (1, 1)),
    "several blocks": png("L", (700, 300)),
    "stored already": png("L", compress_level=0),
    "with remarks": png("L", pnginfo=remarks()),
    "two bits": by_hand(struct.pack(">IIBBBBB", 5, 4, 2, 0, 0, 0, 0), b"\0\x1b\x40" * 4),
}
#: Files that are read by Pillow.
UNUSUAL = {
    "interlaced": by_hand(struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 1), b"\0\x80"),
    "pixels missing": by_hand(struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0), b"\0\1\2\3\4" * 3),
    "pixels too many": by_hand(struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0), b"\0\1\2\3\4" * 9),
    "colour unknown": by_hand(struct.pack(">IIBBBBB", 4, 4, 8, 5, 0, 0, 0), b"\0\1\2\3\4" * 4),
    "a claim of 11,000 pixels squared": by_hand(struct.pack(">IIBBBBB", 11_000, 11_000, 8, 0, 0, 0, 0), b"\0"),
    "nothing but the beginning": png("L")[:40],
    "not even a header": MAGIC,
}


@pytest.mark.parametrize("data", USUAL.values(), ids=USUAL)
def test_pixels_match_pillow(data: bytes) -> None:
    file = io.BytesIO(data)
    quick = decompress(file)
    assert quick is not file
    with Image.open(io.BytesIO(data)) as ours, Image.open(quick) as theirs:
        assert (ours.mode, ours.size) == (theirs.mode, theirs.size)
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
        assert ours.info == theirs.info


@pytest.mark.parametrize("data", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_or_damaged_files_are_read_by_pillow(data: bytes) -> None:
    file = io.BytesIO(data)
    assert decompress(file) is file and file.tell() == 0


def test_a_damaged_file_gives_the_result_of_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, whole = tmp_path / "film.png", png("L", (90, 70))

    def fares() -> object:
        try:
            return read_image(path, 32).tobytes()
        except ImageRejected as rejected:
            return str(rejected)

    outcomes = set()
    for _ in range(400):
        data = bytearray(whole)
        for place in RANDOM.integers(0, len(data), RANDOM.integers(0, 4)):
            data[place] ^= 1 << RANDOM.integers(8)
        path.write_bytes(data[: RANDOM.integers(1, len(data))] if RANDOM.random() < 0.2 else data)
        quick = fares()
        with monkeypatch.context() as patched:
            patched.setattr(png_files, "decompress", lambda file: file)
            alone = fares()
        outcomes.add(type(alone))
        assert quick == alone
    assert outcomes == {bytes, str}


def test_a_large_file_is_read_in_parts() -> None:
    file = io.BytesIO(by_hand(struct.pack(">IIBBBBB", 6000, 6000, 8, 0, 0, 0, 0), bytes(6001 * 6000)))
    assert decompress(file) is file
