"""Extraction of damaged and unsafe archives."""

from __future__ import annotations

import gzip
import io
import tarfile
import threading
from pathlib import Path

import pytest
from loopback import archive, images_archive, member, radiograph, remote
from raising import raises

from placa.core.errors import OutputExistsError
from placa.sources.download.errors import DamagedArchiveError, UnsafeArchiveError
from placa.sources.download.extract import MARKER, extract
from placa.sources.download.remote import NIH_IMAGES, Stopped

PNG = radiograph(1)


def put(tmp_path: Path, body: bytes, images: int = 3, **options: object) -> Path:
    where = tmp_path / "to" / "images_001.tar.gz"
    where.parent.mkdir(exist_ok=True)
    where.write_bytes(body)
    extract(where, where.parent / "images_001", remote(where.name, body, images), **options)  # type: ignore[arg-type]
    return where.parent / "images_001"


def assert_nothing_but_the_archive(tmp_path: Path) -> None:
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["to", "to/images_001.tar.gz"]


def test_an_archive_is_extracted_to_a_directory(tmp_path: Path) -> None:
    body, steps = images_archive(3), []
    folder = put(tmp_path, body, advance=lambda count=1, remark="": steps.append(count))
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert names == [MARKER, "images", *(f"images/0000000{i}_000.png" for i in (1, 2, 3))]
    assert (folder / "images" / "00000002_000.png").read_bytes() == radiograph(2)
    assert sum(steps) == len(body)


def test_files_of_desktop_systems_are_ignored(tmp_path: Path) -> None:
    good = member("./images/00000001_000.png", PNG)
    folder = put(tmp_path, archive(member("./images", kind=tarfile.DIRTYPE), member("./images/._x.png", b"x"), good), 1)
    assert [path.name for path in (folder / "images").iterdir()] == ["00000001_000.png"]


