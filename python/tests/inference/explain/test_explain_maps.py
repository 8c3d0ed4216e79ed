"""Grad-CAM with known results: networks with given weights, and the lesion of a phantom."""

from typing import Any

import numpy as np
import pytest
from PIL import Image
from raising import raises

from placa.core.backend import load_keras
from placa.inference.errors import BackendWithoutGradientsError, NoFeatureMapError
from placa.inference.explain import gradcam as gradcam_module
from placa.inference.explain.boxes import score
from placa.inference.explain.gradcam import GradCam, feature_layers
from placa.models.assembled import with_mirror, with_probabilities
from placa.models.calibration import Recalibration
from placa.models.networks import build
from placa.phantoms.draw import draw_patient, render
from placa.phantoms.plan import plan_patient

SIZE = 64
AS_IS = Recalibration(slope=1.0, intercept=0.0)


def bright_or_dark(size: int = SIZE, weights: tuple[float, float] = (3.0, -2.0)) -> Any:
    """Build a network with two features, brightness and darkness of 8 x 8 blocks, and a weighted mean."""
    keras = load_keras()
    layers = keras.layers
    pixels = keras.Input((size, size, 1), dtype="uint8")
    x = layers.Rescaling(1 / 255)(pixels)
    split = layers.Conv2D(2, 1, activation="relu", name="split")
    x = layers.AveragePooling2D(8, name="blocks")(split(x))
    logits = layers.Dense(1, name="logits")
    model = keras.Model(pixels, logits(layers.GlobalAveragePooling2D()(x)), name="by_hand")
    # relu(grey - 0.5) and relu(0.5 - grey)
    split.set_weights([np.array([[[[1.0, -1.0]]]], dtype=np.float32), np.array([-0.5, 0.5], dtype=np.float32)])
    logits.set_weights([np.array([[weights[0]], [weights[1]]], dtype=np.float32), np.zeros(1, dtype=np.float32)])
    return model


def blocks_of(pixels: np.ndarray) -> np.ndarray:
    """Return the features of `bright_or_dark`: the mean of each 8 x 8 block, shape (size / 8, size / 8, 2)."""
    grey = pixels / 255
    features = np.stack([np.maximum(grey - 0.5, 0), np.maximum(0.5 - grey, 0)], axis=-1)
    side = pixels.shape[0] // 8
    return features.reshape(side, 8, side, 8, 2).mean(axis=(1, 3))


def closed_form(pixels: np.ndarray, weights: tuple[float, float] = (3.0, -2.0)) -> np.ndarray:
    """Below a mean and a dense layer, the gradient of each feature is its weight divided by the number of blocks."""
    features = blocks_of(pixels)
    evidence = (features * np.array(weights)).sum(axis=-1) / features[..., 0].size
    return np.asarray(Image.fromarray(evidence.astype(np.float32)).resize(pixels.shape, Image.Resampling.BILINEAR))


def spot(row: int, column: int) -> np.ndarray:
    """Draw a dark grey image with one bright spot."""
    pixels = np.full((SIZE, SIZE), 100, dtype=np.uint8)
    pixels[row : row + 8, column : column + 8] = 250
    return pixels


def peak(evidence: np.ndarray) -> tuple[int, int]:
    row, column = np.unravel_index(int(evidence.argmax()), evidence.shape)
    return int(row), int(column)


def test_the_map_matches_the_formula_of_the_paper() -> None:
    pixels = spot(16, 48)
    evidence = GradCam(with_probabilities(bright_or_dark(), [AS_IS])).maps(pixels[None], 0)[0]
    assert evidence.shape == (SIZE, SIZE) and evidence.dtype == np.float32
    assert np.abs(evidence - np.maximum(closed_form(pixels), 0)).max() < 1e-6
    assert 16 <= peak(evidence)[0] < 24 and 48 <= peak(evidence)[1] < 56
    # Evidence against the finding is not shown.
    assert (evidence[:, :32] == 0).all()


def test_the_map_of_the_mirrored_branch_is_mirrored_back() -> None:
    pixels = spot(16, 48)
    gradcam = GradCam(with_probabilities(with_mirror(bright_or_dark()), [AS_IS]))
    evidence = gradcam.maps(pixels[None], 0)[0]
    # Both branches have the same input, so their mean is the map of either.
    assert np.abs(evidence - np.maximum(closed_form(pixels), 0)).max() < 1e-6


def test_nested_networks_of_an_ensemble_are_explained() -> None:
    keras = load_keras()
    pixels = keras.Input((SIZE, SIZE, 1), dtype="uint8")
    weights = ((3.0, -2.0), (5.0, 1.0))
    inner = [keras.Model(pixels, with_mirror(bright_or_dark(weights=one))(pixels)) for one in weights]
    both = keras.layers.Average()([network(pixels) for network in inner])
    gradcam = GradCam(with_probabilities(keras.Model(pixels, both), [AS_IS]))
    image = spot(40, 8)
    expected = np.maximum(sum(closed_form(image, one) for one in weights) / 2, 0)
    assert np.abs(gradcam.maps(image[None], 0)[0] - expected).max() < 1e-6


def test_a_negative_recalibration_slope_inverts_the_map() -> None:
    pixels = spot(16, 48)
    turned = GradCam(with_probabilities(bright_or_dark(), [Recalibration(slope=-2.0, intercept=1.0)]))
    expected = np.maximum(-2 * closed_form(pixels), 0)
    assert np.abs(turned.maps(pixels[None], 0)[0] - expected).max() < 1e-6


