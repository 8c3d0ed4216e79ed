"""Interrupted trainings are resumed with the same result."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import RecordedProgress
from raising import raises
from tiny_network import tiny

from placa.core.progress import SILENT
from placa.models.files import load_model
from placa.records.predictions import read_predictions
from placa.training.checkpoint import Checkpoint
from placa.training.data import read_training_data
from placa.training.errors import TrainingInterruptedError, UnfinishedTrainingError
from placa.training.fitting import Fitted, fit_network
from placa.training.options import TrainOptions
from placa.workflows import run_directory
from placa.workflows.train import train

#: The options of the fixture `run`.
OPTIONS = TrainOptions(epochs=2, batch_size=16)


@pytest.fixture
def run(small_run: Path) -> Path:
    return small_run


DIES_WHILE_SAVING = """
import os, signal, sys
from pathlib import Path
import numpy as np
from placa.training.options import TrainOptions
from placa.workflows.train import train

saves, save = [], np.savez

def dies(file, **arrays):
    saves.append(1)
    if len(saves) == 7:
        # In the second epoch, when the file is partly written.
        file.write(b"PK" + bytes(100_000))
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    save(file, **arrays)

np.savez = dies
train(Path(sys.argv[1]), Path(sys.argv[2]), TrainOptions(epochs=2, batch_size=16), checkpoint_every=0.0)
"""


def history(fitted: Fitted) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in fitted.monitor.history]


def same_weights(ones: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return len(ones) == len(others) and all(map(np.array_equal, ones, others))


def same_runs(one: Path, other: Path) -> bool:
    tables = [read_predictions(run)[0] for run in (one, other)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    histories = [pd.read_csv(run / "history.csv").drop(columns="seconds") for run in (one, other)]
    pd.testing.assert_frame_equal(*histories, check_exact=True)
    assert (one / "thresholds.json").read_bytes() == (other / "thresholds.json").read_bytes()
    return same_weights(*(load_model(run / "model.keras")[0].get_weights() for run in (one, other)))


def test_resuming_within_an_epoch_and_between_phases_gives_identical_weights(prepared: Path, tmp_path: Path) -> None:
    data = read_training_data(prepared)
    options = TrainOptions(backbone=tiny, epochs=2, head_epochs=1, ema=0.9, batch_size=16, mixup=0.4)

    def fit(checkpoint: Checkpoint | None) -> Fitted:
        return fit_network(data, data.rows("train"), data.rows("validation"), options, SILENT, checkpoint)

    class Breaks(Checkpoint):
        """Raise KeyboardInterrupt after a given state is saved."""

        at = (0, 0, 0)

        def save(self, facts, arrays) -> None:
            super().save(facts, arrays)
            if (facts["moment"]["phase"], facts["moment"]["epoch"], facts["moment"]["step"]) == self.at:
                raise KeyboardInterrupt

    whole = fit(None)
    for at in ((0, 0, 2), (1, 1, 0)):
        breaks = Breaks(tmp_path, every=0.0)
        breaks.at = at
        with pytest.raises(KeyboardInterrupt):
            fit(breaks)
    resumed = fit(Checkpoint(tmp_path))
    assert same_weights(whole.network.get_weights(), resumed.network.get_weights())
    assert history(whole) == history(resumed) and whole.monitor.best_epoch == resumed.monitor.best_epoch
    # A completed training is not repeated, and its state has no optimizer.
    facts, arrays = Checkpoint(tmp_path).load() or ({}, {})
    assert facts["moment"]["phase"] == 2 and list(arrays) == ["best"]
    assert same_weights(fit(Checkpoint(tmp_path)).network.get_weights(), whole.network.get_weights())


@pytest.mark.slow
def test_resuming_works_after_a_kill_while_saving_and_a_full_disk(
    prepared: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The final run is bit-identical to that of the fixture, which was trained without interruption."""
    out, state = tmp_path / "run", tmp_path / ".run.training"
    command = [sys.executable, "-c", DIES_WHILE_SAVING, str(prepared), str(out)]
    assert subprocess.run(command, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}).returncode == -signal.SIGKILL
    assert not out.exists()
    assert any(".partial-" in path.name for path in (state / "network").iterdir()), "an incomplete state exists"
    # As after a kill between two files of the run.
    shutil.copytree(run, tmp_path / ".run.partial-1-aaaaaa")
    with raises(UnfinishedTrainingError, run=str(out)):
        train(prepared, out, OPTIONS)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(run_directory, "write_predictions", full)
        with raises(TrainingInterruptedError, run=str(out), state=str(state)):
            train(prepared, out, OPTIONS, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == [".run.training"]
    assert [path.name for path in (state / "network").iterdir()] == ["state.npz"]
    facts = train(prepared, out, OPTIONS, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert same_runs(out, run)

    # A training that is started again after its end does nothing.
    recorded = RecordedProgress()
    assert train(prepared, out, OPTIONS, resume=True, progress=recorded)["created"] == facts["created"]
    assert str(out) in " ".join(recorded.messages)


def test_another_seed_gives_other_weights(prepared: Path, run: Path) -> None:
    data = read_training_data(prepared)
    options = TrainOptions(epochs=1, head_epochs=1, batch_size=16, seed=1)
    other = fit_network(data, data.rows("train"), data.rows("validation"), options, SILENT).network
    model = load_model(run / "model.keras")[0]
    kernels = [weight for weight in model.get_weights() if weight.ndim == 4]
    others = [weight for weight in other.get_weights() if weight.ndim == 4]
    # With the same seed, weights would differ by small steps, not by half of a standard deviation.
    assert all(np.abs(one - two).mean() > 0.5 * one.std() for one, two in zip(kernels, others, strict=True))
