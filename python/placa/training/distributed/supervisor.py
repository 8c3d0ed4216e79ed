"""Supervise one of several training processes: connect, start a worker, and report its result."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, cast

from placa.core.errors import MissingPackageError, PlacaError
from placa.core.files import fingerprint
from placa.core.json_files import read_json
from placa.core.processes import command, environment
from placa.core.progress import Advance, Progress
from placa.core.system import versions
from placa.records.run import require_run
from placa.records.run_facts import RunFacts
from placa.training.distributed.heartbeat import Heartbeat
from placa.training.distributed.process_group import ProcessGroup
from placa.training.distributed.rendezvous import ConnectedGroup, connect_processes
from placa.training.errors import (
    BackendError,
    ProcessLostError,
    TrainingKilledError,
    error_from_json,
)
from placa.training.options import TrainOptions

#: Seconds to wait after a failure for the message of another process that ended first.
_PEER_SECONDS = 3.0
#: Seconds that a worker has to stop.
_GRACE = 8.0
_RESUME = "Start all processes again with --resume to continue from the last saved state."

Events = SimpleQueue[tuple[str, Any]]


@dataclass(frozen=True)
class Job:
    """The arguments of `placa.workflows.train.train`."""

    prepared: Path
    out: Path
    options: TrainOptions
    overwrite: bool
    resume: bool
    checkpoint_every: float = 20.0


def train_together(job: Job, process_group: ProcessGroup, progress: Progress) -> RunFacts:
    """Train one network in several processes, including this one.

    Args:
        job: The training job, equal in all processes.
        process_group: The process group.
        progress: Progress display; process 0 shows the progress bars.

    Returns:
        The content of ``run.json``, if this process can read the run.

    Raises:
        PlacaError: The processes cannot connect or have different settings, one of them has ended, or training has
            failed.
    """
    _require_jax()
    number, count, address = process_group.process, process_group.processes, process_group.address
    progress.say(
        f"process {number} of {count} connects to {address}"
        if number
        else f"process {number} of {count} waits for the other processes at {address}"
    )
    group = connect_processes(process_group, shared_settings(job))
    events: Events = SimpleQueue()
    heartbeat = Heartbeat(process_group.process, group.links, events)
    try:
        with tempfile.TemporaryFile() as errors, _Worker(job, process_group, group, events, errors) as worker:
            return _supervise(worker, job, process_group, heartbeat, events, progress)
    except BaseException as error:
        # The other processes show this reason.
        name = f"Process {process_group.process} (on {os.uname().nodename})"
        reason = f"{name} stopped: {error}" if isinstance(error, PlacaError) else f"{name} was stopped. {_RESUME}"
        heartbeat.failed(reason)
        raise
    finally:
        heartbeat.close()


def shared_settings(job: Job) -> dict[str, Any]:
    """Collect the settings that must be equal in all processes, by the names in error messages."""
    options = job.options.as_record()
    changes = {f"augmentation {name}": value for name, value in options.pop("augmentation").items()}
    return {
        **{name.replace("_", " "): value for name, value in options.items()},
        **changes,
        **{f"{name} version": value for name, value in versions().items()},
        "the prepared data": read_json(job.prepared / "source.json").get("fingerprint"),
        "the manifest": fingerprint(job.prepared / "manifest.parquet"),
        "--resume": job.resume,
    }


class _Worker:
    """The process that trains, and a thread that reads its messages."""

    def __init__(
        self, job: Job, process_group: ProcessGroup, group: ConnectedGroup, events: Events, errors: IO[bytes]
    ) -> None:
        self._errors = errors
        self.process = subprocess.Popen(
            command("training"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(),
            # Only the supervisor receives Ctrl-C, and stops the worker.
            start_new_session=True,
        )
        content = {
            **asdict(job),
            "prepared": str(job.prepared.absolute()),
            "out": str(job.out.absolute()),
            "process": process_group.process,
            "processes": process_group.processes,
            "coordinator": group.coordinator,
            "bind": group.bind,
            "devices": group.devices,
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(content) + "\n")
        self.process.stdin.flush()
        self._job, self._events = job, events
        threading.Thread(target=self._listen, daemon=True, name="placa-worker").start()

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the worker, and remove its partial output."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for left in self._job.out.absolute().parent.glob(f".{self._job.out.name}.partial-{self.process.pid}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def stderr_tail(self) -> str:
        """Return the last 4,000 characters of the standard error of the worker."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-4000:]

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._events.put(("message", json.loads(line)))
        self._events.put(("exited", self.process.wait()))


