"""Grad-CAM on every backbone: plain, mirrored, nested, loaded, and with a feature map of a single position."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from record_fixtures import good_record

from placa.core.backend import load_keras
from placa.inference.explain.gradcam import GradCam
from placa.models.assembled import with_mirror
from placa.models.backbones import BACKBONES
from placa.models.files import load_model, save_model
from placa.models.networks import build

#: At 32 pixels the last feature map has one position, so an earlier one is used; at 64 it has four.
FAST = [("small", 32), ("small", 64)]
EACH = [
    pytest.param(name, size, marks=() if (name, size) in FAST else pytest.mark.slow)
    for name in BACKBONES
    for size in (32, 64)
]


def learnt(name: str, size: int, seed: int = 0) -> Any:
    """Build a network whose output depends on the image, and whose second finding is the opposite of the first."""
    random = np.random.default_rng(seed)
    network = build(name, size, 2)
    network.set_weights([array + random.normal(0, 0.05, array.shape) ** 2 for array in network.get_weights()])
    dense = network.get_layer("logits")
    one = random.normal(size=(dense.kernel.shape[0], 1))
    dense.set_weights([np.concatenate([one, -one], axis=1), np.zeros(2)])
    return network


def ready(network: Any) -> Any:
    keras = load_keras()
    return keras.Model(network.input, keras.layers.Activation("linear", name="recalibration")(network.output))


def picture(size: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (6, 6), dtype=np.uint8))
    return np.asarray(small.resize((size, size), Image.Resampling.BICUBIC))


def test_the_map_of_a_backbone_is_its_weighted_feature_map() -> None:
    keras = load_keras()
    network = learnt("mobilenet-v3-small", 96)
    image = picture(96)
    body = keras.Model(network.input, network.get_layer("mean").input)
    plane = np.asarray(body(keras.ops.convert_to_tensor(image[None, ..., None]), training=False))[0]
    kernel = network.get_layer("logits").get_weights()[0]
    for finding in (0, 1):
        # Below a mean and a dense layer, the gradient of each feature is its weight divided by the number of positions.
        evidence = (plane @ kernel[:, finding] / (plane.shape[0] * plane.shape[1])).astype(np.float32)
        expected = np.asarray(Image.fromarray(evidence).resize((96, 96), Image.Resampling.BILINEAR))
        evidence = GradCam(ready(network)).maps(image[None], finding)[0]
        assert np.abs(evidence - np.maximum(expected, 0)).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize(("name", "size"), EACH)
def test_every_backbone_can_be_explained_mirrored_and_after_loading(name: str, size: int, tmp_path: Path) -> None:
    save_model(ready(with_mirror(learnt(name, size))), tmp_path / "model.keras", good_record("model"))
    loaded, _ = load_model(tmp_path / "model.keras")
    gradcam = GradCam(loaded)
    image = picture(size)
    turned = np.stack([image, image[:, ::-1]])
    for_it, against_it = (gradcam.maps(turned, finding) for finding in (0, 1))
    highest = max(for_it.max(), against_it.max())
    assert for_it.shape == (2, size, size) and highest > 0 and np.isfinite(highest)
    # The prediction and the map are the same for an image and its mirror image.
    for evidence, mirrored in (for_it, against_it):
        assert np.abs(evidence - mirrored[:, ::-1]).max() <= 1e-3 * highest
    # Evidence for one finding is evidence against its opposite.
    assert np.minimum(for_it, against_it).max() <= 1e-4 * highest


@pytest.mark.slow
def test_all_members_of_a_mirrored_ensemble_are_explained() -> None:
    keras = load_keras()
    members = [learnt("mobilenet-v3-small", 64, seed) for seed in (1, 2)]
    pixels = keras.Input((64, 64, 1), dtype="uint8", name="pixels")
    each = [keras.Model(pixels, with_mirror(one)(pixels), name=f"fold{i}")(pixels) for i, one in enumerate(members)]
    image = picture(64)[None]
    whole = GradCam(ready(keras.Model(pixels, keras.layers.Average()(each))))
    # The evidence for a finding minus that for its opposite is the sum before clipping at 0.
    signed = [
        one.maps(image, 0) - one.maps(image, 1) for one in (whole, *(GradCam(ready(with_mirror(m))) for m in members))
    ]
    assert np.abs(signed[0] - (signed[1] + signed[2]) / 2).max() <= 1e-3 * np.abs(signed[0]).max()
