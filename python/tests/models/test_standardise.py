from pathlib import Path

import numpy as np
import pytest

from placa.core.backend import load_keras
from placa.models.assembled import with_probabilities
from placa.models.calibration import Recalibration
from placa.models.files import save_model
from placa.models.networks import build
from placa.models.standardise import BORDER, PLAIN, Standardisation

#: A display curve that keeps all levels up to 120 apart.
CURVE = np.minimum(np.arange(256) * 2 + np.arange(256) // 40, 255).astype(np.uint8)


def applied(pixels: np.ndarray, **parts: bool) -> np.ndarray:
    keras = load_keras()
    inputs = keras.Input((*pixels.shape[1:], 1), dtype="uint8")
    model = keras.Model(inputs, Standardisation(**parts).apply(inputs))
    return np.asarray(model.predict_on_batch(pixels[..., None]))[..., 0]


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    random = np.random.default_rng(0)
    return random.integers(20, 120, (3, 48, 48)).astype(np.uint8)


def test_ranks_are_those_of_numpy_and_spread_over_the_range(pixels: np.ndarray) -> None:
    found = applied(pixels, grey=True)
    for levels, equal in zip(pixels, found, strict=True):
        below = (levels.ravel()[:, None] > levels.ravel()).mean(axis=1)
        same = (levels.ravel()[:, None] == levels.ravel()).mean(axis=1)
        assert np.abs(equal.ravel() - 255 * (below + same / 2)).max() <= 0.5 + 1e-3
    assert found.min() < 5
    assert found.max() > 250


def test_a_change_of_the_display_curve_has_no_effect(pixels: np.ndarray) -> None:
    assert np.array_equal(applied(pixels, grey=True), applied(CURVE[pixels], grey=True))


def test_the_border_has_no_effect(pixels: np.ndarray) -> None:
    changed = pixels.copy()
    width = round(BORDER * 48)
    changed[:, :width] = 255
    changed[:, :, -width:] = 0
    both = {"grey": True, "border": True}
    assert np.array_equal(applied(pixels, **both), applied(changed, **both))
    assert not applied(pixels, **both)[:, :width].any()


def test_nothing_is_added_without_a_measure() -> None:
    assert PLAIN.apply("pixels") == "pixels"


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["small", "mobilenet-v3-small"])
def test_a_standardised_model_is_stored_in_its_file(backbone: str, pixels: np.ndarray, tmp_path: Path) -> None:
    network = build(backbone, 48, 1, standardisation=Standardisation(grey=True, border=True))
    model = with_probabilities(network, [Recalibration()])
    save_model(model, tmp_path / "model.keras", {})  # type: ignore[typeddict-item]
    with_keras_alone = load_keras().saving.load_model(tmp_path / "model.keras")
    first = with_keras_alone.predict_on_batch(pixels[..., None])["probability"]
    second = model.predict_on_batch(CURVE[pixels][..., None])["probability"]
    assert np.allclose(first, second, atol=1e-5)
