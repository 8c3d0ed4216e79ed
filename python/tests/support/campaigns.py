"""Commands of placa that are interrupted by kills and full disks, and what must be the same afterwards."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import draw_folders

from placa.evaluation.bridge import run_rscript

#: The commands.
NAMES = ["prepare", "train", "predict", "evaluate", "report", "explain"]
#: ``placa train`` that saves a state after each epoch, not every 20 seconds.
_SAVES_OFTEN = """
import functools, sys
import placa.workflows.train as module
module.train = functools.partial(module.train, checkpoint_every=0.0)
from placa.cli import main
sys.exit(main())
"""
#: Number of kills before a call may end.
_IN_A_ROW = 4
#: What must not happen.
_BAD = ("refused", "crashed", "silently different", "outlived", "leftovers")
#: The environment variable by which processes of a campaign are found.
_MARK = "PLACA_CAMPAIGN"


@dataclass
class Campaign:
    """A command, run again and again in a copy of one directory.

    Attributes:
        name: Its name.
        start: The directory with its input.
        arguments: The command line, relative to the directory.
        again: Options of the second call after an interruption.
        output: The output, relative to the directory.
        files: Patterns of files below `output` whose content must be the same; parquet is compared by its values.
        seconds: CPU seconds of an undisturbed call, with its children; they do not depend on what else runs.
        counts: What happened.
        program: The arguments of Python before those of the command line.
    """

    name: str
    start: Path
    arguments: list[str]
    output: str
    files: list[str]
    again: list[str] = field(default_factory=list)
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    program: Sequence[str] = ("-m", "placa")

    def undisturbed(self, folder: Path) -> str:
        """Run the command in a copy; return the digest of its output."""
        work = Path(shutil.copytree(self.start, folder / "undisturbed"))
        began = _cpu_seconds_of_children()
        done = self.run(work)
        self.seconds = _cpu_seconds_of_children() - began
        assert done.returncode == 0, done.stderr
        return self.digest(work)

    def command(self, again: bool = False) -> list[str]:
        """Return the command line."""
        return [sys.executable, *self.program, *self.arguments, *(self.again if again else [])]

    def run(self, work: Path, again: bool = False, **how: object) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            self.command(again), cwd=work, capture_output=True, text=True, check=False, env=_marked(work), **how
        )  # type: ignore[call-overload]

    def kill(self, folder: Path, kills: int, digest: str, seed: int) -> None:
        """Kill the command at random moments, and compare the output of the next complete call with `digest`.

        Up to four kills follow each other in one directory before a call may end.
        """
        moments = np.random.default_rng(seed).uniform(0.02, 0.97, 3 * kills) * self.seconds
        in_a_row, work = 0, folder / "killed"
        for moment in moments:
            if in_a_row == 0:
                shutil.rmtree(work, ignore_errors=True)
                shutil.copytree(self.start, work)
            killed = self.kill_after(work, moment, again=in_a_row > 0)
            self.counts["killed"] += killed
            self.counts["killed after the first state"] += killed and (work / ".out.training").is_dir()
            in_a_row += killed
            if not killed or (self.name in {"prepare", "train"} and (work / self.output).exists()):
                # It was complete before the kill.
                self.counts["the same" if self.digest(work) == digest else "silently different"] += 1
                in_a_row = 0
            elif in_a_row == _IN_A_ROW or self.counts["killed"] == kills:
                self.judge(work, digest)
                in_a_row = 0
            if self.counts["killed"] == kills:
                return

    def kill_after(self, work: Path, seconds: float, again: bool = False) -> bool:
        """Start the command, kill it, and return whether it was still running; its children must end with it."""
        with (work / ".log").open("wb") as log:
            process = subprocess.Popen(self.command(again), cwd=work, stdout=log, stderr=log, env=_marked(work))
            while process.poll() is None and _cpu_seconds(process.pid) < seconds:
                time.sleep(0.05)
            if process.poll() is not None:
                return False
            process.kill()
            process.wait()
        (work / ".log").unlink()
        end = time.monotonic() + 10
        while (alive := _processes_of(work)) and time.monotonic() < end:
            time.sleep(0.1)
        self.counts["outlived"] += len(alive)
        return True

    def judge(self, work: Path, digest: str) -> None:
        """Run the command again after an interruption, and compare its output with the undisturbed one."""
        done = self.run(work, again=True)
        self.counts["tried"] += 1
        if done.returncode:
            self.counts["refused" if "Traceback" not in done.stderr else "crashed"] += 1
            print(done.stderr[-2000:])
        elif self.digest(work) != digest:
            self.counts["silently different"] += 1
        else:
            self.counts["the same"] += 1
        target = work / self.output
        left = [path.name for path in target.parent.iterdir() if path.name.startswith(f".{target.name}")]
        self.counts["leftovers"] += len(left)

    def text(self) -> str:
        """Return what happened so far."""
        return f"{self.name}: " + ", ".join(f"{what} {count}" for what, count in sorted(self.counts.items()) if count)

    def require_no_harm(self) -> None:
        """Fail if an interruption did harm."""
        assert not [what for what in _BAD if self.counts[what]], self.text()

    def digest(self, work: Path) -> str:
        """Return a digest of the output."""
        target = work / self.output
        paths = (
            sorted({path for pattern in self.files for path in target.glob(pattern)}) if target.is_dir() else [target]
        )
        assert paths
        sums = hashlib.sha256()
        for path in paths:
            text = pd.read_parquet(path).to_csv().encode() if path.suffix == ".parquet" else path.read_bytes()
            sums.update(path.name.encode() + text.replace(str(work).encode(), b""))
        return sums.hexdigest()


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory, prepared: Path, run: Path) -> Path:
    """Create the input of all commands: images, a prepared set, a run with and one without an evaluation."""
    folder = tmp_path_factory.mktemp("start")
    draw_folders(folder / "images", 300)
    shutil.copytree(prepared, folder / "set")
    for name in ("run", "evaluated"):
        shutil.copytree(run, folder / name)
    run_rscript("placa::evaluate_run(commandArgs(TRUE)[[1]], draws = 200)", str(folder / "evaluated"))
    return folder


def campaign(name: str, start: Path) -> Campaign:
    """Return the campaign of a command."""
    image = str(sorted((start / "set" / "images").glob("*.png"))[0].relative_to(start))
    options = {
        "prepare": (
            ["prepare", "folders", "images", "--positive", "Mass", "--size", "64", "--out", "out"],
            ["manifest.parquet", "pixels-64.npy", "rejected.csv"],
            [],
        ),
        "train": (
            ["train", "set", "--epochs", "4", "--batch-size", "16", "--out", "out"],
            ["predictions.parquet", "thresholds.json"],
            ["--resume"],
        ),
        "predict": (["predict", "run", "set/images", "--out", "out.parquet"], ["out.parquet"], []),
        "evaluate": (["evaluate", "run"], ["*.csv"], []),
        "report": (["report", "evaluated", "--no-pictures"], ["evaluation.html"], []),
        "explain": (["explain", "run", image, "--out", "out"], ["*.csv", "*.npy"], []),
    }
    arguments, files, again = options[name]
    output = {"predict": "out.parquet", "evaluate": "run/evaluation", "report": "evaluated/report"}.get(name, "out")
    one = Campaign(name, start, arguments, output, files, again)
    if name == "train":
        one.program = ("-c", _SAVES_OFTEN)
    return one


def limited(size: int) -> Callable[[], None]:
    """Return a function for a child process that limits the size of its files, like a full disk."""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def _cpu_seconds_of_children() -> float:
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu_seconds(process: int) -> float:
    """Return the CPU seconds that a process and its descendants, running or ended, have used so far."""
    parents, used = {}, {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # User and system time of the process, and of its children that have ended.
        parents[int(place.name)], used[int(place.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    family = {process}
    while more := {one for one, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(used.get(one, 0) for one in family) / os.sysconf("SC_CLK_TCK")


def _marked(work: Path) -> dict[str, str]:
    return {**os.environ, _MARK: str(work), "XDG_CONFIG_HOME": str(work / ".config")}


def _processes_of(work: Path) -> list[int]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            variables = (place / "environ").read_bytes()
            state = (place / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if f"{_MARK}={work}\0".encode() in variables and state != "Z":
            found.append(int(place.name))
    return found
