import os
from pathlib import Path

import pytest
from conftest import draw
from PIL import Image
from raising import raises

from placa.images.errors import NoFilesFoundError
from placa.images.listing import list_folder
from placa.images.read import find_images


def names(folder: Path, paths: list[Path]) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


def skipped(folder: Path) -> dict[str, str]:
    return {one.path.relative_to(folder).as_posix(): one.code for one in find_images([folder]).skipped}


def test_each_file_is_listed_or_skipped_with_a_reason(tmp_path: Path) -> None:
    draw(tmp_path / "niño[1]%20.png")
    for ending in ("gif", "jp2", "pgm", "webp", "tiff"):
        Image.open(draw(tmp_path / "other.png")).save(tmp_path / f"b.{ending}")
        (tmp_path / f"b.{ending}").rename(tmp_path / f"b-{ending}.IMA")
    Image.open(tmp_path / "other.png").save(tmp_path / "c.JFIF", "JPEG")
    (tmp_path / "notes.csv").write_text("BMI,P5 1\n")
    for junk in ("Thumbs.db", "desktop.INI", ".DS_Store", "._other.png", "DICOMDIR"):
        (tmp_path / junk).write_bytes(b"\x89PNG\r\n")
    for folder in ("__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found", ".ipynb_checkpoints"):
        draw(tmp_path / folder / "x.png")
    listing = find_images([tmp_path])
    assert names(tmp_path, listing.files) == [
        *("b-gif.IMA", "b-jp2.IMA", "b-pgm.IMA", "b-tiff.IMA", "b-webp.IMA", "c.JFIF"),
        *("niño[1]%20.png", "other.png"),
    ]
    assert skipped(tmp_path) == {
        **dict.fromkeys(("Thumbs.db", "desktop.INI", "DICOMDIR"), "system"),
        **dict.fromkeys(("__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found"), "system"),
        **dict.fromkeys((".DS_Store", "._other.png", ".ipynb_checkpoints"), "hidden"),
        "notes.csv": "other_kind",
    }


def test_masks_are_skipped_beside_their_images_only(tmp_path: Path) -> None:
    for stem in ("a", "b (1)"):
        draw(tmp_path / "COVID" / "images" / f"{stem}.png")
        draw(tmp_path / "COVID" / "infection masks" / f"{stem}.png")
        draw(tmp_path / "CXR_png" / f"{stem}.png")
        draw(tmp_path / "ManualMask" / "leftMask" / f"{stem}.png")
        draw(tmp_path / "beside" / f"{stem}.png")
        draw(tmp_path / "beside" / f"{stem}_mask.png")
        draw(tmp_path / "oxygen mask" / f"patient {stem}.png")
    draw(tmp_path / "beside" / "of_another_mask.png")
    assert set(skipped(tmp_path).values()) == {"mask"} and len(skipped(tmp_path)) == 6
    kept = names(tmp_path, find_images([tmp_path]).files)
    assert "beside/of_another_mask.png" in kept and "oxygen mask/patient a.png" in kept
    assert len(find_images([tmp_path / "ManualMask"]).files) == 2, "a folder of masks that is named is read"


def test_links_are_followed_without_loops_and_twice_listed_folders(tmp_path: Path) -> None:
    top = tmp_path / "set"
    draw(top / "b" / "1.png")
    draw(top / ".hidden" / "2.png")
    draw(tmp_path / "elsewhere" / "3.png")
    try:
        (top / "a").symlink_to(top / "b")
        (top / "b" / "up").symlink_to("..")
        (top / "b" / "higher").symlink_to("../..")
        (top / "c").symlink_to(tmp_path / "elsewhere")
        (top / "d").symlink_to(top / ".hidden")
        (top / "again.png").symlink_to("b/1.png")
    except OSError:
        pytest.skip("this system has no symbolic links")
    assert names(top, find_images([top]).files) == ["again.png", "b/1.png", "c/3.png", "d/2.png"]
    assert {path for path, code in skipped(top).items() if code == "link"} == {"a", "b/up", "b/higher"}


def test_folders_that_placa_wrote_are_skipped(tmp_path: Path, prepared: Path) -> None:
    draw(tmp_path / "1.png")
    (tmp_path / "explained").mkdir()
    draw(tmp_path / "explained" / "1.Mass.png")
    (tmp_path / "explained" / "explain.csv").write_text("path,finding,probability,class\n")
    (tmp_path / "source").mkdir()
    draw(tmp_path / "source" / "2.png")
    (tmp_path / "source" / "source.json").write_text("{}")
    if hasattr(os, "mkfifo"):
        # Opening it would wait for a writer.
        os.mkfifo(tmp_path / "source" / "run.json")
        assert skipped(tmp_path).pop("source/run.json") == "other_kind"
        (tmp_path / "source" / "run.json").unlink()
    assert skipped(tmp_path) == {"explained": "output", "source/source.json": "other_kind"}
    assert len(find_images([prepared / "images"]).files) > 100
    listing = list_folder(tmp_path, without=[tmp_path / "source"])
    assert names(tmp_path, listing.files) == ["1.png"]
    with raises(NoFilesFoundError, kind="image", places=[str(prepared.parent)]):
        find_images([prepared.parent])