def test_each_finding_has_its_own_map() -> None:
    keras = load_keras()
    for seed in range(1, 6):
        keras.utils.set_random_seed(seed)
        network = build("small", SIZE, 2)
        dense = network.get_layer("logits")
        kernel, bias = dense.get_weights()
        dense.set_weights([np.stack([kernel[:, 0], -kernel[:, 0]], axis=1), bias])
        gradcam = GradCam(with_probabilities(with_mirror(network), [AS_IS, AS_IS]))
        first, second = (gradcam.maps(spot(16, 48)[None], finding)[0] for finding in (0, 1))
        # With random weights, which differ between backends, a finding can have no evidence in any position.
        if first.any() and second.any():
            break
    # Evidence for one finding is evidence against the other.
    assert first.any() and second.any() and ((first == 0) | (second == 0)).all()
    assert keras.ops.shape(network.get_layer("features").output)[-1] == 128


def test_the_map_has_its_maximum_at_the_lesion_of_a_phantom() -> None:
    """The network detects the difference from the phantom without a lesion, which is the lesion."""
    keras = load_keras()
    layers = keras.layers
    tried = 0
    for patient in range(40):
        body, plans = plan_patient(5, patient)
        image = draw_patient(5, patient, SIZE, images=1)[0]
        lesions = [box for box in image.lesions if box.finding == "Opacity"]
        if len(lesions) != 1 or len(image.lesions) != 1:
            continue
        without = render(5, patient, 1, body, plans[0], SIZE, findings=False).pixels
        changed = np.abs(image.pixels.astype(int) - without)
        if changed.max() < 20:
            continue
        tried += 1
        pixels = keras.Input((SIZE, SIZE, 1), dtype="uint8")
        twin = layers.EinsumDense("nhwc,cd->nhwd", output_shape=(SIZE, SIZE, 1), bias_axes="hwd")
        x = layers.ReLU()(twin(layers.Rescaling(1 / 255)(pixels)))
        x = layers.AveragePooling2D(4, name="features")(x)
        logits = layers.Dense(1)
        y = logits(layers.GlobalAveragePooling2D()(x))
        twin.set_weights([np.ones((1, 1), np.float32), -without[..., None].astype(np.float32) / 255])
        logits.set_weights([np.array([[10.0]], np.float32), np.zeros(1, np.float32)])
        model = with_probabilities(keras.Model(pixels, y), [AS_IS])
        evidence = GradCam(model).maps(image.pixels[None], 0)[0]
        box = lesions[0]
        found = score(evidence, [(box.x / SIZE, box.y / SIZE, box.width / SIZE, box.height / SIZE)])
        assert found["hit"], (patient, peak(evidence), box)
        assert found["iou"] > 0.1
    assert tried >= 5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV3Small", "DenseNet121", "EfficientNetV2B0", "ResNet50", "ConvNeXtTiny"])
@pytest.mark.parametrize("nested", [True, False])
def test_backbones_of_keras_have_a_feature_map(name: str, nested: bool) -> None:
    keras = load_keras()
    pixels = keras.Input((SIZE, SIZE, 1), dtype="uint8")
    make = getattr(keras.applications, name)
    grey = keras.layers.Concatenate()([keras.layers.Rescaling(1.0)(pixels)] * 3)
    if nested:
        x = keras.layers.GlobalAveragePooling2D()(make(include_top=False, weights=None, input_shape=(64, 64, 3))(grey))
    else:
        x = make(include_top=False, weights=None, input_tensor=grey, pooling="avg").output
    model = with_probabilities(keras.Model(pixels, keras.layers.Dense(1)(x)), [AS_IS])
    layers = feature_layers(model)
    assert len(layers) == 1 and tuple(layers[0].output.shape[1:3]) == (2, 2)


def test_a_nested_and_mirrored_backbone_is_explained() -> None:
    keras = load_keras()
    pixels = keras.Input((SIZE, SIZE, 1), dtype="uint8")
    grey = keras.layers.Concatenate()([keras.layers.Rescaling(1.0)(pixels)] * 3)
    backbone = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(64, 64, 3), pooling="avg"
    )
    network = keras.Model(pixels, keras.layers.Dense(1)(backbone(grey)))
    gradcam = GradCam(with_probabilities(with_mirror(network), [AS_IS]))
    image = spot(16, 48)
    evidence, mirrored = gradcam.maps(np.stack([image, image[:, ::-1]]), 0)
    # The prediction and the map are the same for an image and its mirror image.
    assert np.abs(evidence - mirrored[:, ::-1]).max() <= 1e-4 * max(float(evidence.max()), 1e-6)


def test_a_model_without_a_feature_map_is_an_error() -> None:
    keras = load_keras()
    pixels = keras.Input((8, 8, 1), dtype="uint8")
    flat = keras.layers.Dense(1)(keras.layers.Flatten()(pixels))
    model = with_probabilities(keras.Model(pixels, flat), [AS_IS])
    with raises(NoFeatureMapError, model=model.name, layers=[layer.name for layer in model.layers]):
        GradCam(model)


def test_a_backend_without_gradients_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_keras().backend, "backend", lambda: "openvino")
    with raises(BackendWithoutGradientsError, backend="openvino", supported=["tensorflow", "jax", "torch"]):
        gradcam_module._gradients(lambda changes: None, [])