LONG = "a" * 300
HOSTILE = {
    "parent": (member("../00000002_000.png", PNG), "member name"),
    "deep parent": (member("images/../../00000002_000.png", PNG), "member name"),
    "absolute": (member("/tmp/00000002_000.png", PNG), "member name"),
    "other name": (member("images/run.sh", b"rm"), "member name"),
    "other folder": (member("bin/00000002_000.png", PNG), "member name"),
    "foreign folder": (member("bin", kind=tarfile.DIRTYPE), "member type"),
    "new line": (member("images/00000002_000.png\n", PNG), "member name"),
    "long name": (member(f"images/{LONG}.png", PNG), "member name"),
    "symlink": (member("images/00000002_000.png", kind=tarfile.SYMTYPE, link="/etc/passwd"), "member type"),
    "hard link": (member("images/00000002_000.png", kind=tarfile.LNKTYPE, link="/etc/passwd"), "member type"),
    "link for folder": (member("images", kind=tarfile.SYMTYPE, link="/tmp"), "member type"),
    "device": (member("images/00000002_000.png", kind=tarfile.CHRTYPE), "member type"),
    "pipe": (member("images/00000002_000.png", kind=tarfile.FIFOTYPE), "member type"),
    "twice": (member("images/00000001_000.png", PNG), "repeated member"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_unsafe_member_is_an_error_and_leaves_no_file(tmp_path: Path, case: str) -> None:
    bad, problem = HOSTILE[case]
    file = str(tmp_path / "to" / "images_001.tar.gz")
    with raises(UnsafeArchiveError, file=file, problem=problem, member=bad[0].name):
        put(tmp_path, archive(member("images/00000001_000.png", PNG), bad), 2)
    assert_nothing_but_the_archive(tmp_path)


def test_too_many_or_too_few_images_are_an_error(tmp_path: Path) -> None:
    with raises(UnsafeArchiveError, problem="images", received=4):
        put(tmp_path, images_archive(4))
    with raises(UnsafeArchiveError, problem="images", received=2):
        put(tmp_path, images_archive(2))
    assert_nothing_but_the_archive(tmp_path)


def test_members_that_are_not_images_are_limited(tmp_path: Path) -> None:
    crowd = [member(f"images/.{i}") for i in range(500)]
    with raises(UnsafeArchiveError, problem="members", received=103):
        put(tmp_path, archive(*crowd, member("images/00000001_000.png", PNG)), 1)


def test_a_huge_member_is_rejected_before_writing(tmp_path: Path) -> None:
    body = archive(member("images/00000001_000.png", bytes(NIH_IMAGES.largest + 1)))
    with raises(UnsafeArchiveError, problem="member size", received=NIH_IMAGES.largest + 1):
        put(tmp_path, body, 1)
    assert_nothing_but_the_archive(tmp_path)


def test_a_bomb_of_many_members_is_stopped(tmp_path: Path) -> None:
    zeros = bytes(1 << 20)
    body = archive(*[member(f"images/{i:08d}_000.png", zeros) for i in range(20)])
    assert len(body) < 40_000
    with raises(UnsafeArchiveError, problem="size", member=None):
        put(tmp_path, body, 20)
    assert_nothing_but_the_archive(tmp_path)


def test_a_bomb_in_a_header_is_stopped(tmp_path: Path) -> None:
    # An extended header of 64 MB, which tarfile would read into memory before it returns the member.
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.XHDTYPE, 64 << 20
    body = gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(header.size), 9) + bytes(40 << 20)
    with raises(UnsafeArchiveError, problem="size", member=None):
        put(tmp_path, body, 1)


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_archive_is_an_error(tmp_path: Path, keep: float) -> None:
    body = images_archive(3)
    with raises(DamagedArchiveError, file=str(tmp_path / "to" / "images_001.tar.gz")):
        put(tmp_path, body[: int(len(body) * keep)])
    assert_nothing_but_the_archive(tmp_path)


def test_a_file_that_is_not_an_archive_is_an_error(tmp_path: Path) -> None:
    for body in (b"<html>no</html>", gzip.compress(b"text" * 1000), bytes(2000)):
        with raises(DamagedArchiveError, file=str(tmp_path / "to" / "images_001.tar.gz")):
            put(tmp_path, body)


def test_a_damaged_header_is_not_taken_as_the_end(tmp_path: Path) -> None:
    raw = bytearray(gzip.decompress(images_archive(3)))
    second = raw.index(b"images/00000002")
    raw[second : second + 200] = b"x" * 200
    with raises(UnsafeArchiveError, problem="images", received=1):
        put(tmp_path, gzip.compress(bytes(raw)))


def test_stopping_leaves_no_incomplete_directory(tmp_path: Path) -> None:
    stop = threading.Event()
    with pytest.raises(Stopped):
        put(tmp_path, images_archive(3), stop=stop, advance=lambda count=1, remark="": stop.set())
    assert_nothing_but_the_archive(tmp_path)


def test_the_rest_of_a_killed_extraction_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "to" / ".images_001.partial-1-abc" / "images"
    left.mkdir(parents=True)
    (left / "00000001_000.png").write_bytes(b"half")
    put(tmp_path, images_archive(3))
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == ["images_001", "images_001.tar.gz"]


def test_an_existing_directory_of_other_origin_is_not_changed(tmp_path: Path) -> None:
    mine = tmp_path / "to" / "images_001" / "notes.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with raises(OutputExistsError, path=str(mine.parent)):
        put(tmp_path, images_archive(3))
    assert mine.read_text() == "mine"


def test_python_without_the_tar_filter_rejects_the_same_members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    put(tmp_path, images_archive(3))
    with raises(UnsafeArchiveError, problem="member type", member="images/00000002_000.png"):
        put(tmp_path, archive(HOSTILE["symlink"][0]), 1)


def test_sparse_members_are_rejected(tmp_path: Path) -> None:
    info = tarfile.TarInfo("images/00000001_000.png")
    pax = {"GNU.sparse.map": "0,10", "GNU.sparse.size": "1000000000", "GNU.sparse.numblocks": "1"}
    info.pax_headers, info.size = pax, 10
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(b"0123456789"))
    with raises(UnsafeArchiveError, problem="member type"):
        put(tmp_path, buffer.getvalue(), 1)
