"""One of several processes that train together: it meets the others, lets a worker train, and says how that ended."""

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
from typing import IO, Any

from placa.core.errors import PlacaError
from placa.core.files import fingerprint, read_json
from placa.core.processes import command, environment
from placa.core.progress import Advance, Progress
from placa.core.system import versions
from placa.training.distributed.heartbeat import Lifeline
from placa.training.distributed.process_group import Team
from placa.training.distributed.rendezvous import Met, meet
from placa.training.errors import (
    BackendError,
    MissingPackageError,
    ProcessLostError,
    TrainingKilledError,
    error_from_json,
)
from placa.training.options import TrainOptions

#: Seconds in which the others' side of a story arrives: whose end came first is told by them.
_HEARSAY = 3.0
#: Seconds that a worker has to end once it is to stop.
_GRACE = 8.0
_AGAIN = "Start all processes again with --resume to continue from the last saved state."

News = SimpleQueue[tuple[str, Any]]


@dataclass(frozen=True)
class Job:
    """What `placa.workflows.train.train` was asked to do, in the same words."""

    prepared: Path
    out: Path
    options: TrainOptions
    overwrite: bool
    resume: bool
    checkpoint_every: float = 20.0


def train_together(job: Job, team: Team, progress: Progress) -> dict[str, Any]:
    """Train one network in several processes, of which this is one.

    Args:
        job: What to train; the same for all processes.
        team: Who they are.
        progress: Where to show what goes on; process 0 shows the bars.

    Returns:
        The content of ``run.json``, where this process sees the run.

    Raises:
        PlacaError: The processes do not meet or do not mean the same, one of them has ended, or training has failed
            for a reason that the user can mend.
    """
    _require_jax()
    said = f"process {team.process} of {team.processes} "
    progress.say(
        said
        + (f"waits for the other processes at {team.address}" if team.process == 0 else f"connects to {team.address}")
    )
    met = meet(team, terms(job))
    news: News = SimpleQueue()
    lifeline = Lifeline(team.process, met.links, news)
    try:
        with tempfile.TemporaryFile() as errors, _Worker(job, team, met, news, errors) as worker:
            return _attend(worker, job, team, lifeline, news, progress)
    except BaseException as error:
        # Those who hear of it are to say whose end it was.
        name = f"Process {team.process} (on {os.uname().nodename})"
        reason = f"{name} stopped: {error}" if isinstance(error, PlacaError) else f"{name} was stopped. {_AGAIN}"
        lifeline.failed(reason)
        raise
    finally:
        lifeline.close()


def terms(job: Job) -> dict[str, Any]:
    """What all processes must agree on, by names that a user knows."""
    options = asdict(job.options)
    changes = {f"augmentation {name}": value for name, value in options.pop("augmentation").items()}
    used = versions("placa", "keras", "jax", "jaxlib", "numpy", "pillow")
    return {
        **{name.replace("_", " "): value for name, value in options.items()},
        **changes,
        **{f"{name} of version": value for name, value in used.items()},
        "the prepared data": read_json(job.prepared / "source.json").get("fingerprint"),
        "the manifest": fingerprint(job.prepared / "manifest.parquet"),
        "--resume": job.resume,
    }


class _Worker:
    """The process that trains, and a thread that listens to it."""

    def __init__(self, job: Job, team: Team, met: Met, news: News, errors: IO[bytes]) -> None:
        self._errors = errors
        self.process = subprocess.Popen(
            command("training"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(),
            # Ctrl-C is for the supervisor, which stops the worker in order.
            start_new_session=True,
        )
        content = {
            **asdict(job),
            "prepared": str(job.prepared.absolute()),
            "out": str(job.out.absolute()),
            "process": team.process,
            "processes": team.processes,
            "coordinator": met.coordinator,
            "bind": met.bind,
            "devices": met.devices,
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(content) + "\n")
        self.process.stdin.flush()
        self._job, self._news = job, news
        threading.Thread(target=self._listen, daemon=True, name="placa-worker").start()

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        """Let the worker end, and clean up after one that could not."""
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

    def last_words(self) -> str:
        """The end of what it, and the libraries in it, wrote to its error output."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-4000:]

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._news.put(("said", json.loads(line)))
        self._news.put(("gone", self.process.wait()))


def _attend(
    worker: _Worker, job: Job, team: Team, lifeline: Lifeline, news: News, progress: Progress
) -> dict[str, Any]:
    facts: dict[str, Any] | None = None
    with ExitStack() as stack:
        show = _Show(progress, stack)
        while True:
            kind, what = news.get()
            if kind == "all done":
                return facts or _facts(job)
            if kind == "ended":
                raise _lost(what)
            if kind == "gone" and what == -signal.SIGKILL:
                raise TrainingKilledError(
                    f"The training process was killed, by a user or for lack of memory. {_AGAIN}",
                    signal=signal.SIGKILL.name,
                )
            if kind == "gone":
                _complain(f"The training process ended with code {what}", worker, news)
            elif what["what"] == "done":
                facts = what["facts"]
                lifeline.done()
            elif what["what"] == "refused":
                raise error_from_json(what["error"])
            elif what["what"] == "crashed":
                _complain(what["text"], worker, news)
            else:
                show(what)


class _Show:
    """Shows what a worker says on the progress of this process."""

    def __init__(self, progress: Progress, stack: ExitStack) -> None:
        self._progress = progress
        self._stack = stack
        self._bars: dict[int, tuple[ExitStack, Advance]] = {}

    def __call__(self, said: dict[str, Any]) -> None:
        what = said["what"]
        if what == "bar":
            stack = self._stack.enter_context(ExitStack())
            advance = stack.enter_context(self._progress.bar(said["text"], said["total"]))
            self._bars[said["number"]] = (stack, advance)
        elif what == "advance":
            self._bars[said["number"]][1](said["steps"], remark=said["text"])
        elif what == "close":
            self._bars.pop(said["number"])[0].close()
        else:
            getattr(self._progress, what)(said["text"])


def _complain(reason: str, worker: _Worker, news: News) -> None:
    """Say why training failed: another process's end, if there was one, for it fails those who wait for it."""
    ends = time.monotonic() + _HEARSAY
    while time.monotonic() < ends:
        try:
            kind, what = news.get(timeout=0.1)
        except Empty:
            continue
        if kind == "ended":
            raise _lost(what)
    raise RuntimeError(f"{reason}\n{worker.last_words()}")


def _lost(sentence: str) -> ProcessLostError:
    # One that could say why it ended has said what to do as well.
    message = sentence if sentence.endswith(".") else f"{sentence}, so this process stopped too. {_AGAIN}"
    return ProcessLostError(message, reason=sentence)


def _facts(job: Job) -> dict[str, Any]:
    written = job.out / "run.json"
    facts: dict[str, Any] = read_json(written) if written.is_file() else {}
    return facts


def _require_jax() -> None:
    asked = os.environ.get("KERAS_BACKEND") or "jax"
    if asked != "jax":
        raise BackendError(
            f"Training in several processes needs the Keras backend jax, got KERAS_BACKEND={asked}. Unset it, "
            "or set it to jax.",
            backend=asked,
            expected="jax",
        )
    if importlib.util.find_spec("jax") is None:
        raise MissingPackageError(
            "Training in several processes needs the package jax. Install it with pip install 'placa[jax]', or omit "
            "--processes.",
            package="jax",
        )
