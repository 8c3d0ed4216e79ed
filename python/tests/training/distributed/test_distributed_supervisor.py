"""The messages of a worker, and the cause of its failure, without a training."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile
from types import SimpleNamespace
from typing import Any

import pytest
from raising import raises

from placa.core.progress import Progress
from placa.training.distributed import supervisor
from placa.training.distributed.process_group import ProcessGroup
from placa.training.distributed.rendezvous import ConnectedGroup
from placa.training.distributed.supervisor import Job
from placa.training.errors import DivergedError, ProcessLostError, TrainingKilledError, error_to_json
from placa.training.options import TrainOptions
from placa.workflows.train_worker import Reporter


class _Shown(Progress):
    """Record every call of a progress display."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def stage(self, title: str) -> None:
        self.calls.append(("stage", title))

    def say(self, text: str) -> None:
        self.calls.append(("say", text))

    def warn(self, text: str) -> None:
        self.calls.append(("warn", text))

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Any]:
        self.calls.append(("open", title, total))
        yield lambda steps=1, remark="": self.calls.append((title, steps, remark))
        self.calls.append(("closed", title))


def _work(progress: Progress) -> None:
    progress.stage("one")
    for title in ("a", "b"):
        with progress.bar(title, 3) as advance:
            advance()
            advance(2, remark="half")
    progress.say("text")
    progress.warn("careful")


def _supervised(tmp_path: Path, *events: tuple[str, Any], shown: Progress, errors: bytes = b"") -> tuple[Any, int]:
    queue: SimpleQueue[tuple[str, Any]] = SimpleQueue()
    for event in events:
        queue.put(event)
    done: list[None] = []
    heartbeat: Any = SimpleNamespace(done=lambda: done.append(None))
    job = Job(tmp_path, tmp_path / "run", TrainOptions(), False, False)
    return supervisor._supervise(job, heartbeat, queue, BytesIO(errors), shown), len(done)


def test_the_progress_of_a_worker_is_shown_as_if_it_trained_here(tmp_path: Path) -> None:
    written, here, there = StringIO(), _Shown(), _Shown()
    _work(Reporter(written))
    _work(here)
    events = [tuple(json.loads(line)) for line in written.getvalue().splitlines()]
    facts = _supervised(tmp_path, *events, ("done", {"epochs": 2}), ("all done", ""), shown=there)
    assert facts == ({"epochs": 2}, 1) and there.calls == here.calls
    assert _supervised(tmp_path, ("done", None), ("all done", ""), shown=there) == ({}, 1)


def test_the_cause_of_a_failure_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_PEER_SECONDS", 0.1)
    shown = _Shown()
    error = DivergedError("The loss is nan.", quantity="loss", epoch=1, step=2)
    with raises(DivergedError, quantity="loss", epoch=1, step=2):
        _supervised(tmp_path, ("refused", error_to_json(error)), shown=shown)
    with raises(TrainingKilledError, signal="SIGKILL"):
        _supervised(tmp_path, ("exited", -signal.SIGKILL), shown=shown)
    # Another process that ended makes the worker fail, a moment earlier.
    for events in ([("ended", "Process 1 ended")], [("exited", 1), ("ended", "Process 1 ended")]):
        with raises(ProcessLostError, reason="Process 1 ended"):
            _supervised(tmp_path, *events, shown=shown)
    with pytest.raises(RuntimeError, match=r"code 1\n.*ZeroDivisionError"):
        _supervised(tmp_path, ("exited", 1), shown=shown, errors=b"ZeroDivisionError")


def test_a_worker_that_dies_within_a_message_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = 'import os, sys; sys.stdin.readline(); os.write(1, b\'["say", "te\'); os._exit(3)'
    monkeypatch.setattr(supervisor, "command", lambda name: [sys.executable, "-c", code])
    job = Job(tmp_path, tmp_path / "run", TrainOptions(), False, False)
    events: SimpleQueue[tuple[str, Any]] = SimpleQueue()
    group = ConnectedGroup([], "localhost:1", "", None)
    with TemporaryFile() as errors, supervisor._worker(job, ProcessGroup("localhost", 1, 2, 0), group, events, errors):
        assert events.get(timeout=30) == ("exited", 3)
