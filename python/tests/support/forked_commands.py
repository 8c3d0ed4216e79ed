"""Start commands of placa as forks of one process, and watch their processes (Linux)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placa.core.processes import environment


@dataclass
class Call:
    """A command that has ended: its exit code, and what it printed."""

    returncode: int
    printed: str


class Commands:
    """Start commands of placa as forks of one process that has imported the libraries (see `preloaded`)."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("preloaded.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def _ask(self, **job: Any) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._read())

    def start(self, arguments: list[str], work: Path, largest: int | None = None, saves_often: bool = False) -> int:
        """Start a command; return the number of its process.

        Args:
            arguments: The command line.
            work: The working directory; its temporary directory and its configuration are beside it.
            largest: The limit of the size of its files, like a full disk; None for no limit.
            saves_often: Whether ``train`` saves a state after each epoch, not every 20 seconds.
        """
        temporary = temporary_of(work)
        temporary.mkdir(exist_ok=True)
        log_of(work).write_bytes(b"")
        return self._ask(
            arguments=arguments,
            directory=str(work),
            environment={"TMPDIR": str(temporary), "XDG_CONFIG_HOME": str(work.parent / "config")},
            log=str(log_of(work)),
            largest=largest,
            saves_often=saves_often,
        )

    def wait(self, process: int) -> int:
        """Wait for the end of a command; return its exit code."""
        return self._ask(wait=process)

    def left_processes(self) -> list[int]:
        """Return the processes that outlived a command that was waited for."""
        return [one for one, (parent, state, _) in _processes().items() if parent == self._process.pid and state != "Z"]

    def end(self) -> None:
        """End the process, and the commands that it started."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def temporary_of(work: Path) -> Path:
    """Return the temporary directory of the commands in a working directory."""
    return work.parent / f"{work.name}-temporary"


def log_of(work: Path) -> Path:
    """Return the file with what the last command in a working directory printed."""
    return work.parent / f"{work.name}.log"


def _processes() -> dict[int, tuple[int, str, int]]:
    """Return the parent, the state and the clock ticks of CPU of all processes, with those of their ended children."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(place.name)] = int(fields[1]), fields[0], sum(map(int, fields[11:15]))
    return found


def has_ended(process: int) -> bool:
    """Return whether a process that is not yet waited for has ended."""
    return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"


def cpu_seconds(process: int) -> float:
    """Return the CPU seconds that a process and its descendants, running or ended, have used so far."""
    found = _processes()
    family = {process}
    while more := {one for one, (parent, _, _) in found.items() if parent in family} - family:
        family |= more
    return sum(found[one][2] for one in family if one in found) / os.sysconf("SC_CLK_TCK")
