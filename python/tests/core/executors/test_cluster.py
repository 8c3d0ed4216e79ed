"""The executor on a real Dask scheduler, with workers in separate processes on loopback."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_folders
from raising import raises

import placa.dataset.pixel_cache
from placa.core.errors import ClusterLostError, MissingPackageError, SchedulerNotFoundError, WorkerMismatchError
from placa.core.executors import cluster
from placa.core.executors.cluster import Cluster
from placa.core.files import fingerprint
from placa.core.progress import Advance, Progress
from placa.dataset.errors import FileDiffersOnWorkerError
from placa.dataset.pixel_cache import decode
from placa.inference.predict import Predictor
from placa.inference.prepared import predict_prepared
from placa.records.manifest import read_manifest
from placa.records.reading import Reading
from placa.sources.folders import read_folders
from placa.workflows.prepare import prepare

if find_spec("distributed") is None:
    pytest.skip("the extra dask is not installed", allow_module_level=True)


class Process:
    """A scheduler or worker, started with the command of Dask."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "dask", *map(str, arguments), "--host", "127.0.0.1", "--no-dashboard"]
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)

    def kill(self) -> None:
        if self._process.poll() not in (None, -signal.SIGKILL):
            # The process ended unexpectedly. pytest shows this output if a test fails.
            self._log.seek(0)
            print(self._process.args, self._process.returncode, self._log.read()[-4000:])
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@contextmanager
def scheduler_in(directory: Path) -> Iterator[tuple[str, Process]]:
    """Start a scheduler without workers; yield it and its address."""
    file = directory / "scheduler.json"
    process = Process("scheduler", "--port", 0, "--scheduler-file", file)
    try:
        while not file.exists() or '"address"' not in file.read_text():
            time.sleep(0.05)
        yield file.read_text().split('"address": "')[1].split('"')[0], process
    finally:
        process.kill()


