"""Shared fixtures: real data if available, a small prepared data set, and a run trained on it."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from slow_parts import PARTS, part_of

from placa.core.progress import Progress

ROOT = Path(__file__).resolve().parents[2]
# Programs started with `&` ignore SIGINT, and child processes that the tests interrupt would inherit this.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
pytest_plugins = ["counts", "download_fixtures", "report_fixtures", "source_fixtures"]
#: Folders whose tests take longest: with several workers they start first, so that no worker is left alone at the end.
LONGEST_FIRST = ("workflows", "documents", "reporting", "training", "inference", "cli")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", choices=PARTS, help="run only the tests of a part of the slow tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select a part of the slow tests, and run the longest files first."""
    if part := config.getoption("part"):
        items[:] = [item for item in items if part_of(item.path) == part]

    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(ROOT / "python" / "tests").parts[0]
        return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Exempt the imported modules from garbage collection, which takes a twelfth of the time of the tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that `make` has filled once per session, for all workers; the others wait."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, made = base / f"once-{name}", base / f"once-{name}.made"
    with (base / f"once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the directory of real radiographs: PLACA_DATA, by default ../shared/data."""
    place = Path(os.environ.get("PLACA_DATA", ROOT.parent / "shared" / "data"))
    if not (place / "nih-256").is_dir():
        pytest.skip(f"no real radiographs in {place}; set PLACA_DATA to their directory")
    return place


@pytest.fixture(scope="session")
def r() -> str:
    """Return the R command; skip the test if R or its package placa is missing."""
    from placa.evaluation.bridge import find_r

    command = find_r()
    if command is None:
        pytest.skip("R is not installed")
    asked = subprocess.run([command, "--no-echo", "-e", "library(placa)"], capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.skip("R has no package placa (make setup installs it)")
    return command


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare a data set of 120 phantoms; tests must not change it."""
    from placa.sources.phantom import read_phantoms
    from placa.workflows.prepare import prepare

    phantoms = partial(read_phantoms, images=120, seed=3)
    return once(tmp_path_factory, "prepared", lambda out: prepare(phantoms, out / "phantoms", size=64)) / "phantoms"


@pytest.fixture(scope="session")
def run(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a tiny network for two epochs on `prepared`; tests must not change it."""
    from tiny_network import tiny

    options = {"backbone": tiny, "learning_rate": 0.02}
    return once(tmp_path_factory, "run", partial(_train, prepared, **options)) / "phantoms"


@pytest.fixture(scope="session")
def small_run(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train the network `small` for two epochs on `prepared` by the command; tests must not change it."""
    from placa.cli import main

    def train(folder: Path) -> None:
        command = ["train", prepared, "--out", folder / "phantoms", "--epochs", "2", "--batch-size", "16"]
        assert not main([*map(str, command)])

    return once(tmp_path_factory, "small", train) / "phantoms"


def _train(prepared: Path, folder: Path, **options: Any) -> None:
    from placa.training.options import TrainOptions
    from placa.workflows.train import train

    out = folder / "phantoms"
    train(prepared, out, TrainOptions(epochs=2, batch_size=16, **options))
    left = ROOT / ".make" / "test-run"
    if left.parent.is_dir():
        # testthat waits for this run and predicts with it, so the copy is renamed when it is complete.
        beside = left.with_name("test-run.partial")
        for old in (left, beside):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(out, beside)
        shutil.copytree(prepared / "images", beside / "images")
        beside.rename(left)


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare 60 phantoms of another hospital, all of them test images; tests must not change them."""
    from placa.dataset.splits import SplitPlan
    from placa.sources.phantom import read_phantoms
    from placa.workflows.prepare import prepare

    phantoms, plan = partial(read_phantoms, images=60, seed=8), SplitPlan(fractions=(0.0, 0.0, 1.0))
    made = once(tmp_path_factory, "elsewhere", lambda out: prepare(phantoms, out / "there", size=64, plan=plan))
    return made / "there"


@pytest.fixture
def a_run(run: Path, tmp_path: Path) -> Path:
    """Copy `run`, so that a test may change it."""
    return Path(shutil.copytree(run, tmp_path / "a-run"))


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def placa(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return a function that runs the command line in this process, because TensorFlow takes seconds to import."""
    from placa.cli import main

    def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            for name, value in {"COLUMNS": "200", **environment}.items():
                patch.setenv(name, value)
            try:
                code: Any = main([str(one) for one in arguments])
            except SystemExit as end:
                code = end.code or 0
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture
def placa_process() -> Command:
    """Return a function that runs the command line in a separate process, for tests of the process itself."""

    def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "placa", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": "200", **environment},
        )

    return call


class RecordedProgress(Progress):
    """Record messages and warnings."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.warned: list[str] = []

    def say(self, text: str) -> None:
        self.messages.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)


def draw(path: Path, seed: int = 0, size: tuple[int, int] = (40, 30), mode: str = "L") -> Path:
    """Write a small image whose pixels depend only on the seed."""
    random = np.random.default_rng(seed)
    levels = random.integers(0, 256, (size[1] // 5, size[0] // 5), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels).resize(size, Image.Resampling.BICUBIC).convert(mode).save(path)
    return path


def draw_folders(folder: Path, images: int) -> Path:
    """Draw images into the class folders Mass and No Finding; one file is empty."""
    for number in range(images):
        draw(folder / ("Mass" if number % 2 else "No Finding") / f"{number}.png", seed=number)
    (folder / "Mass" / "7.png").write_bytes(b"")
    return folder