def _supervise(
    worker: _Worker, job: Job, process_group: ProcessGroup, heartbeat: Heartbeat, events: Events, progress: Progress
) -> RunFacts:
    facts: RunFacts | None = None
    with ExitStack() as stack:
        relay = _ProgressRelay(progress, stack)
        while True:
            kind, content = events.get()
            if kind == "all done":
                return facts or _facts(job)
            if kind == "ended":
                raise _lost(content)
            if kind == "exited" and content == -signal.SIGKILL:
                raise TrainingKilledError(
                    f"The training process was killed, by a user or for lack of memory. {_RESUME}",
                    signal=signal.SIGKILL.name,
                )
            if kind == "exited":
                _raise_failure(f"The training process ended with code {content}", worker, events)
            elif content["what"] == "done":
                facts = content["facts"]
                heartbeat.done()
            elif content["what"] == "refused":
                raise error_from_json(content["error"])
            elif content["what"] == "crashed":
                _raise_failure(content["text"], worker, events)
            else:
                relay(content)


class _ProgressRelay:
    """Show the progress of a worker on the display of this process."""

    def __init__(self, progress: Progress, stack: ExitStack) -> None:
        self._progress = progress
        self._stack = stack
        self._bars: dict[int, tuple[ExitStack, Advance]] = {}

    def __call__(self, message: dict[str, Any]) -> None:
        what = message["what"]
        if what == "bar":
            stack = self._stack.enter_context(ExitStack())
            advance = stack.enter_context(self._progress.bar(message["text"], message["total"]))
            self._bars[message["number"]] = (stack, advance)
        elif what == "advance":
            self._bars[message["number"]][1](message["steps"], remark=message["text"])
        elif what == "close":
            self._bars.pop(message["number"])[0].close()
        else:
            getattr(self._progress, what)(message["text"])


def _raise_failure(reason: str, worker: _Worker, events: Events) -> None:
    """Raise the cause of a failure: the end of another process if there was one, as it makes all others fail."""
    deadline = time.monotonic() + _PEER_SECONDS
    while time.monotonic() < deadline:
        try:
            kind, content = events.get(timeout=0.1)
        except Empty:
            continue
        if kind == "ended":
            raise _lost(content)
    raise RuntimeError(f"{reason}\n{worker.stderr_tail()}")


def _lost(reason: str) -> ProcessLostError:
    # A complete sentence already has a remedy.
    message = reason if reason.endswith(".") else f"{reason}, so this process stopped too. {_RESUME}"
    return ProcessLostError(message, reason=reason)


def _facts(job: Job) -> RunFacts:
    # A process on another machine may not see the run.
    return require_run(job.out) if (job.out / "run.json").is_file() else cast(RunFacts, {})


def _require_jax() -> None:
    backend = os.environ.get("KERAS_BACKEND") or "jax"
    if backend != "jax":
        raise BackendError(
            f"Training in several processes needs the Keras backend jax, got KERAS_BACKEND={backend}. Unset it, "
            "or set it to jax.",
            backend=backend,
            expected="jax",
        )
    if importlib.util.find_spec("jax") is None:
        raise MissingPackageError(
            "Training in several processes needs the package jax. Install it with pip install 'placa[jax]', or omit "
            "--processes.",
            package="jax",
        )
