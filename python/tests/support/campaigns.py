"""Commands of placa that are interrupted by kills and full disks, and what must be the same afterwards."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import draw_folders
from forked_commands import Call, Commands, cpu_seconds, has_ended, log_of, temporary_of

from placa.core.processes import environment
from placa.evaluation.bridge import run_rscript

#: The commands.
NAMES = ["prepare", "train", "predict", "evaluate", "report", "explain"]
#: Number of kills before a call may end.
_IN_A_ROW = 4
#: What must not happen.
_BAD = ("refused", "crashed", "silently different", "outlived", "leftovers")


@dataclass
class Campaign:
    """A command, run again and again in a copy of one directory.

    Attributes:
        name: Its name.
        commands: Starts it.
        start: The directory with its input.
        arguments: The command line, relative to the directory.
        output: The output, relative to the directory.
        files: Patterns of files below `output` whose content must be the same; parquet is compared by its values.
        again: Options of the second call after an interruption.
        seconds: CPU seconds of an undisturbed call, with its children; they do not depend on what else runs.
        before_state: CPU seconds of an undisturbed training before its first state; 0 for other commands.
        counts: What happened.
    """

    name: str
    commands: Commands
    start: Path
    arguments: list[str]
    output: str
    files: list[str]
    again: list[str] = field(default_factory=list)
    seconds: float = 0.0
    before_state: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)

    def undisturbed(self, folder: Path) -> str:
        """Run the command in a separate process and as a fork, in copies; return the digest of both outputs."""
        work = Path(shutil.copytree(self.start, folder / "separate"))
        done = subprocess.run(
            [sys.executable, "-m", "placa", *self.arguments],
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
        )
        assert done.returncode == 0, done.stderr
        digest = self.digest(work)
        work = Path(shutil.copytree(self.start, folder / "undisturbed"))
        process = self._start(work)
        saved = False
        while not has_ended(process):
            self.seconds = max(self.seconds, cpu_seconds(process))
            # The states are removed at the end.
            saved = saved or _has_state(work)
            if self.name == "train" and not saved:
                self.before_state = self.seconds
            time.sleep(0.05)
        assert self.commands.wait(process) == 0, log_of(work).read_text()
        assert self.digest(work) == digest
        # TensorFlow removes its files at the exit of Python, which a fork skips.
        assert not list(temporary_of(work).glob("placa-*"))
        return digest

    def _start(self, work: Path, again: bool = False, largest: int | None = None) -> int:
        arguments = [*self.arguments, *(self.again if again else [])]
        return self.commands.start(arguments, work, largest, saves_often=self.name == "train")

    def run(self, work: Path, again: bool = False, largest: int | None = None) -> Call:
        """Run the command to its end."""
        code = self.commands.wait(self._start(work, again, largest))
        return Call(code, log_of(work).read_text("utf-8", errors="replace"))

    def kill(self, folder: Path, kills: int, digest: str, seed: int) -> None:
        """Kill the command at random moments, and compare the output of the next complete call with `digest`.

        Up to four kills follow each other in one directory before a call may end. Every second kill of a training
        comes before its first state.
        """
        moments = np.random.default_rng(seed).uniform(0.02, 0.97, 3 * kills) * self.seconds
        if self.before_state:
            moments[::2] *= self.before_state / self.seconds
        in_a_row, work = 0, folder / "killed"
        for moment in moments:
            if in_a_row == 0:
                for old in (work, temporary_of(work)):
                    shutil.rmtree(old, ignore_errors=True)
                shutil.copytree(self.start, work)
            killed = self.kill_after(work, moment, again=in_a_row > 0)
            self.counts["killed"] += killed
            self.counts["killed after the first state"] += killed and _has_state(work)
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
        process = self._start(work, again)
        while not (ended := has_ended(process)) and (left := seconds - cpu_seconds(process)) > 0:
            # The cores of the machine cannot use these seconds sooner.
            time.sleep(max(0.01, 0.9 * left / (os.cpu_count() or 1)))
        if not ended:
            os.kill(process, 9)
        # It may have ended just before the kill.
        ended = self.commands.wait(process) != -9
        end = time.monotonic() + 10
        while (alive := self.commands.left_processes()) and time.monotonic() < end:
            time.sleep(0.1)
        self.counts["outlived"] += len(alive)
        return not ended

    def judge(self, work: Path, digest: str) -> None:
        """Run the command again after an interruption, and compare its output with the undisturbed one."""
        done = self.run(work, again=True)
        self.counts["tried"] += 1
        if done.returncode:
            self.counts["refused" if "Traceback" not in done.printed else "crashed"] += 1
            print(done.printed[-2000:])
        elif self.digest(work) != digest:
            self.counts["silently different"] += 1
        else:
            self.counts["the same"] += 1
        target = work / self.output
        left = [path.name for path in target.parent.iterdir() if path.name.startswith(f".{target.name}")]
        temporary = [path.name for path in temporary_of(work).iterdir()]
        ours = [name for name in temporary if name.startswith("placa-")]
        left += ours
        self.counts["leftovers"] += len(left)
        # Keras unpacks weights into a directory of its own.
        self.counts["temporary files of libraries"] += len(temporary) - len(ours)
        if left:
            print(f"left: {', '.join(left)}")

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


def _has_state(work: Path) -> bool:
    """Return whether a training has saved a state."""
    return any((work / ".out.training").rglob("state.npz"))


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    """Start the process whose forks are the commands."""
    started = Commands()
    yield started
    started.end()


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


def campaign(name: str, commands: Commands, start: Path) -> Campaign:
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
    return Campaign(name, commands, start, arguments, output, files, again)
