"""Models in the ONNX format give the predictions of Keras, or there is a reason why a run has none."""

from pathlib import Path

import numpy as np
import pytest

from placa.core.backend import load_keras
from placa.models import onnx_file
from placa.models.assembled import ensemble, with_mirror, with_probabilities
from placa.models.calibration import Recalibration
from placa.models.networks import build
from placa.models.onnx_file import TOLERANCE, OnnxModel, export_onnx, save_onnx
from placa.models.outputs import in_batches, predict_pixels

for package in ("onnx", "onnxruntime", "tf2onnx"):
    pytest.importorskip(package)
pytestmark = pytest.mark.skipif(
    load_keras().backend.backend() != "tensorflow", reason="Keras exports models to ONNX from TensorFlow only"
)
KNOTS = Recalibration(1.0, knots=((-1.0, -2.0), (0.5, 0.0), (2.0, 1.5)))


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (70, 32, 32), dtype=np.uint8)


def test_predictions_are_those_of_keras_in_any_batch(pixels: np.ndarray, tmp_path: Path) -> None:
    networks = [build("small", 32, 2), with_mirror(build("small", 32, 2))]
    model = ensemble(networks, [[Recalibration(1.3, -0.2), KNOTS], [Recalibration(0.7), KNOTS]])
    export = export_onnx(model, pixels, squares=1)
    assert export.reason is None
    save_onnx(export, tmp_path / "model.onnx", "sha256:a")
    onnx = OnnxModel((tmp_path / "model.onnx").read_bytes())
    assert onnx.fingerprint == "sha256:a" and onnx.findings == 2
    ours, expected = (predict_pixels(one, in_batches(pixels)) for one in (onnx, model))
    for name in ("score", "probability"):
        assert np.abs(getattr(ours, name) - getattr(expected, name)).max() <= TOLERANCE
    parts = [predict_pixels(onnx, [pixels[start:stop]]) for start, stop in ((0, 1), (1, 34), (34, 70))]
    assert np.array_equal(np.concatenate([part.probability for part in parts]), ours.probability)
    assert predict_pixels(onnx, []).probability.shape == predict_pixels(model, []).probability.shape == (0, 2)


def test_mirroring_and_rescaling_use_fast_operations(pixels: np.ndarray) -> None:
    import onnx

    content = export_onnx(with_probabilities(with_mirror(build("small", 32, 1)), [Recalibration()]), pixels, 1).content
    assert content is not None
    graph = onnx.load_model_from_string(content).graph
    assert not {"ReverseSequence", "Transpose"} & {node.op_type for node in graph.node if "evers" in node.name}
    ranks = {one.name: len(one.dims) for one in graph.initializer}
    rescaling = [node for node in graph.node if "rescale" in node.name and node.op_type in {"Mul", "Add"}]
    assert rescaling and all(4 in {ranks.get(name) for name in node.input} for node in rescaling)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["small", "mobilenet-v3-small", "efficientnet-v2-b0", "resnet50"])
def test_backbones_are_exported(backbone: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 224, 224), dtype=np.uint8)
    model = with_probabilities(with_mirror(build(backbone, 224, 1)), [Recalibration()])
    assert export_onnx(model, pixels, squares=1).reason is None


def test_an_exact_gelu_is_exported(pixels: np.ndarray) -> None:
    # tf2onnx alone writes a file with an operation that ONNX does not have, and ends without an error.
    keras = load_keras()
    inputs = keras.Input((32, 32, 1), dtype="uint8", name="pixels")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    logits = keras.layers.Dense(1)(keras.activations.gelu(x, approximate=False))
    model = with_probabilities(keras.Model(inputs, logits, name="exact"), [Recalibration()])
    assert export_onnx(model, pixels, squares=1).reason is None


def test_every_reason_for_a_missing_file_is_recorded(pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    model = with_probabilities(build("small", 32, 1), [Recalibration()])
    assert export_onnx(model, pixels, squares=12).reason == "volumes"
    with monkeypatch.context() as patch:
        patch.setattr(onnx_file, "TOLERANCE", -1.0)
        assert export_onnx(model, pixels, squares=1).reason == "differs"
    with monkeypatch.context() as patch:
        patch.setitem(__import__("sys").modules, "tf2onnx", None)
        assert export_onnx(model, pixels, squares=1).reason == "package"
    monkeypatch.setattr(load_keras().backend, "backend", lambda: "jax")
    assert export_onnx(model, pixels, squares=1).reason == "backend"
