"""A recording: its temporary directory, the environment of child processes, and the entries."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from snapshot_parts.contents import folder_entries, plain, short

#: Maximum seconds per command.
TIMEOUT = 300


class Session:
    """The state shared by all steps.

    Args:
        root: The checkout.
        work: The temporary directory in which all commands run, so that printed paths are relative.
        python: The Python of the child processes.
        r_library: The R library with the R package placa, or None for the default.
    """

    def __init__(self, root: Path, work: Path, python: Path, r_library: Path | None) -> None:
        self.root = root
        self.work = work
        self.python = python
        self.entries: dict[str, str] = {}
        self.data = Path(os.environ.get("PLACA_DATA") or root.parent / "shared" / "data").resolve()
        self._fingerprints: set[str] = set()
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PLACA_", "SLURM_", "KERAS_"))
        }
        self.environment = {
            **kept,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(root / "python"), os.environ.get("PYTHONPATH")])),
            "PLACA_PYTHON": str(python),
            "RETICULATE_PYTHON": str(python),
            # The key of patients' names is the user's own: none is read or made.
            "XDG_CONFIG_HOME": str(work / "config"),
            "COLUMNS": "120",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "TERM": "dumb",
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "TZ": "UTC",
        }
        if r_library:
            libraries = [str(r_library.resolve()), os.environ.get("R_LIBS", "")]
            self.environment["R_LIBS"] = os.pathsep.join(filter(None, libraries))

    def step(self, name: str) -> Step:
        """Return a step of this session."""
        return Step(self, name)

    def learn(self, run: Path) -> None:
        """Store the fingerprint of the model of a run, which depends on the time, to replace it in texts."""
        if (run / "run.json").is_file():
            found = json.loads((run / "run.json").read_text(encoding="utf-8"))["model"]["fingerprint"]
            self._fingerprints.add(found.split(":")[-1])

    def clean(self, text: str) -> str:
        """Remove from a text what differs between runs or checkouts."""
        text = plain(text)
        for found in list(self._fingerprints):
            text = re.sub(rf"\b{found[:7]}[0-9a-f]*", "<model>", text)
        for path, name in ((self.work, "<work>"), (self.root, "<root>"), (self.data, "<data>")):
            text = text.replace(str(path), name)
        return text.replace(str(self.python), "<python>")


class Step:
    """A step of a session, which runs commands and adds entries with its name."""

    def __init__(self, session: Session, name: str) -> None:
        self.session = session
        self.name = name
        self.work = session.work

    def add(self, what: str, value: object) -> None:
        """Add an entry."""
        self.session.entries[f"{self.name}/{what}"] = str(value)

    def start(self, command: list[str], **environment: str) -> subprocess.Popen[str]:
        """Start a command in a new process group."""
        return subprocess.Popen(
            command,
            cwd=self.work,
            env={**self.session.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def finish(self, what: str, process: subprocess.Popen[str]) -> None:
        """Wait for a command, and add its exit code and output."""
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            kill(process)
            out, err = process.communicate()
        self.add(f"{what}/exit", process.returncode)
        self.add(f"{what}/stdout", short(self.session.clean(out)))
        self.add(f"{what}/stderr", short(self.session.clean(err)))

    def placa(self, what: str, *arguments: object) -> None:
        """Run a command of placa, and add its exit code and output."""
        self.finish(what, self.start(self.command(*arguments)))

    def command(self, *arguments: object) -> list[str]:
        """Return a command of placa as a list."""
        return [str(self.session.python), "-m", "placa", *map(str, arguments)]

    def folder(self, what: str, folder: str) -> None:
        """Add all files of a directory that a command created."""
        place = self.work / folder
        self.session.learn(place)
        for name, value in folder_entries(place, self.session.clean).items():
            self.add(f"{what}/{name}", value)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and its child processes."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(found: Callable[[], bool], process: subprocess.Popen[str], what: str) -> None:
    """Wait until `found()` is true; raise an error if the process ends first."""
    end = time.monotonic() + TIMEOUT
    while not found():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{what} did not appear")
        time.sleep(0.01)
