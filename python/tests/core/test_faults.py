"""Faults of the machine are tried again, and are not faults of a file."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import draw, draw_folders
from raising import raises

from placa.core.errors import DiskFullError, MachineFaultError
from placa.core.faults import retry_faults
from placa.core.files import atomic_directory
from placa.core.processes import guarded
from placa.core.temporary import exchange, hidden_name, sweep
from placa.images import read
from placa.images.by_rule import read_file
from placa.images.dicom import worker
from placa.records.reading import STRETCH
from placa.sources.folders import read_folders
from placa.workflows import prepare as workflow
from placa.workflows.prepare import prepare


@pytest.mark.parametrize("code", [errno.EMFILE, errno.EIO, errno.ENOMEM, errno.ESTALE])
def test_a_fault_of_the_machine_is_tried_again_then_ends_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    image = str(draw(tmp_path / "a.png"))
    failures = [code]
    sizes = read._size_of_file

    def failing(path: str) -> int:
        if failures:
            raise OSError(failures.pop(), "a fault")
        return sizes(path)

    monkeypatch.setattr(read, "_size_of_file", failing)
    assert read_file(STRETCH, image, 16).shape == (1, 16, 16)
    failures += [code] * 3
    with raises(MachineFaultError, path=image, errno=code) as fault:
        read_file(STRETCH, image, 16)
    assert fault.value.exit_code == 1


def test_a_killed_decoder_is_a_fault_of_the_machine_and_a_crash_one_of_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stand_in(signal_number: int) -> None:
        code = f"import os; input(); os.kill(os.getpid(), {signal_number})"
        monkeypatch.setattr(worker, "command", lambda name: [sys.executable, "-c", code])
        monkeypatch.setattr(worker, "_IDLE", [])

    stand_in(signal.SIGKILL)
    with raises(MachineFaultError, errno=errno.ENOMEM):
        retry_faults(lambda: worker.decode_in_worker("a.dcm"), "a.dcm")
    stand_in(signal.SIGSEGV)
    with pytest.raises(read.ImageRejected, match="stopped the decoder"):
        worker.decode_in_worker("a.dcm")


def test_a_full_disk_after_decoding_keeps_the_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = read_folders(draw_folders(tmp_path / "images", 24), positive="Mass")
    out = tmp_path / "out"
    write = workflow.write_manifest

    def full(*_: object) -> None:
        raise DiskFullError(f"The disk of {tmp_path}/.out.preparing/table.parquet is full.", path="hidden")

    monkeypatch.setattr(workflow, "write_manifest", full)
    with raises(DiskFullError, resumable=True) as refused:
        prepare(source, out, size=16, progress=False)
    assert "table.parquet" in str(refused.value) and f"{out}/table.parquet" in str(refused.value)
    assert (tmp_path / ".out.preparing" / "pixels-16.npy").is_file()
    monkeypatch.setattr(workflow, "write_manifest", write)
    monkeypatch.setattr("placa.dataset.pixel_cache.read_file", None)
    assert len(prepare(source, out, size=16, progress=False)) == 23


def test_directories_are_exchanged_in_one_step_and_leftovers_are_swept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for text in ("one", "two"):
        with atomic_directory(out, overwrite=True) as partial:
            (partial / "run.json").write_text(text)
    assert (out / "run.json").read_text() == "two" and list(tmp_path.iterdir()) == [out]
    other = tmp_path / "other"
    other.mkdir()
    if sys.platform == "linux":
        assert exchange(out, other) and (other / "run.json").is_file() and exchange(out, other)
    # A process that has ended moved the old directory away, and had not yet renamed the new one.
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    dead = hidden_name(out, "old").name.replace(str(os.getpid()), str(ended.pid))
    out.rename(tmp_path / dead)
    (tmp_path / dead.replace(".old-", ".partial-")).mkdir()
    hidden_name(out, "partial").mkdir()
    sweep(out)
    assert (out / "run.json").read_text() == "two"
    # Only the directory of this process, which runs, is left.
    assert len([path for path in tmp_path.iterdir() if path.name.startswith(".")]) == 1


def test_a_directory_behind_a_link_is_replaced(tmp_path: Path) -> None:
    link = tmp_path / "link"
    (tmp_path / "disk" / "out").mkdir(parents=True)
    link.symlink_to(tmp_path / "disk" / "out", target_is_directory=True)
    for text in ("one", "two"):
        with atomic_directory(link, overwrite=True) as partial:
            (partial / "run.json").write_text(text)
    assert link.is_symlink() and (tmp_path / "disk" / "out" / "run.json").read_text() == "two"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["disk", "link", "out", "run.json"]


def test_a_leftover_of_no_process_is_removed(tmp_path: Path) -> None:
    # A number that no process has.
    left = tmp_path / hidden_name(tmp_path / "out", "partial").name.replace(str(os.getpid()), "9" * 25)
    left.mkdir()
    sweep(tmp_path / "out")
    assert not left.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups")
def test_a_guarded_command_ends_with_its_parent_and_passes_its_exit_code(tmp_path: Path) -> None:
    with guarded([sys.executable, "-c", "raise SystemExit(7)"]) as (command, files):
        assert subprocess.run(command, pass_fds=files, check=False).returncode == 7
    with guarded([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]) as (command, files):
        assert subprocess.run(command, pass_fds=files, check=False).returncode == -signal.SIGKILL
    child = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    parent = f"""
import subprocess, sys
from placa.core.processes import guarded
with guarded([sys.executable, "-c", {child!r}]) as (command, files):
    subprocess.run(command, pass_fds=files)
"""
    with subprocess.Popen([sys.executable, "-c", parent]) as process:
        pid = tmp_path / "pid"
        while not (pid.is_file() and pid.read_text()):
            time.sleep(0.05)
        process.kill()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and Path(f"/proc/{pid.read_text()}").exists():
        time.sleep(0.1)
    assert not Path(f"/proc/{pid.read_text()}").exists()


@pytest.mark.slow
def test_lost_streams_lose_messages_only(run: Path, prepared: Path, tmp_path: Path) -> None:
    image = sorted((prepared / "images").glob("*.png"))[0]
    for number, lost in enumerate((">&- 2>&-", "2>/dev/full", ">/dev/full", "| true")):
        out = tmp_path / f"{number}.parquet"
        command = f"{sys.executable} -m placa predict {run} {image} --out {out} {lost}"
        subprocess.run(["bash", "-c", command], check=False, capture_output=True)
        assert out.is_file(), lost
