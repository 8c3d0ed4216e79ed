import os
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import draw
from PIL import Image
from raising import raises

from placa.core.errors import PathNotFoundError, PermissionDeniedError
from placa.images import grey
from placa.images.errors import NoFilesFoundError
from placa.images.read import ImageRejected, find_images, natural_order, read_image


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P", "LA", "RGBA"])
def test_all_grey_formats_give_the_same_levels(tmp_path: Path, mode: str) -> None:
    grey = Image.open(draw(tmp_path / "grey.png", size=(64, 64)))
    if mode == "1":
        grey = grey.point(lambda level: 255 * (level > 127))
    grey.convert(mode).save(tmp_path / "other.png")
    expected = np.asarray(grey.resize((16, 16), Image.Resampling.BILINEAR))
    assert np.abs(read_image(tmp_path / "other.png", 16).astype(int) - expected).max() <= 1


def test_pixels_match_a_simple_pillow_loop(shared_data: Path) -> None:
    for path in sorted((shared_data / "nih" / "images").glob("*.png"))[:12]:
        plain = np.asarray(Image.open(path).convert("L").resize((224, 224), Image.Resampling.BILINEAR), dtype=int)
        assert np.abs(read_image(path, 224) - plain).max() <= 1, path.name


def test_unusual_but_valid_images_are_read(shared_data: Path) -> None:
    for path in sorted((shared_data / "odd").iterdir()):
        levels = read_image(path, 96)
        assert levels.shape == (96, 96)
        # A radiograph has dark and bright parts; a misread channel has only one of them.
        assert levels.std() > 20 and 20 < levels.mean() < 235, path.name


def test_sixteen_bit_images_keep_their_range(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64, dtype=np.uint16), (64, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    row = read_image(tmp_path / "ramp.png", 64)[0].astype(int)
    assert np.abs(row - np.linspace(0, 255, 64)).max() <= 1


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_the_highest_used_bit_is_scaled_to_white(tmp_path: Path, bits: int, ending: str) -> None:
    ramp = np.tile(np.linspace(0, 2**bits - 1, 64, dtype=np.uint16), (64, 1))
    Image.fromarray(ramp).save(tmp_path / f"a.{ending}")
    assert np.abs(read_image(tmp_path / f"a.{ending}", 64)[0] - np.linspace(0, 255, 64)).max() <= 1


def test_deep_and_inverted_tiff_files_are_read_or_rejected(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    expected = np.linspace(0, 255, 64)
    kinds = {
        "float 0 to 1": (ramp, {}),
        "float steps": ((ramp * 4095).round(), {}),
        "32 bits": ((ramp * 4095).astype(np.int32), {}),
        "white is 0": ((4095 - ramp * 4095).astype(np.uint16), {262: 0}),
    }
    for name, (levels, tags) in kinds.items():
        Image.fromarray(levels).save(tmp_path / "a.tif", tiffinfo=tags)
        row = read_image(tmp_path / "a.tif", 64)[0].astype(int)
        assert np.abs(row - expected).max() <= 2, name
    for levels, reason in [
        (np.where(ramp > 0.9, np.nan, ramp), "NaN or infinite"),
        (np.where(ramp > 0.9, np.inf, ramp), "NaN or infinite"),
        (ramp - 1, "are -1 to 0"),
        ((ramp * 1e6).astype(np.int32), "expected 0 to 65,535"),
    ]:
        Image.fromarray(levels).save(tmp_path / "a.tif")
        with pytest.raises(ImageRejected, match=reason):
            read_image(tmp_path / "a.tif", 64)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_cmyk_and_other_colour_modes_are_read(tmp_path: Path, mode: str, ending: str) -> None:
    # Pillow writes CMYK JPEG files inverted, as Adobe does.
    grey = Image.fromarray(np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1)))
    grey.convert("RGB").convert(mode).save(tmp_path / f"a.{ending}", quality=98)
    assert np.abs(read_image(tmp_path / f"a.{ending}", 64)[0] - np.linspace(0, 255, 64)).max() <= 2


