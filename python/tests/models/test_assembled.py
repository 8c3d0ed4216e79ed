import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from record_fixtures import good_record

from placa.core.backend import load_keras
from placa.inference.explain.gradcam import GradCam
from placa.models.assembled import ensemble, split_at_logits, with_mirror, with_probabilities
from placa.models.calibration import Recalibration, fit_isotonic, sigmoid
from placa.models.files import load_model, save_model
from placa.models.networks import build
from placa.models.outputs import pool, predict_pixels
from placa.records.reading import slabs

LINES = [
    [Recalibration(2.0, -1.0), Recalibration(0.5, 0.25)],
    [Recalibration(1.5, 0.5), Recalibration()],
    [Recalibration(0.8, 0.1), Recalibration(3.0, -2.0)],
]


def _bent(seed: int) -> Recalibration:
    random = np.random.default_rng(seed)
    truth = (random.random(400) < 0.4).astype(float)
    return fit_isotonic(random.normal(truth, 0.5), truth)


@pytest.fixture(scope="module")
def networks() -> list:
    made = []
    for seed in range(3):
        load_keras().utils.set_random_seed(seed)
        made.append(with_mirror(build("small", 64, 2)))
    return made


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (8, 64, 64), dtype=np.uint8)


def _logits(networks: list, pixels: np.ndarray) -> np.ndarray:
    return np.stack([np.asarray(one.predict_on_batch(pixels[..., None]), dtype=float) for one in networks])


@pytest.mark.parametrize("bends", [False, True], ids=["lines", "isotonic"])
def test_an_ensemble_is_the_mean_of_the_recalibrated_logits(networks, pixels, bends: bool, tmp_path: Path) -> None:
    maps = [[_bent(3 * k), one[1]] for k, one in enumerate(LINES)] if bends else LINES
    save_model(
        ensemble(networks, maps),
        tmp_path / "model.keras",
        {**good_record("model"), "findings": ["Mass", "Nodule"], "size": 64},
    )
    model, _ = load_model(tmp_path / "model.keras")
    logits = _logits(networks, pixels)
    mean = np.mean([[maps[k][i].apply(logits[k, :, i]) for i in range(2)] for k in range(3)], axis=0).T
    output = predict_pixels(model, [pixels])
    assert output.probability == pytest.approx(sigmoid(mean), abs=1e-5)
    assert output.score == pytest.approx(sigmoid(logits.mean(axis=0)), abs=1e-5)
    config = zipfile.ZipFile(tmp_path / "model.keras").read("config.json").decode()
    assert "placa." not in config and "Lambda" not in config
    modules = set(re.findall(r'"module": "([^"]*)"', config))
    assert modules and all(module.split(".")[0] in {"keras", "builtins"} for module in modules)


@pytest.mark.parametrize("several", [False, True], ids=["one", "ensemble"])
def test_volumes_are_pooled_before_each_map(networks, pixels, several: bool) -> None:
    maps = [[_bent(k), _bent(k + 9)] for k in range(3)]
    model = ensemble(networks, maps) if several else with_probabilities(networks[0], maps[0])
    logits = _logits(networks[: 3 if several else 1], pixels)
    pooled = [pool(of_one, 4) for of_one in logits]
    mean = np.mean([[maps[k][i].apply(one[:, i]) for i in range(2)] for k, one in enumerate(pooled)], axis=0).T
    output = predict_pixels(model, [pixels], reading=slabs(4))
    assert output.probability == pytest.approx(sigmoid(mean), abs=1e-5)
    assert output.score == pytest.approx(sigmoid(np.mean(pooled, axis=0)), abs=1e-5)
    alone = predict_pixels(model, [pixels[4:]], reading=slabs(4))
    assert np.array_equal(alone.probability[0], output.probability[1])
    assert predict_pixels(model, [], reading=slabs(4)).probability.shape == (0, 2)


def test_steep_ramps_are_exact_in_32_bits(networks, pixels) -> None:
    """Two knots differ by 1e-6: sums of unbounded pieces would have errors of whole logits."""
    steep = Recalibration(0.01, 0.0, ((-1.0, -2.0), (0.0, -1.0), (1e-6, 1.0), (5.0, 2.0)))
    model = with_probabilities(networks[0], [steep, Recalibration()])
    _, recalibration = split_at_logits(model)
    z = np.array([[-40.0, 0.0], [-0.5, 0.0], [0.5, 0.0], [30.0, 0.0]], dtype=np.float32)
    assert recalibration.predict_on_batch(z)[:, 0] == pytest.approx(steep.apply(z[:, 0]), abs=1e-5)


def test_grad_cam_explains_an_ensemble_and_a_mirrored_one(networks, pixels) -> None:
    gradcam = GradCam(ensemble(networks, LINES))
    maps, turned = gradcam.maps(pixels[:2], 0), gradcam.maps(pixels[:2, :, ::-1], 0)
    assert maps.shape == (2, 64, 64) and maps.max() > 0
    assert turned[:, :, ::-1] == pytest.approx(maps, abs=1e-4 * float(maps.max()))
    # Recalibrated logits are linear in those of the members, and so are maps before clipping at 0.
    alone = GradCam(with_probabilities(networks[0], LINES[0])).maps(pixels[:2], 0)
    assert not np.allclose(alone, maps, atol=1e-3)
