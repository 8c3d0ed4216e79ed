"""Start, await and kill several training processes on loopback."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="jax, which several processes need, is not installed"
)

_SCRIPT = """
import json, sys
from pathlib import Path
from placa.core.errors import PlacaError
from placa.core.progress import RichProgress
from placa.training.options import TrainOptions
from placa.workflows.train import train
from placa.training.distributed import ProcessGroup

prepared, out, options, resume, process_group = json.loads(sys.argv[1])
try:
    train(
        Path(prepared), Path(out), TrainOptions(**options), progress=RichProgress(), resume=resume,
        checkpoint_every=0.0, process_group=ProcessGroup(*process_group) if process_group else None,
    )
except PlacaError as error:
    sys.exit(f"placa: {error}")
"""


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def start(
    prepared: Path, out: Path, options: dict[str, object], processes: int = 2, resume: bool = False, **environment: str
) -> list[subprocess.Popen[str]]:
    """Start processes that train one run; their output and errors are on stderr.

    One process trains alone, on JAX as well.
    """
    port = free_port()
    started = []
    for process in range(processes):
        process_group = ["127.0.0.1", port, processes, process, 120.0] if processes > 1 else None
        job = json.dumps([str(prepared), str(out), options, resume, process_group])
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", _SCRIPT, job],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "COLUMNS": "200", "KERAS_BACKEND": "jax", **environment},
            )
        )
    return started


def end(started: list[subprocess.Popen[str]], seconds: float = 300.0) -> list[tuple[int, str]]:
    """Wait until all have ended; return the exit code and the output of each."""
    ended = []
    for process in started:
        try:
            _, shown = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            for one in started:
                one.kill()
            raise
        ended.append((process.returncode, shown))
    return ended


def worker_of(process: subprocess.Popen[str]) -> int | None:
    """Return the worker process of a process."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(children[0]) if children else None
