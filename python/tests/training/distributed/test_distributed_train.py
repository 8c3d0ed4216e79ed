import json
import os
import signal
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from process_fixtures import end, needs_jax, start, worker_of

from placa.records.manifest import read_manifest
from placa.records.predictions import read_predictions

pytestmark = needs_jax

SMALL = {"epochs": 2, "batch_size": 16, "mirror": False}


def weights_of(run: Path) -> bytes:
    with zipfile.ZipFile(run / "model.keras") as model:
        return model.read("model.weights.h5")


@pytest.mark.slow
def test_two_processes_write_one_run(prepared: Path, tmp_path: Path) -> None:
    """Training itself checks that both processes have identical weights (`require_equal_weights`)."""
    out = tmp_path / "run"
    (code, first), (other_code, second) = end(start(prepared, out, SMALL))
    assert (code, other_code) == (0, 0), first + second
    assert "process 0 of 2" in first and "process 1 of 2" in second
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    facts = json.loads((out / "run.json").read_text())
    auroc = f"{facts['training']['best_validation_auroc']:.3f}"
    assert auroc in first.splitlines()[-1] and auroc not in second
    assert facts["machine"]["backend"] == "jax" and facts["training"]["epochs_run"] == 2
    assert len(read_predictions(out)[0]) == len(read_manifest(prepared))


@pytest.fixture(scope="module")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment with a compilation cache of JAX for all processes of these tests."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("compiled")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


LONGER = {**SMALL, "epochs": 12, "patience": 100}


@pytest.fixture(scope="module")
def never_killed(prepared: Path, tmp_path_factory: pytest.TempPathFactory, compiled_once: dict[str, str]) -> Path:
    """Train a run in two processes without interruption."""
    out = tmp_path_factory.mktemp("never-killed") / "run"
    ended = end(start(prepared, out, LONGER, **compiled_once))
    assert [code for code, _ in ended] == [0, 0], ended
    return out


@pytest.mark.slow
def test_two_processes_give_the_weights_of_one_process(
    prepared: Path, tmp_path: Path, compiled_once: dict[str, str]
) -> None:
    # Sums in another order differ in the last digit. At a high learning rate, differences grow tenfold per epoch.
    options = {**SMALL, "epochs": 3, "learning_rate": 5e-4}
    for processes in (1, 2):
        ended = end(start(prepared, tmp_path / str(processes), options, processes, **compiled_once))
        assert {code for code, _ in ended} == {0}, ended
    one, two = (pd.read_csv(tmp_path / name / "history.csv") for name in ("1", "2"))
    assert len(one) == len(two) == 3
    for column in ("loss", "validation_loss"):
        assert np.abs(one[column] - two[column]).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["0", "1", "worker of 0", "worker of 1"])
@pytest.mark.parametrize("moment", ["at the start", "in training", "later"])
def test_resuming_after_a_killed_process_gives_identical_weights(
    victim: str, moment: str, prepared: Path, tmp_path: Path, never_killed: Path, compiled_once: dict[str, str]
) -> None:
    out = tmp_path / "run"
    started = start(prepared, out, LONGER, **compiled_once)
    killed = int(victim[-1])
    random = np.random.default_rng(sum(map(ord, victim + moment)))
    _wait_for(started[killed], out, moment, float(random.uniform(0, 1)))
    target = worker_of(started[killed]) if victim.startswith("worker") else started[killed].pid
    os.kill(target or started[killed].pid, signal.SIGKILL)
    ended = end(started, 60)
    code, shown = ended[1 - killed]
    output = shown.strip().splitlines()[-1]
    assert code == 1 and f"Process {killed} " in output, shown
    assert "--resume" in output
    assert "Traceback" not in shown and "@ " not in shown
    assert not out.exists()

    resumed = end(start(prepared, out, LONGER, resume=True, **compiled_once))
    assert [code for code, _ in resumed] == [0, 0], resumed
    assert weights_of(out) == weights_of(never_killed)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def _wait_for(process, out: Path, moment: str, more: float) -> None:
    ends = time.monotonic() + 240
    while worker_of(process) is None and time.monotonic() < ends:
        time.sleep(0.01)
    if moment == "at the start":
        time.sleep(5 * more)
        return
    state = out.with_name(".run.training") / "network" / "state.npz"
    while not state.exists():
        assert process.poll() is None and time.monotonic() < ends
        time.sleep(0.01)
    time.sleep(more if moment == "in training" else 2 * more)
