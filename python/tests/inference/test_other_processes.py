"""Predictions in forked processes, and spawned processes of a script without a guard."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from placa.core.processes import environment
from placa.inference.model import load_model

_FORK = """
import json, multiprocessing, sys
import placa

run, image, engine = sys.argv[1:]
model = placa.load_model(run)
if engine == "keras":
    model._predictor.engine = model.keras

def predict(queue=None):
    try:
        value = model.predict(image, progress=False).table["probability"].tolist()
    except placa.PlacaError as error:
        value = [type(error).__name__]
    if queue is None:
        return value
    queue.put(value)

own, context = predict(), multiprocessing.get_context("fork")
queue = context.SimpleQueue()
child = context.Process(target=predict, args=(queue,), daemon=True)
child.start()
child.join(60)
print(json.dumps([own, None if child.is_alive() else queue.get()]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("engine", ["onnx", "keras"])
def test_a_forked_process_predicts_or_is_an_error(run: Path, prepared: Path, engine: str) -> None:
    image = next((prepared / "images").glob("*.png"))
    command = [sys.executable, "-c", _FORK, str(run), str(image), engine]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120, check=True)
    own, forked = json.loads(done.stdout.splitlines()[-1])
    assert forked == (own if engine == "onnx" else ["ForkedProcessError"])


def test_a_script_without_a_guard_draws_phantoms_in_processes(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from placa.phantoms.draw import draw_phantoms\nprint(len(draw_phantoms('phantoms', 8, 64, workers=2)))\n"
    )
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.stdout == "8\n", done.stderr


def test_a_pickled_model_predicts_without_its_run(run: Path, prepared: Path, tmp_path: Path) -> None:
    own = shutil.copytree(run, tmp_path / "own")
    images = sorted((prepared / "images").glob("*.png"))[:2]
    model = load_model(own)
    expected = model.predict(images, progress=False).table["probability"].tolist()
    content = pickle.dumps(model)
    shutil.rmtree(own)
    copy = pickle.loads(content)
    assert copy.run.name == "own"
    assert copy.predict(images, progress=False).table["probability"].tolist() == expected
    folder = copy.run
    del copy
    assert not folder.exists()
