"""``placa download nih`` from a server on loopback."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from loopback import Server, archive, drop_after, member, noise, radiograph, remote, reply_with
from raising import raises
from small_nih import COUNTS, QUICK, README, TABLE, RecordedDownload, get, listed, small_set, visible

from placa.core.errors import UnknownNameError
from placa.sources.download import RemoteFile, download_nih
from placa.sources.download.errors import (
    BaseUrlError,
    ChecksumError,
    DiskSpaceError,
    JobCountError,
    PathInUseError,
    SeveralFilesError,
    UnsafeArchiveError,
)

FILES = small_set


def test_a_complete_download_can_be_prepared(server: Server, to: Path) -> None:
    from placa.sources.nih import read_nih

    message = RecordedDownload()
    made = get(server, to, progress=message)
    assert visible(to) == sorted(
        [*(name for name in server.files if name not in COUNTS), *(f"images_00{i}" for i in (1, 2, 3))]
    )
    assert [path.name for path in made] == [name.removesuffix(".tar.gz") for name in server.files]
    size = sum(map(len, server.files.values()))
    assert message.bars["fetched"] == [size, size]
    assert message.bars["extracted"][0] == message.bars["extracted"][1]
    source = read_nih(to, "Pneumonia")
    assert len(source.images) == 12 and source.missing == 0
    assert (source.images["split"] == "test").sum() == 4


def test_a_second_download_fetches_nothing(server: Server, to: Path) -> None:
    get(server, to)
    server.asked.clear()
    message = RecordedDownload()
    assert get(server, to, progress=message) == []
    assert server.asked == []
    assert len(message.messages) == 1 and str(to) in message.messages[0]


def test_only_missing_files_are_fetched_again(server: Server, to: Path) -> None:
    get(server, to)
    server.asked.clear()
    (to / "images_002" / "images" / "00000105_000.png").unlink()
    (to / "images_003" / "images" / "00000108_000.png").write_bytes(b"cut")
    (to / "test_list.txt").unlink()
    get(server, to)
    assert sorted(name for name, _ in server.asked) == ["images_002.tar.gz", "images_003.tar.gz", "test_list.txt"]
    assert len(list((to / "images_002" / "images").iterdir())) == 4
    assert (to / "images_003" / "images" / "00000108_000.png").stat().st_size > 3


@pytest.mark.parametrize(
    ("only", "count"),
    [("tables", 5), (["images"], 3), (["images_002"], 1), (["images_001,images_003.tar.gz", "test_list"], 3)],
)
def test_a_part_of_the_files_can_be_selected(server: Server, to: Path, only: str | list[str], count: int) -> None:
    assert len(get(server, to, only=only)) == count == len(server.asked)


def test_an_unknown_part_is_an_error_with_the_known_ones(server: Server, to: Path) -> None:
    with raises(UnknownNameError, name="images_013") as caught:
        get(server, to, only=["images_013"])
    assert set(caught.value.values["known"][:3]) == {"images_001", "images_002", "images_003"}
    assert not to.exists()


def test_archives_can_be_kept(server: Server, to: Path) -> None:
    get(server, to, only="images", keep_archives=True)
    assert (to / "images_001.tar.gz").read_bytes() == server.files["images_001.tar.gz"]
    server.asked.clear()
    assert get(server, to, only="images", keep_archives=True) == [] == server.asked


def test_an_existing_archive_is_verified_and_extracted(server: Server, to: Path) -> None:
    to.mkdir()
    (to / "images_001.tar.gz").write_bytes(server.files["images_001.tar.gz"])
    get(server, to, only="images_001")
    assert server.asked == [] and visible(to) == ["images_001"]
    (to / "images_002.tar.gz").write_bytes(noise(1000))
    with raises(PathInUseError, path=str(to / "images_002.tar.gz")):
        get(server, to, only="images_002")


def test_existing_extracted_images_are_accepted(server: Server, to: Path) -> None:
    get(server, to, only="images_001")
    (to / "images_001" / ".placa.json").unlink()
    message = RecordedDownload()
    assert get(server, to, only="images_001", progress=message) == []
    assert len(message.messages) == 2 and str(to / "images_001") in message.messages[0]
    (to / "images_001" / "images" / "00000101_000.png").unlink()
    with raises(PathInUseError, path=str(to / "images_001"), images=2, expected=3):
        get(server, to, only="images_001")


def test_a_different_table_with_the_same_name_is_not_replaced(server: Server, to: Path) -> None:
    to.mkdir()
    (to / TABLE).write_text("my own")
    with raises(PathInUseError, path=str(to / TABLE)):
        get(server, to)
    assert (to / TABLE).read_text() == "my own" and server.asked == []


def test_an_older_edition_of_a_table_is_accepted(server: Server, to: Path) -> None:
    files = listed(server.files)
    older = b"older"
    both = RemoteFile(TABLE, "", (*files[0].editions, *remote(TABLE, older).editions))
    server.files[TABLE] = older
    download_nih(to, server.url, "tables", files=[both], retry_policy=QUICK)
    assert (to / TABLE).read_bytes() == older


def test_a_failed_file_does_not_stop_the_others(server: Server, to: Path) -> None:
    server.will("images_001.tar.gz", reply_with(404))
    server.will("test_list.txt", *[reply_with(500)] * 3)
    failed = ["images_001.tar.gz", "test_list.txt"]
    with raises(SeveralFilesError, files=failed, errors=["HttpStatusError", "TransferError"]):
        get(server, to)
    assert {"images_002", "images_003", TABLE} <= set(visible(to))
    server.asked.clear()
    get(server, to)
    assert sorted(name for name, _ in server.asked) == ["images_001.tar.gz", "test_list.txt"]


def test_a_missing_readme_is_a_warning(server: Server, to: Path) -> None:
    server.will(README, reply_with(404))
    message = RecordedDownload()
    made = get(server, to, progress=message)
    assert to / README not in made and len(made) == 7
    assert len(message.warned) == 1 and README in message.warned[0]


def test_an_interrupted_archive_is_resumed_and_an_unsafe_one_is_an_error(server: Server, to: Path) -> None:
    files = listed(server.files)
    server.will("images_001.tar.gz", drop_after(0.4), drop_after(0.4))
    download_nih(to, server.url, "images_001", files=files, retry_policy=QUICK)
    assert server.sent["images_001.tar.gz"] == len(server.files["images_001.tar.gz"])
    server.files["images_002.tar.gz"] = bytes(len(server.files["images_002.tar.gz"]))
    with raises(ChecksumError, file="images_002.tar.gz"):
        download_nih(to, server.url, "images_002", files=files, retry_policy=QUICK)
    assert visible(to) == ["images_001"]


def test_too_little_disk_space_is_an_error_before_fetching(to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=50_000_000_000))
    # 45.08 GB of images, 2 % for block sizes, three archives of up to 4.2 GB at a time, and 11.9 MB of tables.
    with raises(DiskSpaceError, directory=str(to), free=50_000_000_000) as caught:
        download_nih(to)
    needed, images = (caught.value.values[name] / 1e9 for name in ("needed", "images"))
    assert (round(needed, 1), round(images, 1)) == (58.5, 46.0)
    with raises(DiskSpaceError, free=50_000_000_000) as caught:
        download_nih(to, keep_archives=True)
    assert round(caught.value.values["needed"] / 1e9, 1) == 91.1
    assert not to.exists()


def test_disk_space_for_the_missing_files_is_enough(server: Server, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = server.files["images_001.tar.gz"]
    to.mkdir()
    (to / "images_001.tar.gz.part").write_bytes(body[: len(body) // 2])
    for free, enough in ((int(len(body) * 1.49), False), (int(len(body) * 1.53), True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda place, free=free: SimpleNamespace(free=free))
        if enough:
            get(server, to, only="images_001")
        else:
            with raises(DiskSpaceError, directory=str(to), free=free):
                get(server, to, only="images_001")
    assert server.sent["images_001.tar.gz"] == len(body) - len(body) // 2


@pytest.mark.parametrize("url", ["ftp://host/nih", "nih", "http://", "/mirror"])
def test_an_invalid_base_url_is_an_error(to: Path, url: str) -> None:
    with raises(BaseUrlError, url=url):
        download_nih(to, url)


def test_a_file_as_directory_and_jobs_out_of_range_are_errors(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with raises(PathInUseError, path=str(tmp_path / "file")):
        get(server, tmp_path / "file")
    for jobs in (0, 9):
        with raises(JobCountError, jobs=jobs, minimum=1, maximum=8):
            get(server, tmp_path / "nih", jobs=jobs)


def test_an_unsafe_archive_with_the_expected_checksum_is_an_error(server: Server, to: Path) -> None:
    escape = archive(member("images/00000101_000.png", radiograph(1)), member("../../00000102_000.png", radiograph(2)))
    server.files["images_001.tar.gz"] = escape
    with raises(
        UnsafeArchiveError,
        file=str(to / "images_001.tar.gz"),
        problem="member name",
        member="../../00000102_000.png",
    ):
        get(server, to)
    assert {"images_002", "images_003"} <= set(visible(to)) and "images_001" not in visible(to)
    assert [path.name for path in to.parent.iterdir()] == ["nih"]
