"""``placa prepare`` is resumed after an interrupt, a kill or a full disk."""

import fcntl
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from conftest import draw_folders
from raising import raises

import placa.workflows.prepare
from placa.core.errors import ClusterLostError, DiskFullError, InputError, InUseError, PermissionDeniedError
from placa.core.files import fingerprint
from placa.images.errors import NoReadableImageError
from placa.records.source import REST
from placa.sources.folders import read_folders
from placa.sources.phantom import read_phantoms
from placa.sources.source import Source
from placa.workflows.prepare import prepare

#: The command line with a slow reader, so that it can be interrupted.
SLOWLY = """
import sys, time
import placa.dataset.pixel_cache
from placa.cli import main
read = placa.dataset.pixel_cache.read_file
placa.dataset.pixel_cache.read_file = lambda *given: (time.sleep(0.02), read(*given))[1]
placa.dataset.pixel_cache._SAVE_SECONDS = 0.05
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_folders(tmp_path_factory.mktemp("images") / "in", 80)


@pytest.fixture(scope="module")
def at_once(images: Path) -> Path:
    """Prepare the images without interruption."""
    prepare(read_folders(images, "Mass"), images.with_name("at once"), size=16)
    return images.with_name("at once")


def start(images: Path, out: Path) -> subprocess.Popen[str]:
    arguments = ["prepare", "folders", images, "--positive", "Mass", "--out", out, "--size", "16"]
    return subprocess.Popen(
        [sys.executable, "-c", SLOWLY, *map(str, arguments)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def batches(out: Path) -> int:
    journal = out.parent / f".{out.name}.preparing" / ".decoded"
    return journal.read_bytes().count(b"\n") - 1 if journal.exists() else 0


def until(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while process.poll() is None and not happened():
        time.sleep(0.005)


def assert_complete(out: Path, at_once: Path) -> None:
    for name in ("manifest.parquet", "pixels-16.npy", "rejected.csv"):
        assert fingerprint(out / name) == fingerprint(at_once / name)
    assert {path.name for path in out.iterdir()} == {path.name for path in at_once.iterdir()}
    assert not list(out.parent.glob(".*")), "no temporary file is left"


def test_prepare_resumes_after_kill_and_interrupt_with_the_same_result(
    images: Path, at_once: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    killed = start(images, out)
    until(lambda: batches(out) >= 2, killed)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL and not out.exists()
    before = batches(out)
    stopped = start(images, out)
    until(lambda: batches(out) >= before + 2, stopped)
    stopped.send_signal(signal.SIGINT)
    _, output = stopped.communicate()
    assert stopped.returncode == 130 and not out.exists()
    assert re.search(r"\b[1-9]\d* of 80\b", output) and str(tmp_path / ".out.preparing") in output
    prepare(read_folders(images, "Mass"), out, size=16)
    assert_complete(out, at_once)


@pytest.mark.slow
def test_prepare_resumes_after_twenty_kills_with_the_same_result(images: Path, at_once: Path, tmp_path: Path) -> None:
    out, chance = tmp_path / "out", random.Random(0)
    whole = start(images, tmp_path / "timed")
    begun = time.monotonic()
    assert whole.wait() == 0
    seconds = time.monotonic() - begun
    for _ in range(20):
        process = start(images, out)
        time.sleep(chance.uniform(0.3, 1.0) * seconds)
        process.kill()
        process.wait()
        if out.exists():
            assert json.loads((out / "source.json").read_text())["found"] == 80
            break
    else:
        prepare(read_folders(images, "Mass"), out, size=16)
    shutil.rmtree(tmp_path / "timed")
    (out / ".decoded").unlink(missing_ok=True)
    assert_complete(out, at_once)


@pytest.mark.parametrize(
    ("error", "raised", "stays"),
    [
        (OSError(28, "No space left on device"), DiskFullError, True),
        (ClusterLostError("The scheduler stopped."), ClusterLostError, True),
        (KeyboardInterrupt(), KeyboardInterrupt, True),
        (InputError("A patient is in two splits."), InputError, False),
        (PermissionError(13, "Permission denied"), PermissionDeniedError, False),
    ],
)
def test_failures_of_the_machine_keep_the_decoded_images(
    error: BaseException,
    raised: type[BaseException],
    stays: bool,
    images: Path,
    at_once: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(placa.workflows.prepare, "split_images", fail)
        with pytest.raises(raised) as message:
            prepare(read_folders(images, "Mass"), tmp_path / "out", size=16)
    assert (str(tmp_path / ".out.preparing") in str(message.value)) == stays
    assert (tmp_path / ".out.preparing").exists() == stays and not (tmp_path / "out").exists()
    prepare(read_folders(images, "Mass"), tmp_path / "out", size=16)
    assert_complete(tmp_path / "out", at_once)


def test_interrupted_phantoms_are_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(placa.workflows.prepare, "split_images", stop)
    with pytest.raises(KeyboardInterrupt) as message:
        prepare(partial(read_phantoms, images=4, seed=5), tmp_path / "out", size=16)
    assert not message.value.args and not list(tmp_path.iterdir())


def test_an_older_data_set_is_kept_until_the_new_one_is_complete(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(read_folders(images, "Mass"), out, size=16)
    before = fingerprint(out / "source.json")
    broken = Source("table", pd.DataFrame({"image_id": ["a"], "path": ["gone.png"], "Mass": [1]}), ["Mass"], REST, "-")
    with raises(NoReadableImageError, images=1, path="gone.png"):
        prepare(broken, out, size=16, overwrite=True)
    assert fingerprint(out / "source.json") == before
    prepare(read_folders(images, "Mass"), out, size=32, overwrite=True)
    assert (out / "pixels-32.npy").exists() and not (out / "pixels-16.npy").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_two_processes_cannot_prepare_one_directory(images: Path, at_once: Path, tmp_path: Path) -> None:
    (tmp_path / ".out.preparing").mkdir()
    other = os.open(tmp_path / ".out.preparing", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with raises(InUseError, path=str(tmp_path / "out")):
        prepare(read_folders(images, "Mass"), tmp_path / "out", size=16)
    os.close(other)
    prepare(read_folders(images, "Mass"), tmp_path / "out", size=16)
    assert_complete(tmp_path / "out", at_once)
