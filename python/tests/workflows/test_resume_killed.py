"""A training that is killed repeatedly. Takes minutes and runs with ``make test-slow``."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from raising import raises
from test_resume import same_runs

from placa.records.errors import NotARunError
from placa.records.run import require_run
from placa.training.options import TrainOptions
from placa.workflows.train import train

KILLS = 20
#: Two phases, averaged weights and mixup: all parts with a state.
CHOSEN = {"epochs": 60, "head_epochs": 4, "ema": 0.95, "mixup": 0.4, "batch_size": 8, "patience": 60}
OPTIONS = TrainOptions(**CHOSEN)

TRAIN = """
import json, sys
from pathlib import Path
from placa.training.options import TrainOptions
from placa.workflows.train import train
options = TrainOptions(**json.loads(sys.argv[3]))
train(Path(sys.argv[1]), Path(sys.argv[2]), options, resume=True, checkpoint_every=float(sys.argv[4]))
"""


def _start(prepared: Path, out: Path, every: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", TRAIN, str(prepared), str(out), json.dumps(CHOSEN), str(every)]
    return subprocess.Popen(command, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"})


def _seen(place: Path, pattern: str) -> list[tuple[str, int]]:
    """Return the existing files and their modification times."""
    seen = []
    for path in place.glob(pattern):
        try:
            seen.append((path.name, path.stat().st_mtime_ns))
        except OSError:
            continue
    return seen


def _kill_after_a_change(process: subprocess.Popen[bytes], place: Path, pattern: str, delay: float) -> None:
    """Kill a training some time after it has written a file."""
    before = _seen(place, pattern)
    while process.poll() is None and _seen(place, pattern) == before:
        time.sleep(0.002)
    try:
        assert process.wait(delay) == 0, "the training failed"
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_training_killed_twenty_times_gives_identical_weights(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills during training, half of them while a state is written; then kills while the run is written."""
    whole, out = tmp_path / "whole", tmp_path / "run"
    train(prepared, whole, OPTIONS)
    draw = random.Random(0)
    learning, torn, writing, halves = 0, 0, 0, 0
    while learning < KILLS:
        as_it_saves = draw.random() < 0.5
        process = _start(prepared, out, 0.0 if as_it_saves else 0.5)
        file, delay = (".*.partial-*", draw.uniform(0, 0.02)) if as_it_saves else ("state.npz", draw.uniform(0, 2.5))
        _kill_after_a_change(process, tmp_path, f".run.training/network/{file}", delay)
        assert process.returncode == -signal.SIGKILL and not out.exists()
        learning += 1
        torn += bool(_seen(tmp_path, ".run.training/network/.*.partial-*"))
    for number in range(4):
        process = _start(prepared, out, 20.0)
        _kill_after_a_change(process, tmp_path, ".run.partial-*/*", draw.uniform(0, 0.1 * (number + 1)))
        writing += process.returncode == -signal.SIGKILL
        halves += bool(_seen(tmp_path, ".run.partial-*/*"))
        if out.exists():
            # A directory with the name of the run is complete.
            require_run(out)
        else:
            with raises(NotARunError, path=str(out), runs=[str(whole)]):
                require_run(out)
    assert _start(prepared, out, 20.0).wait() == 0
    with capsys.disabled():
        print(f"\n{learning} kills during training, {torn} of them with a partly written state;")
        print(f"{writing} kills while writing the run, {halves} of them with a partly written run")
    assert same_runs(whole, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "whole"]