def test_transparent_pixels_are_black(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    clear.paste((200, 200, 200, 255), (4, 0, 8, 8))
    clear.save(tmp_path / "clear.png")
    assert set(read_image(tmp_path / "clear.png", 8)[0]) == {0, 200}
    half = Image.merge("LA", [Image.new("L", (8, 8), 200), Image.new("L", (8, 8), 128)])
    half.paste((0, 255), (4, 0, 8, 8))
    half.save(tmp_path / "half.png")
    assert np.abs(read_image(tmp_path / "half.png", 8)[:, :4] - 100.0).max() <= 1
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 200, 200, 200])
    palette.paste(0, (0, 0, 4, 8))
    palette.save(tmp_path / "palette.png", transparency=0)
    assert set(read_image(tmp_path / "palette.png", 8)[0]) == {0, 200}


def test_the_exif_orientation_is_applied(tmp_path: Path) -> None:
    image = Image.open(draw(tmp_path / "a.png", size=(60, 40)))
    turned = Image.Exif()
    turned[0x0112] = 6
    upright = np.asarray(image.transpose(Image.Transpose.ROTATE_270).resize((32, 32), Image.Resampling.BILINEAR))
    image.save(tmp_path / "turned.png", exif=turned)
    assert np.abs(read_image(tmp_path / "turned.png", 32).astype(int) - upright).max() <= 1
    image.save(tmp_path / "odd.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12garbage", quality=98)
    assert read_image(tmp_path / "odd.jpg", 32).std() > 10, "damaged EXIF data do not matter"


def test_a_photograph_with_previews_is_one_image(tmp_path: Path) -> None:
    image = Image.open(draw(tmp_path / "a.png", size=(64, 64)))
    image.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[Image.new("L", (16, 16))])
    assert read_image(tmp_path / "a.jpg", 32).std() > 10


def test_a_jpeg_decoded_at_a_fraction_is_the_same_image(tmp_path: Path) -> None:
    image = Image.open(draw(tmp_path / "a.png", size=(800, 800)))
    image.save(tmp_path / "a.jpg", quality=95)
    whole = np.asarray(image.resize((64, 64), Image.Resampling.BILINEAR), dtype=int)
    assert np.abs(read_image(tmp_path / "a.jpg", 64) - whole).mean() < 1.5


