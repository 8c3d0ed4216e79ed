"""Train in a worker process, one of several, started by `placa.training.distributed.supervisor`.

The worker reads its job as a line of JSON, reports progress as lines of JSON, and ends when its input ends. It
therefore never outlives the supervisor, and the user does not see a C++ abort of JAX.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from placa.core.errors import PlacaError
from placa.core.progress import SILENT, Advance, Progress
from placa.records.run_facts import RunFacts
from placa.training.distributed import collectives
from placa.training.errors import error_to_json

#: Seconds for cleanup when the worker must stop; it may be waiting for a process that has died.
_GRACE = 3.0


class Reporter(Progress):
    """Report progress as lines of JSON, for the supervisor."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def send(self, event: str, content: Any = None) -> None:
        """Write one message."""
        print(json.dumps([event, content]), file=self._out, flush=True)

    def stage(self, title: str) -> None:
        self.send("stage", title)

    def say(self, text: str) -> None:
        self.send("say", text)

    def warn(self, text: str) -> None:
        self.send("warn", text)

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Advance]:
        self.send("bar", [title, total])
        try:
            yield lambda steps=1, remark="": self.send("advance", [steps, remark])
        finally:
            self.send("close")


def main() -> None:
    """Run the job on the first line of standard input."""
    reporter = Reporter(_own_output())
    job = json.loads(sys.stdin.readline())
    finished, input_ended = threading.Event(), threading.Event()
    threading.Thread(target=_stop_with_input, args=(finished, input_ended), daemon=True).start()
    code = 1
    try:
        facts = _train(job, reporter if job["process"] == 0 else SILENT)
        # From here on, the end of the input is a normal end.
        finished.set()
        reporter.send("done", facts)
        input_ended.wait()
        code = 0
    except PlacaError as error:
        reporter.send("refused", error_to_json(error))
    except KeyboardInterrupt:
        pass
    except BaseException:
        traceback.print_exc()
    # No normal exit: JAX would wait for the other processes, and abort if they have ended.
    os._exit(code)


def _train(job: dict[str, Any], progress: Progress) -> RunFacts | None:
    os.environ["KERAS_BACKEND"] = "jax"
    collectives.join(job["coordinator"], job["processes"], job["process"], job["devices"], job["bind"] or None)
    from placa.training.batches import Share
    from placa.training.distributed import Job
    from placa.training.options import TrainOptions
    from placa.workflows.train import train_share

    given = Job(
        Path(job["prepared"]),
        Path(job["out"]),
        TrainOptions(**job["options"]),
        job["overwrite"],
        job["resume"],
        job["checkpoint_every"],
    )
    return train_share(given, progress, Share(job["process"], job["processes"]))


def _own_output() -> TextIO:
    """Reserve standard output for messages to the supervisor, and redirect prints of libraries to standard error."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def _stop_with_input(finished: threading.Event, input_ended: threading.Event) -> None:
    # os.read, as sys.stdin.readline would hold its lock at exit.
    while os.read(0, 4096):
        pass
    input_ended.set()
    if not finished.is_set():
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(_GRACE)
        os._exit(1)


if __name__ == "__main__":
    main()
