"""The training state beside a run: saving, loading, resuming and removing it."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import RecordedProgress
from raising import raises

from placa.core.errors import DiskFullError, InUseError, OutputExistsError
from placa.core.progress import SILENT
from placa.training.checkpoint import Checkpoint
from placa.training.data import TrainingData, read_training_data
from placa.training.errors import ChangedTrainingError, DamagedStateError, DivergedError, TrainingInterruptedError
from placa.training.options import TrainOptions
from placa.training.resume import ResumableTraining, resumable_training

FACTS = {"moment": {"phase": 0, "epoch": 1}, "watched": {"best_auroc": 0.1 + 0.2, "highest_auroc": -np.inf}}
ARRAYS = {"network": [np.arange(6, dtype=np.float32).reshape(2, 3), np.array([3, 4], np.uint32)], "optimizer": []}


@pytest.fixture(scope="module")
def data(prepared: Path) -> TrainingData:
    return read_training_data(prepared)


def begin(out: Path, data: TrainingData, options: TrainOptions | None = None, **how):
    settings = {"overwrite": False, "resume": False, "progress": SILENT, "every": 0.0, **how}
    return resumable_training(out, data, options or TrainOptions(), **settings)


def interrupt(out: Path, data: TrainingData, **how) -> None:
    with pytest.raises(KeyboardInterrupt), begin(out, data, **how) as begun:
        begun.checkpoint.part("network").save(FACTS, ARRAYS)
        raise KeyboardInterrupt


def test_a_state_is_identical_after_loading(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "state")
    assert checkpoint.load() is None and not checkpoint.exists()
    checkpoint.save(FACTS, ARRAYS)
    facts, arrays = Checkpoint(tmp_path / "state").load() or ({}, {})
    assert facts == FACTS and list(arrays) == ["network"]
    for before, after in zip(ARRAYS["network"], arrays["network"], strict=True):
        assert before.dtype == after.dtype and np.array_equal(before, after)
    assert checkpoint.exists() and [path.name for path in (tmp_path / "state").iterdir()] == ["state.npz"]


@pytest.mark.parametrize("harm", ["cut", "one bit"])
def test_a_damaged_state_is_an_error(tmp_path: Path, harm: str) -> None:
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(FACTS, {"network": [np.random.default_rng(0).normal(size=5000)]})
    path = tmp_path / "state.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content[: len(content) // 2] if harm == "cut" else content)
    with raises(DamagedStateError, file=str(path)):
        checkpoint.load()


def test_states_are_saved_less_often_if_saving_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("placa.training.checkpoint.time.monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path, every=20.0)
    seen = []
    for second in range(1, 200):
        now[0] = float(second)
        if checkpoint.due():
            seen.append(second)
            real, slow = np.savez, 1.0 if len(seen) == 3 else 0.1

            def takes_a_while(*arguments, slow=slow, real=real, **arrays) -> None:
                now[0] += slow
                real(*arguments, **arrays)

            with monkeypatch.context() as patched:
                patched.setattr(np, "savez", takes_a_while)
                checkpoint.save(FACTS, ARRAYS)
    # The third save took one second, so the next one is fifty seconds later.
    assert seen == [20, 41, 62, 113, 134, 155, 176, 197]
    assert not Checkpoint(tmp_path, every=0.0, writes=False).due()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_loses_only_the_newest_state(small_disk: Path, data: TrainingData) -> None:
    out = small_disk / "run"
    kept = {"run": str(out), "state": str(small_disk / ".run.training")}
    with raises(TrainingInterruptedError, **kept), begin(out, data) as begun:
        part = begun.checkpoint.part("network")
        part.save(FACTS, ARRAYS)
        part.save({"newer": True}, {"network": [np.zeros(100_000)]})
    with pytest.raises(KeyboardInterrupt), begin(out, data, resume=True) as begun:
        assert (begun.checkpoint.part("network").load() or ({},))[0] == FACTS
        assert [path.name for path in (small_disk / ".run.training" / "network").iterdir()] == ["state.npz"]
        raise KeyboardInterrupt


def test_a_disk_too_small_for_a_state_is_left_empty(small_disk: Path, data: TrainingData) -> None:
    state = small_disk / ".run.training" / "state.npz"
    with raises(DiskFullError, path=str(state)), begin(small_disk / "run", data) as begun:
        begun.checkpoint.save({}, {"network": [np.zeros(100_000)]})
    assert list(small_disk.iterdir()) == []


def test_only_the_same_training_can_be_resumed(tmp_path: Path, data: TrainingData) -> None:
    out = tmp_path / "run"
    interrupt(out, data)
    other = TrainOptions(learning_rate=1e-3, augmentation={"flip": 0.25})
    options = {"learning_rate": [0.002, 0.001], "augmentation": [{}, {"flip": 0.25}]}
    with raises(ChangedTrainingError, changed=options), begin(out, data, other, resume=True):
        pass
    another = replace(data, pixels=data.pixels[:, :32, :32])
    with raises(ChangedTrainingError) as caught, begin(out, another, resume=True):
        pass
    before, now = caught.value.values["changed"]["data"]
    images = len(data.pixels)
    assert (before["pixels"], now["pixels"]) == ([images, 64, 64], [images, 32, 32])
    with begin(out, data, other, overwrite=True) as begun:
        assert not begun.checkpoint.exists()
    assert list(tmp_path.iterdir()) == []


def test_resuming_without_a_state_is_reported(tmp_path: Path, data: TrainingData) -> None:
    recorded = RecordedProgress()
    out = tmp_path / "run"
    with begin(out, data, resume=True, progress=recorded) as begun:
        assert isinstance(begun, ResumableTraining) and begun.complete_run is None
    assert len(recorded.messages) == 1 and str(out) in recorded.messages[0] and list(tmp_path.iterdir()) == []


def test_overwrite_is_remembered_when_resuming(a_run: Path, data: TrainingData) -> None:
    with raises(OutputExistsError, path=str(a_run)), begin(a_run, data):
        pass
    assert not a_run.with_name(".a-run.training").exists()
    interrupt(a_run, data, overwrite=True)
    with begin(a_run, data, resume=True) as begun:
        assert begun.overwrite and begun.complete_run is None
    assert (a_run / "run.json").is_file()


def test_two_trainings_cannot_write_one_run(tmp_path: Path, data: TrainingData) -> None:
    with begin(tmp_path / "run", data) as begun:
        begun.checkpoint.save(FACTS, ARRAYS)
        for how in ({"overwrite": True}, {"resume": True}, {}):
            with raises(InUseError, path=str(tmp_path / "run")), begin(tmp_path / "run", data, **how):
                pass
        assert begun.checkpoint.exists()


def test_the_state_of_a_diverged_training_is_removed(tmp_path: Path, data: TrainingData) -> None:
    with raises(DivergedError, epoch=1), begin(tmp_path / "run", data) as begun:
        begun.checkpoint.save(FACTS, ARRAYS)
        raise DivergedError("The loss became nan.", quantity="loss", epoch=1, step=2)
    assert list(tmp_path.iterdir()) == []