def _png(width: int, height: int, pixels: bytes, colour: int = 0) -> bytes:
    """Write an 8-bit PNG file with an arbitrary header."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")
    )


def _broken(tmp_path: Path, kind: str) -> Path:
    good = draw(tmp_path / "good.png", size=(200, 200)).read_bytes()
    path = tmp_path / f"{kind}.png"
    contents = {
        "truncated": good[: len(good) // 2],
        "empty": b"",
        "text": b"Dear radiologist,\nthe images follow by post.\n",
        "page": "\ufeff<!DOCTYPE html><title>Anmeldung nötig</title>".encode() + "ü".encode() * 300,
        "noise": bytes(range(256)),
        "report": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
        "archive": b"PK\x03\x04\x14\0\0\0\x08\0",
        "bad sum": good[:60] + bytes([good[60] ^ 255]) + good[61:],
        "30,000 wide": _png(30_000, 30_000, b"\0" * 100),
        "12,000 wide": _png(12_000, 12_000, b"\0" * 100),
        "bomb": _png(10_900, 10_900, b"\0" * 1000, colour=6),
        "no width": _png(0, 8, b""),
    }
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind in {"GIF", "PNG", "WEBP", "TIFF"}:
        frames = [Image.new("L", (8, 8), level) for level in (0, 100, 200)]
        frames[0].save(path, format=kind, save_all=True, append_images=frames[1:])
    elif kind == "huge":
        Image.new("1", (20_000, 20_000)).save(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "circle":
        path.symlink_to(path)
    elif kind == "name":
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/lat\xedn.png"))
        path.write_bytes(good)
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("truncated", "damaged or truncated"),
        ("empty", "the file is empty"),
        ("text", "it is text, not an image"),
        ("noise", "not a PNG, JPEG"),
        ("page", "it is text, not an image.*DOCTYPE"),
        ("report", "it is a PDF"),
        ("archive", "it is a ZIP archive"),
        ("bad sum", "damaged or truncated"),
        ("30,000 wide", "has 900,000,000 pixels"),
        ("12,000 wide", "12000 x 12000 pixels, more than"),
        ("bomb", "that no radiograph reaches"),
        ("no width", "not a PNG|0 x 8"),
        ("GIF", "3 frames"),
        ("PNG", "3 frames"),
        ("WEBP", "3 frames"),
        ("TIFF", "3 frames"),
        ("pipe", "a pipe"),
        ("device", "a device"),
        ("circle", "cannot be read .*symbolic links"),
        ("name", "not UTF-8"),
        ("huge", "pixels"),
        ("directory", "it is a directory"),
        ("missing", "does not exist"),
    ],
)
def test_an_unusable_file_is_rejected_with_a_reason(tmp_path: Path, kind: str, reason: str) -> None:
    with pytest.raises(ImageRejected, match=reason):
        read_image(_broken(tmp_path, kind), 32)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("12,000 wide", {"width": 12_000, "height": 12_000}),
        ("bomb", {"width": 10_900, "height": 10_900}),
        ("30,000 wide", {"pixels": 900_000_000}),
        ("GIF", {"frames": 3}),
    ],
)
def test_the_reason_of_a_rejected_image_has_its_numbers(tmp_path: Path, kind: str, values: dict[str, int]) -> None:
    with pytest.raises(ImageRejected) as rejected:
        read_image(_broken(tmp_path, kind), 32)
    assert {name: rejected.value.values[name] for name in values} == values


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_rejected(tmp_path: Path) -> None:
    path = draw(tmp_path / "locked" / "a.png")
    path.chmod(0)
    with pytest.raises(ImageRejected, match="no permission"):
        read_image(path, 32)
    path.parent.chmod(0)
    try:
        with raises(PermissionDeniedError, path=str(path.parent)):
            find_images([tmp_path])
    finally:
        path.parent.chmod(0o700)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "bmp", "webp", "gif", "jp2"])
def test_damaged_bytes_never_raise_anything_else(tmp_path: Path, ending: str) -> None:
    random = np.random.default_rng(0)
    good = draw(tmp_path / f"good.{ending}", size=(64, 64)).read_bytes()
    for number in range(60):
        raw = bytearray(good[: random.integers(1, len(good))] if number % 5 == 0 else good)
        for _ in range(number % 5):
            raw[random.integers(min(len(raw), 400))] = random.integers(256)
        (tmp_path / "a").write_bytes(raw)
        try:
            assert read_image(tmp_path / "a", 16).shape == (16, 16)
        except ImageRejected as rejected:
            assert len(str(rejected)) > 15


def test_a_large_image_is_in_memory_only_once(tmp_path: Path) -> None:
    # Large images are read one at a time, so memory does not grow with the number of cores.
    random = np.random.default_rng(0).integers(0, 255, (300, 300), dtype=np.uint8)
    Image.fromarray(random).resize((5000, 4000)).save(tmp_path / "a.png", compress_level=1)
    assert grey._LARGE_LOCK.acquire(blocking=False)
    reading = threading.Thread(target=read_image, args=(tmp_path / "a.png", 32), daemon=True)
    try:
        reading.start()
        reading.join(1)
        assert reading.is_alive(), "a second large image waits"
        assert read_image(draw(tmp_path / "b.png"), 32).shape == (32, 32), "small images do not wait"
    finally:
        grey._LARGE_LOCK.release()
    reading.join(30)
    assert not reading.is_alive()


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    draw(tmp_path / "disk" / "a.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "more").symlink_to(tmp_path / "disk", target_is_directory=True)
    (tmp_path / "set" / "round").symlink_to(tmp_path / "set", target_is_directory=True)
    assert find_images([tmp_path / "set"]).files == [tmp_path / "set" / "more" / "a.png"]


def test_files_and_folders_are_listed_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        draw(tmp_path / "scans" / f"scan {number}.png")
    (tmp_path / "scans" / "notes.txt").write_text("")
    (tmp_path / "scans" / ".hidden.png").write_text("")
    single = draw(tmp_path / "single.jpg")
    found = find_images([single, tmp_path / "scans", single]).files
    assert [path.name for path in found] == ["single.jpg", "scan 1.png", "scan 9.png", "scan 10.png"]
    assert natural_order("a10") > natural_order("a9")
    with raises(PathNotFoundError, path=str(tmp_path / "nowhere")):
        find_images([tmp_path / "nowhere"])
    (tmp_path / "void").mkdir()
    with raises(NoFilesFoundError, kind="image", places=[str(tmp_path / "void")]):
        find_images([tmp_path / "void"])
