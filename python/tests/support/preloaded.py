"""A process that has imported the libraries of placa, and starts commands of placa by forking itself.

A campaign calls placa several hundred times; importing TensorFlow would take most of its time. The commands that it
starts and kills are forks, and so are the calls whose results must be the same; the first result of a campaign is that
of a separate process. Processes that outlive a killed command become children of this process.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import json
import os
import sys
import tempfile
import threading
import traceback
from typing import Any

#: PR_SET_CHILD_SUBREAPER of Linux.
_SUBREAPER = 36
_MODULES = (
    *("keras", "onnxruntime", "pandas", "placa.cli", "placa.inference.predict", "placa.reporting.pictures"),
    *("placa.workflows.evaluate", "placa.workflows.prepare", "placa.workflows.report", "placa.workflows.train"),
)


def _start(job: dict[str, Any]) -> int:
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        code = _call(job)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        # The end of a process flushes its streams and waits for its threads.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _call(job: dict[str, Any]) -> int:
    os.chdir(job["directory"])
    os.environ.update(job["environment"])
    tempfile.tempdir = None
    for path, descriptor in ((os.devnull, 0), (job["log"], 1), (job["log"], 2)):
        opened = os.open(path, os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, descriptor)
        os.close(opened)
    if job["largest"] is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest"], job["largest"]))
    if job["saves_often"]:
        import functools

        import placa.workflows.train as module

        module.train = functools.partial(module.train, checkpoint_every=0.0)
    from placa.cli import main

    return main(job["arguments"])


def main() -> None:
    """Import libraries, then do the jobs on stdin: start a command, or wait for its end."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)
    # Only imported: a process that has used TensorFlow cannot be forked.
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="2", KERAS_BACKEND="tensorflow")
    for name in _MODULES:
        importlib.import_module(name)
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print("ready", file=replies, flush=True)
    # Not sys.stdin, whose buffer a fork would read too.
    with os.fdopen(os.dup(0), "rb", buffering=0) as jobs:
        while line := _line(jobs):
            job = json.loads(line)
            reply = _start(job) if "arguments" in job else os.waitstatus_to_exitcode(os.waitpid(job["wait"], 0)[1])
            print(reply, file=replies, flush=True)


def _line(file: Any) -> bytes:
    found = b""
    while not found.endswith(b"\n") and (one := file.read(1)):
        found += one
    return found


if __name__ == "__main__":
    main()
