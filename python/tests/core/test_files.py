import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from raising import raises

from placa.core.errors import (
    DamagedFileError,
    DiskFullError,
    ForeignDirectoryError,
    NotWritableError,
    OutputExistsError,
    PathNotFoundError,
    PermissionDeniedError,
    WrongFileTypeError,
)
from placa.core.files import atomic_directory, atomic_file, fingerprint, refuse_existing, require_writable
from placa.core.json_files import read_json, write_json


def test_a_file_exists_only_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "a" / "table.csv"
    with pytest.raises(ZeroDivisionError), atomic_file(target) as draft:
        draft.write_text("half")
        _ = 1 / 0
    assert list(tmp_path.rglob("*.*")) == []
    with atomic_file(target) as draft:
        draft.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_keeps_the_older_file(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_file(target) as draft:
        draft.write_text("half")
        _ = 1 / 0
    assert target.read_text() == "old"


def test_a_directory_is_replaced_only_by_a_complete_one(tmp_path: Path) -> None:
    target = tmp_path / "run"
    target.mkdir()
    (target / "run.json").write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_directory(target, overwrite=True) as draft:
        (draft / "run.json").write_text("half")
        _ = 1 / 0
    assert (target / "run.json").read_text() == "old"
    with atomic_directory(target, overwrite=True) as draft:
        (draft / "run.json").write_text("new")
    assert (target / "run.json").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_replacing_needs_overwrite_and_a_directory_of_placa(tmp_path: Path) -> None:
    ours, foreign, file = tmp_path / "ours", tmp_path / "foreign", tmp_path / "file"
    for place in (ours, foreign):
        place.mkdir()
    (ours / "source.json").write_text("{}")
    (foreign / "thesis.tex").write_text("years of work")
    file.write_text("")
    with raises(OutputExistsError, path=str(ours)):
        refuse_existing(ours, overwrite=False)
    refuse_existing(ours, overwrite=True)
    with raises(ForeignDirectoryError, path=str(foreign)):
        refuse_existing(foreign, overwrite=True)
    with raises(WrongFileTypeError, path=str(file)):
        refuse_existing(file, overwrite=True)
    refuse_existing(tmp_path / "new", overwrite=False)


def test_json_rejects_nan_and_infinity(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"auroc": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_missing_or_damaged_json_is_an_error_with_the_path(tmp_path: Path) -> None:
    with raises(PathNotFoundError, path=str(tmp_path / "a.json")):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"auroc": ')
    with raises(DamagedFileError, path=str(tmp_path / "a.json")):
        read_json(tmp_path / "a.json")


def test_a_fingerprint_depends_on_every_byte(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"a" * 3_000_000)
    other.write_bytes(b"a" * 2_999_999 + b"b")
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one).startswith("sha256:")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk to fill")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here ({mounted.stderr.decode().strip()})")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_is_an_error_and_leaves_no_file(small_disk: Path) -> None:
    with raises(DiskFullError, path=str(small_disk / "big")), atomic_file(small_disk / "big") as draft:
        draft.write_bytes(b"0" * 1_000_000)
    assert list(small_disk.iterdir()) == []


def test_prepare_on_a_full_disk_leaves_no_file(small_disk: Path, prepared: Path, placa) -> None:
    done = placa("prepare", "phantom", "--images", 60, "--out", small_disk / "set")
    assert (done.returncode, list(small_disk.iterdir())) == (DiskFullError.exit_code, []) == (1, [])
    assert str(small_disk / "set") in done.stderr and "Traceback" not in done.stderr


def test_train_on_a_full_disk_leaves_no_file(small_disk: Path, prepared: Path, placa) -> None:
    done = placa("train", prepared, "--out", small_disk / "run", "--epochs", 1)
    assert (done.returncode, list(small_disk.iterdir())) == (DiskFullError.exit_code, []) == (1, [])
    assert str(small_disk) in done.stderr and "Traceback" not in done.stderr


def test_a_directory_that_accepts_no_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with raises(WrongFileTypeError, path=str(tmp_path / "file" / "run")):
        require_writable(tmp_path / "file" / "run")
    with raises(NotWritableError, path="/proc/placa", directory="/proc"):
        require_writable(Path("/proc/placa"))


def test_a_read_only_directory_is_an_error(small_disk: Path, prepared: Path, placa) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with raises(PermissionDeniedError, path=str(small_disk / "run")):
        require_writable(small_disk / "run")
    for command in (["prepare", "phantom", "--out"], ["train", prepared, "--out"]):
        done = placa(*command, small_disk / "new")
        assert done.returncode == PermissionDeniedError.exit_code == 2
        assert str(small_disk / "new") in done.stderr and "Traceback" not in done.stderr
