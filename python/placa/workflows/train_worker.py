"""The process that trains, one of several: started by `placa.training.distributed.supervisor`, never by hand.

It reads its job as a line of JSON, says what goes on as lines of JSON, and ends when its input does. So it never
outlives the process that a user sees and can stop, and JAX's own way to end, an abort in C++, is not what they see.
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
from placa.training.distributed import collectives
from placa.training.errors import error_to_json

#: Seconds that a worker may take to clean up once it is to stop; it may be waiting for one that has died.
_GRACE = 3.0


class Reporter(Progress):
    """Progress said in lines of JSON, for the process that shows it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._bars = 0

    def tell(self, what: str, **details: Any) -> None:
        """Say one thing."""
        self._out.write(json.dumps({"what": what, **details}) + "\n")
        self._out.flush()

    def stage(self, title: str) -> None:
        self.tell("stage", text=title)

    def say(self, text: str) -> None:
        self.tell("say", text=text)

    def warn(self, text: str) -> None:
        self.tell("warn", text=text)

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Advance]:
        self._bars += 1
        number = self._bars
        self.tell("bar", number=number, text=title, total=total)

        def advance(steps: int = 1, remark: str = "") -> None:
            self.tell("advance", number=number, steps=steps, text=remark)

        try:
            yield advance
        finally:
            self.tell("close", number=number)


def main() -> None:
    """Do the job that stands on the first line of standard input."""
    reporter = Reporter(_own_output())
    job = json.loads(sys.stdin.readline())
    finished, input_ended = threading.Event(), threading.Event()
    threading.Thread(target=_stop_with_input, args=(finished, input_ended), daemon=True).start()
    code = 1
    try:
        facts = _train(job, reporter if job["process"] == 0 else SILENT)
        # From here on, the end of the input is a farewell.
        finished.set()
        reporter.tell("done", facts=facts)
        input_ended.wait()
        code = 0
    except PlacaError as error:
        reporter.tell("refused", error=error_to_json(error))
    except KeyboardInterrupt:
        pass
    except BaseException:
        reporter.tell("crashed", text=traceback.format_exc())
    # Not the ordinary way out: JAX would wait for the others there, and abort where they are gone.
    os._exit(code)


def _train(job: dict[str, Any], progress: Progress) -> dict[str, Any] | None:
    os.environ["KERAS_BACKEND"] = "jax"
    collectives.join(job["coordinator"], job["processes"], job["process"], job["devices"], job["bind"] or None)
    from placa.training.batches import Share
    from placa.training.options import TrainOptions
    from placa.workflows.train import train_share

    facts: dict[str, Any] | None = train_share(
        Path(job["prepared"]),
        Path(job["out"]),
        TrainOptions(**job["options"]),
        job["overwrite"],
        progress,
        job["resume"],
        Share(job["process"], job["processes"]),
        job["checkpoint_every"],
    )
    return facts


def _own_output() -> TextIO:
    """Keep standard output for what is said to the supervisor; what libraries print goes to the error output."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def _stop_with_input(finished: threading.Event, input_ended: threading.Event) -> None:
    # Not by sys.stdin.readline: its lock would be held at exit.
    while os.read(0, 4096):
        pass
    input_ended.set()
    if not finished.is_set():
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(_GRACE)
        os._exit(1)


if __name__ == "__main__":
    main()