@contextmanager
def workers_of(address: str, count: int) -> Iterator[list[Process]]:
    """Start workers, and wait until all are connected."""
    processes = [Process("worker", address, "--nthreads", 1, "--no-nanny") for _ in range(count)]
    try:
        from distributed import Client

        with Client(address, timeout=300, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=300)
        yield processes
    finally:
        for process in processes:
            process.kill()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a scheduler with two workers, which tests must not stop."""
    with scheduler_in(tmp_path_factory.mktemp("dask")) as (there, _), workers_of(there, 2):
        yield there


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return draw_folders(tmp_path / "in", 300)


class DoneSoFar(Progress):
    """Call a function once a number of items are done."""

    def __init__(self, count: int, then: Callable[[], None]) -> None:
        self._count, self._then, self._done = count, then, 0
        self.called = False

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Advance]:
        def advance(steps: int = 1, remark: str = "") -> None:
            self._done += steps
            if self._done >= self._count and not self.called:
                self.called = True
                self._then()

        yield advance


@pytest.mark.slow
def test_a_cluster_prepares_identical_bytes_even_if_a_worker_is_killed(
    address: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Cluster, "chunk", 4)
    source = read_folders(Path("in"), "Mass")
    with scheduler_in(tmp_path) as (there, _), workers_of(there, 2) as (one, _), Cluster(there) as executor:
        progress = DoneSoFar(40, one.kill)
        prepare(source, tmp_path / "there", size=16, executor=executor, progress=progress)
    assert progress.called
    prepare(source, tmp_path / "here", size=16)
    for name in ("manifest.parquet", "pixels-16.npy", "rejected.csv"):
        assert fingerprint(tmp_path / "there" / name) == fingerprint(tmp_path / "here" / name)


@pytest.mark.slow
def test_preparation_resumes_after_the_scheduler_is_killed(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cluster, "chunk", 4)
    source = read_folders(images, "Mass")
    with (
        scheduler_in(tmp_path) as (there, scheduler),
        workers_of(there, 1),
        Cluster(there) as executor,
        raises(ClusterLostError, address=there, resumable=True),
    ):
        prepare(source, tmp_path / "out", size=16, executor=executor, progress=DoneSoFar(40, scheduler.kill))
    read: list[str] = []
    here = placa.dataset.pixel_cache.read_files

    def noted(size: int, reading: Reading, paths: list[str]) -> list[placa.dataset.pixel_cache.Decoded]:
        read.extend(paths)
        return here(size, reading, paths)

    monkeypatch.setattr(placa.dataset.pixel_cache, "read_files", noted)
    prepare(source, tmp_path / "out", size=16)
    assert 0 < len(read) <= 260 and len(read_manifest(tmp_path / "out")) == 299


@pytest.mark.slow
def test_the_loss_of_the_last_worker_is_an_error(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "WORKERLESS_SECONDS", 1.0)
    monkeypatch.setattr(cluster, "_POLL_SECONDS", 0.5)
    paths = sorted(map(str, images.glob("*/*.png")))
    with scheduler_in(tmp_path) as (there, _):
        with raises(ClusterLostError, address=there, reason="no worker", seconds=1.0):
            Cluster(there)
        monkeypatch.setattr(cluster, "WORKERLESS_SECONDS", 60.0)
        with workers_of(there, 1) as (worker,), Cluster(there) as executor:
            monkeypatch.setattr(cluster, "WORKERLESS_SECONDS", 1.0)
            several = decode(paths, 16, executor=executor)
            next(several)
            worker.kill()
            with raises(ClusterLostError, address=there, reason="no worker", seconds=1.0):
                list(several)


def test_a_worker_without_the_files_is_an_error_and_rejects_none(
    address: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = placa.dataset.pixel_cache.stamp_of
    # Only this process sees the file; the workers look it up themselves.
    hidden = str(tmp_path / "not-shared.png")
    monkeypatch.setattr(
        placa.dataset.pixel_cache, "stamp_of", lambda path: (1234, 0, 0) if path == hidden else there(path)
    )
    with Cluster(address) as executor:
        with raises(FileDiffersOnWorkerError, path=hidden, size=None, expected=1234) as refused:
            list(decode([*map(str, images.glob("*/*.png")), hidden], 16, executor=executor))
        assert refused.value.values["worker"].startswith("tcp://")
        gone = str(tmp_path / "gone.png")
        assert list(decode([gone], 16, executor=executor)) == [(None, "the file does not exist")], "same reason here"


def test_a_worker_with_other_packages_is_an_error(address: str, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = cluster.versions()["pillow"]
    mine = {**cluster.versions(), "pillow": "1.1.7"}
    monkeypatch.setattr(cluster, "versions", lambda: mine)
    with (
        Cluster(address) as executor,
        raises(WorkerMismatchError, package="pillow", version=there, expected="1.1.7") as refused,
    ):
        list(decode([str(next(images.glob("*/*.png")))], 16, executor=executor))
    assert refused.value.values["worker"].startswith("tcp://")


def test_a_missing_package_or_scheduler_is_a_one_line_error(
    tmp_path: Path, placa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1.0)
    for wrong in ("tcp://127.0.0.1:9", "ftp://127.0.0.1:9"):
        with raises(SchedulerNotFoundError, address=wrong):
            Cluster(wrong)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with raises(MissingPackageError, package="distributed"):
        Cluster("tcp://127.0.0.1:9")


def test_the_number_of_pending_items_is_limited(address: str) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    with Cluster(address) as executor:
        results = executor.map_in_order(abs, items(), ahead=8)
        assert next(results) == 0 and len(taken) <= 9
        assert list(results) == list(range(1, 100))


@pytest.mark.slow
def test_the_command_line_uses_the_cluster(address: str, images: Path, tmp_path: Path, placa) -> None:
    out = tmp_path / "out"
    asked = ("prepare", "folders", images, "--positive", "Mass", "--out", out, "--size", 16)
    done = placa(*asked, "--scheduler", address)
    assert done.returncode == 0, done.stderr
    assert f"Dask at {address}: 2 threads of 2 workers" in done.stderr
    assert len(read_manifest(out)) == 299


@pytest.mark.slow
def test_a_cluster_predicts_files_and_pixels_like_this_machine(run: Path, prepared: Path, tmp_path: Path) -> None:
    paths = read_manifest(prepared)["path"].tolist() * 8
    (tmp_path / "bad.png").write_bytes(b"")
    paths.insert(5, str(tmp_path / "bad.png"))
    here, rejected = Predictor(run).predict(paths)
    of_pixels, _ = predict_prepared(Predictor(run), prepared)
    with scheduler_in(tmp_path) as (there, _), workers_of(there, 2) as (one, _), Cluster(there) as executor:
        pixels_there, _ = predict_prepared(Predictor(run), prepared, executor=executor)
        predictor = Predictor(run)
        from_there, rejected_there = predictor.predict(paths, DoneSoFar(100, one.kill), executor)
        assert "model" not in vars(predictor), "the network is loaded only in the workers"
    assert rejected_there == rejected and len(rejected) == 1
    for mine, theirs in ((here, from_there), (of_pixels, pixels_there)):
        assert np.abs(mine["probability"] - theirs["probability"]).max() < 1e-6
        rest = [name for name in mine if name not in ("probability", "score")]
        assert mine[rest].equals(theirs[rest])
