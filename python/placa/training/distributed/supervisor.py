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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, cast

from placa.core.errors import MissingPackageError, PlacaError
from placa.core.files import fingerprint
from placa.core.json_files import read_json
from placa.core.processes import command, environment
from placa.core.progress import Progress
from placa.core.system import versions
from placa.records.run import require_run
from placa.records.run_facts import RunFacts
from placa.training.distributed.heartbeat import Heartbeat
from placa.training.distributed.process_group import ProcessGroup
from placa.training.distributed.rendezvous import ConnectedGroup, connect_processes
from placa.training.errors import BackendError, ProcessLostError, TrainingKilledError, error_from_json
from placa.training.options import TrainOptions

#: Seconds to wait after a failure for the message of another process that ended first.
_PEER_SECONDS = 3.0
#: Seconds that a worker has to stop.
_GRACE = 8.0
#: Characters of the standard error of a worker that crashed, with its traceback, in the message.
_SHOWN = 20_000
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
    heartbeat = Heartbeat(number, group.links, events)
    try:
        with tempfile.TemporaryFile() as errors, _worker(job, process_group, group, events, errors):
            return _supervise(job, heartbeat, events, errors, progress)
    except BaseException as error:
        # The other processes show this reason.
        name = f"Process {number} (on {os.uname().nodename})"
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


@contextmanager
def _worker(
    job: Job, process_group: ProcessGroup, group: ConnectedGroup, events: Events, errors: IO[bytes]
) -> Iterator[None]:
    """Run the process that trains: its messages are events, and its end is the last one."""
    content = {
        **asdict(job),
        **asdict(process_group),
        "coordinator": group.coordinator,
        "bind": group.bind,
        "devices": group.devices,
    }
    process = subprocess.Popen(
        command("training"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=environment(),
        # Only the supervisor receives Ctrl-C, and stops the worker.
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None

    def listen(messages: IO[str]) -> None:
        # The last line of a killed worker can be incomplete.
        with suppress(ValueError):
            for line in messages:
                events.put(tuple(json.loads(line)))
        events.put(("exited", process.wait()))

    threading.Thread(target=listen, args=[process.stdout], daemon=True, name="placa-worker").start()
    try:
        print(json.dumps(content, default=str), file=process.stdin, flush=True)
        yield
    finally:
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for left in job.out.absolute().parent.glob(f".{job.out.name}.partial-{process.pid}-*"):
            shutil.rmtree(left, ignore_errors=True)


def _supervise(job: Job, heartbeat: Heartbeat, events: Events, errors: IO[bytes], progress: Progress) -> RunFacts:
    facts: RunFacts | None = None
    with ExitStack() as bars:
        while True:
            match events.get():
                case "all done", _:
                    return facts or _facts(job)
                case "ended", reason:
                    raise _lost(reason)
                case "exited", code:
                    raise _failure(code, events, errors)
                case "refused", error:
                    raise error_from_json(error)
                case "done", facts:
                    heartbeat.done()
                case "bar", (title, total):
                    advance = bars.enter_context(progress.bar(title, total))
                case "advance", (steps, remark):
                    advance(steps, remark=remark)
                case "close", _:
                    bars.close()
                case name, text:
                    getattr(progress, name)(text)


def _failure(code: int, events: Events, errors: IO[bytes]) -> Exception:
    """Return the cause of a failure: the end of another process if there was one, as it makes all others fail."""
    if code == -signal.SIGKILL:
        message = f"The training process was killed, by a user or for lack of memory. {_RESUME}"
        return TrainingKilledError(message, signal=signal.SIGKILL.name)
    with suppress(Empty):
        kind, reason = events.get(timeout=_PEER_SECONDS)
        if kind == "ended":
            return _lost(reason)
    errors.seek(0)
    shown = errors.read().decode(errors="replace")[-_SHOWN:]
    return RuntimeError(f"The training process ended with code {code}\n{shown}")


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
        message = (
            f"Training in several processes needs the Keras backend jax, got KERAS_BACKEND={backend}. Unset it, or set "
            "it to jax."
        )
        raise BackendError(message, backend=backend, expected="jax")
    if importlib.util.find_spec("jax") is None:
        raise MissingPackageError(
            "Training in several processes needs the package jax. Install it with pip install 'placa[jax]', or omit "
            "--processes.",
            package="jax",
        )
