"""The distance of an image from the training images, inside a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placa.core.backend import load_keras
from placa.dataset.moments import fit_moments
from placa.models.assembled import ensemble, with_mirror, with_probabilities
from placa.models.calibration import Recalibration
from placa.models.networks import build
from placa.models.onnx_file import export_onnx
from placa.models.outputs import in_batches, predict_pixels
from placa.models.typicality import run_features, with_distance
from placa.records.reading import slabs

IDENTITY = Recalibration(1.0, 0.0)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Return 80 smooth images."""
    random = np.random.default_rng(0)
    coarse = random.integers(60, 200, (80, 4, 4), dtype=np.uint8)
    return np.kron(coarse, np.ones((12, 12), dtype=np.uint8)) + random.integers(0, 9, (80, 48, 48), dtype=np.uint8)


@pytest.mark.parametrize("backbone", ["small", pytest.param("mobilenet-v3-small", marks=pytest.mark.slow)])
def test_the_model_computes_the_distance_of_its_moments(backbone: str, pixels: np.ndarray, tmp_path: Path) -> None:
    network = build(backbone, 48, 2)
    features = run_features(network, in_batches(pixels))
    fitted = fit_moments(features, np.arange(80))
    assert fitted is not None
    model = with_probabilities(with_distance(network, fitted[0]), [IDENTITY, IDENTITY])
    outputs = predict_pixels(model, in_batches(pixels))
    assert outputs.distance == pytest.approx(fitted[0].distance(features), abs=2e-3)
    noise = np.random.default_rng(1).integers(0, 256, (3, 48, 48), dtype=np.uint8)
    assert (predict_pixels(model, in_batches(noise)).distance > fitted[0].limit).all()
    # The file has stock layers only, and ONNX Runtime has the same distance.
    model.save(tmp_path / "model.keras")
    loaded = load_keras().saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert predict_pixels(loaded, in_batches(pixels)).distance == pytest.approx(outputs.distance, abs=1e-5)
    if load_keras().backend.backend() == "tensorflow":
        onnx = export_onnx(model, pixels, 1)
        assert onnx.reason is None
        assert onnx.model().findings == 2
        assert predict_pixels(onnx.model(), in_batches(pixels)).distance == pytest.approx(outputs.distance, abs=1e-3)


@pytest.mark.slow
def test_mirror_images_folds_and_slabs_are_averaged(pixels: np.ndarray) -> None:
    networks = [build("small", 48, 1) for _ in range(2)]
    moments = [fit_moments(run_features(one, in_batches(pixels)), np.arange(80)) for one in networks]
    with_moments = [
        with_mirror(with_distance(one, fitted[0])) for one, fitted in zip(networks, moments, strict=True) if fitted
    ]
    each = [one.predict_on_batch(pixels[:8, :, :, None])["distance"][:, 0] for one in with_moments]
    model = ensemble(with_moments, [[IDENTITY], [IDENTITY]])
    together = predict_pixels(model, in_batches(pixels[:8])).distance
    assert together == pytest.approx(np.mean(each, axis=0), abs=1e-4)
    flipped = predict_pixels(model, in_batches(pixels[:8, :, ::-1])).distance
    assert flipped == pytest.approx(together, abs=1e-3)
    by_file = predict_pixels(model, in_batches(pixels[:8]), slabs(4)).distance
    assert by_file == pytest.approx(together.reshape(2, 4).mean(axis=1), abs=1e-4)
