"""An exported model predicts as Keras does, without placa, in Python and in R."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from PIL import Image
from raising import raises

from placa.core.errors import OutputExistsError, UnknownNameError
from placa.models.errors import ExportError
from placa.models.files import load_model
from placa.workflows.export import export

pytestmark = pytest.mark.skipif(find_spec("tensorflow") is None, reason="models are exported from TensorFlow")


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export the run to ONNX."""
    return export(run, "onnx", tmp_path_factory.mktemp("exported") / "onnx", progress=False)


def _difference(printed: str) -> float:
    return float(next(line for line in printed.splitlines() if "largest difference" in line).split()[-1])


def test_an_onnx_file_has_what_a_program_without_placa_needs(run: Path, exported: Path) -> None:
    import onnxruntime

    facts = json.loads((exported / "metadata.json").read_text(encoding="utf-8"))
    stored = json.loads((run / "thresholds.json").read_text())["findings"]
    session = onnxruntime.InferenceSession(exported / "model.onnx")
    properties = session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["findings"]) == facts["findings"] == list(stored)
    assert json.loads(properties["thresholds"]) == facts["thresholds"] == stored
    assert properties["model_fingerprint"] == json.loads((run / "run.json").read_text())["model"]["fingerprint"]
    # The stored probabilities are those of the model of the run for the stored images.
    images = np.stack([np.asarray(Image.open(exported / name))[..., None] for name in facts["reference"]["files"]])
    assert images.shape == (16, *facts["input"]["shape"][1:]) and images.dtype == facts["input"]["type"]
    model, _ = load_model(run / "model.keras")
    expected = model.predict_on_batch(images)["probability"]
    np.testing.assert_allclose(facts["reference"]["probability"], expected, atol=1e-7)
    assert facts["reference"]["largest_difference"] <= 1e-6 and len(np.unique(expected)) > 8


def test_the_examples_run_without_placa(exported: Path, r: str) -> None:
    clean = {"PYTHONPATH": "", "PATH": "/usr/bin:/bin", "RETICULATE_PYTHON": sys.executable}
    code = (exported / "example.py").read_text()
    assert "placa" not in code and len(code.splitlines()) <= 14
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=exported, env=clean, capture_output=True, text=True, check=True
    )
    assert _difference(done.stdout) <= 1e-6 and "of 16 positive at" in done.stdout
    assert "placa" not in (exported / "example.R").read_text()
    asked = [r, "--no-echo", "--no-save", "-e"]
    needed = "quit(status = !all(vapply(c('reticulate', 'png', 'jsonlite'), requireNamespace, NA, quietly = TRUE)))"
    if subprocess.run([*asked, needed], capture_output=True, check=False).returncode:
        pytest.skip("R has no package png or reticulate")
    done = subprocess.run([*asked, 'source("example.R")'], cwd=exported, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert _difference(done.stdout) <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(("to", "name"), [("savedmodel", "saved_model"), ("litert", "model.tflite")])
def test_formats_of_tensorflow_have_the_probabilities_of_keras(
    to: str, name: str, run: Path, tmp_path: Path, placa: Command
) -> None:
    done = placa("export", run, "--to", to, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert (
        facts["model"] == name
        and (tmp_path / "out" / name).exists()
        and facts["reference"]["largest_difference"] <= 1e-6
    )


@pytest.mark.slow
def test_a_folder_for_a_hub_has_the_card_and_no_data_of_patients(run: Path, tmp_path: Path) -> None:
    folder = export(run, "hub", tmp_path / "hub", progress=False)
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    references = {f"reference/{number:02d}.png" for number in range(1, 17)}
    assert written == references | {
        *("README.md", "README.es.md", "metadata.json", "model.keras", "model.onnx", "example.py", "example.R"),
    }
    assert (folder / "README.md").read_text(encoding="utf-8").startswith("---\nlibrary_name: keras")
    assert (folder / "model.keras").read_bytes() == (run / "model.keras").read_bytes()


def test_what_cannot_be_exported_is_an_error(run: Path, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with raises(UnknownNameError, name="coreml"):
        export(run, "coreml")
    with raises(OutputExistsError, path=str(exported)):
        export(run, "onnx", exported)
    monkeypatch.setattr("placa.workflows.export.load_keras", lambda: _Jax)
    with raises(ExportError, format="onnx"):
        export(run, "onnx", exported.parent / "jax")


class _Jax:
    class backend:
        @staticmethod
        def backend() -> str:
            return "jax"
