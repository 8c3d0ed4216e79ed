from pathlib import Path

import numpy as np
import pytest
from conftest import draw
from PIL import Image

from placa.errors import PlacaError
from placa.images import ImageRejected, find_images, natural_order, read_image


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P", "LA", "RGBA"])
def test_every_way_to_store_grey_gives_the_same_grey(tmp_path: Path, mode: str) -> None:
    grey = Image.open(draw(tmp_path / "grey.png", size=(64, 64)))
    if mode == "1":
        grey = grey.point(lambda level: 255 * (level > 127))
    grey.convert(mode).save(tmp_path / "other.png")
    expected = np.asarray(grey.resize((16, 16), Image.Resampling.BILINEAR))
    assert np.abs(read_image(tmp_path / "other.png", 16).astype(int) - expected).max() <= 1


def test_the_pixels_are_those_of_a_plain_pillow_loop(shared_data: Path) -> None:
    for path in sorted((shared_data / "nih" / "images").glob("*.png"))[:12]:
        plain = np.asarray(Image.open(path).convert("L").resize((224, 224), Image.Resampling.BILINEAR), dtype=int)
        assert np.abs(read_image(path, 224) - plain).max() <= 1, path.name


def test_images_from_the_wild_are_all_read(shared_data: Path) -> None:
    for path in sorted((shared_data / "odd").iterdir()):
        levels = read_image(path, 96)
        assert levels.shape == (96, 96)
        # A radiograph has dark and bright parts; a channel read wrong has one or the other.
        assert levels.std() > 20 and 20 < levels.mean() < 235, path.name


def test_sixteen_bits_keep_their_range(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64, dtype=np.uint16), (64, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    row = read_image(tmp_path / "ramp.png", 64)[0].astype(int)
    assert np.abs(row - np.linspace(0, 255, 64)).max() <= 1


def test_what_is_transparent_is_black(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (255, 255, 255, 0)).save(tmp_path / "clear.png")
    assert read_image(tmp_path / "clear.png", 8).max() == 0


def test_a_jpeg_read_at_a_fraction_is_the_same_picture(tmp_path: Path) -> None:
    image = Image.open(draw(tmp_path / "a.png", size=(800, 800)))
    image.save(tmp_path / "a.jpg", quality=95)
    whole = np.asarray(image.resize((64, 64), Image.Resampling.BILINEAR), dtype=int)
    assert np.abs(read_image(tmp_path / "a.jpg", 64) - whole).mean() < 1.5


def _broken(tmp_path: Path, kind: str) -> Path:
    good = draw(tmp_path / "good.png", size=(200, 200)).read_bytes()
    path = tmp_path / f"{kind}.png"
    if kind == "truncated":
        path.write_bytes(good[: len(good) // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("Dear radiologist,\nthe images follow by post.\n")
    elif kind == "noise":
        path.write_bytes(bytes(range(256)))
    elif kind == "animated":
        frames = [Image.new("L", (8, 8), level) for level in (0, 100, 200)]
        frames[0].save(path, save_all=True, append_images=frames[1:])
    elif kind == "huge":
        Image.new("1", (20_000, 20_000)).save(path)
    elif kind == "directory":
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("truncated", "damaged or truncated"),
        ("empty", "the file is empty"),
        ("text", "it is text, not an image"),
        ("noise", "no image of a kind that is read"),
        ("animated", "3 frames"),
        ("huge", "pixels"),
        ("directory", "it is a directory"),
        ("missing", "does not exist"),
    ],
)
def test_what_is_no_image_is_rejected_with_its_reason(tmp_path: Path, kind: str, says: str) -> None:
    with pytest.raises(ImageRejected, match=says):
        read_image(_broken(tmp_path, kind), 32)


def test_files_and_folders_in_any_mix_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        draw(tmp_path / "scans" / f"scan {number}.png")
    (tmp_path / "scans" / "notes.txt").write_text("")
    (tmp_path / "scans" / ".hidden.png").write_text("")
    single = draw(tmp_path / "single.jpg")
    found = find_images([single, tmp_path / "scans", single])
    assert [path.name for path in found] == ["single.jpg", "scan 1.png", "scan 9.png", "scan 10.png"]
    assert natural_order("a10") > natural_order("a9")
    with pytest.raises(PlacaError, match="does not exist"):
        find_images([tmp_path / "nowhere"])
    (tmp_path / "void").mkdir()
    with pytest.raises(PlacaError, match="No image was found"):
        find_images([tmp_path / "void"])
