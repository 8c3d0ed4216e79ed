"""Every backbone of the table is the network of Keras, is trained in two phases, and is saved and loaded."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raising import raises
from record_fixtures import good_record

from placa.core.backend import load_keras
from placa.models.applications import original, scaled
from placa.models.backbones import BACKBONE_TABLE, BACKBONES, backbone_named
from placa.models.errors import ImageTooSmallError
from placa.models.files import load_model, save_model
from placa.models.networks import build, head_of, set_trainable

#: The module of `keras.applications` with each backbone and its `preprocess_input`.
FAMILY = {
    "mobilenet-v3-small": "mobilenet_v3",
    "mobilenet-v3-large": "mobilenet_v3",
    "efficientnet-v2-b0": "efficientnet_v2",
    "efficientnet-v2-s": "efficientnet_v2",
    "densenet121": "densenet",
    "resnet50": "resnet",
    "convnext-tiny": "convnext",
}
FAST = "mobilenet-v3-small"
EACH = [pytest.param(name, marks=() if name == FAST else pytest.mark.slow) for name in FAMILY]


def greys(number: int, size: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (number, size, size, 1), dtype=np.uint8)


def lively(network: Any) -> None:
    """Set weights like those of a trained network; the output of an untrained MobileNet is nearly constant."""
    random = np.random.default_rng(0)
    network.set_weights([array + random.normal(0, 0.05, array.shape) ** 2 for array in network.get_weights()])


def outputs_of(network: Any, pixels: Any) -> Any:
    """Return the output of a network without compiling it, which takes seconds."""
    return np.asarray(network(load_keras().ops.convert_to_tensor(pixels), training=False))


@pytest.fixture
def half_precision() -> Iterator[None]:
    policies = load_keras().config
    before = policies.dtype_policy()
    policies.set_dtype_policy("mixed_float16")
    yield
    policies.set_dtype_policy(before)


def test_the_table_of_backbones_is_complete() -> None:
    assert set(FAMILY) == {name for name, row in BACKBONE_TABLE.items() if row.application}
    assert next(iter(BACKBONES)) == "small" and all(len(line) < 80 for line in BACKBONES.values())


@pytest.mark.parametrize("name", list(FAMILY))
def test_names_of_keras_are_accepted(name: str) -> None:
    application = str(BACKBONE_TABLE[name].application)
    assert hasattr(load_keras().applications, application)
    assert {backbone_named(output) for output in (name, application, application.upper())} == {name}


def test_the_names_are_listed_without_keras() -> None:
    alone = "import sys; from placa.models.backbones import BACKBONES; assert BACKBONES and 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", alone], check=True)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_images_that_are_too_small_are_an_error(name: str) -> None:
    smallest = BACKBONE_TABLE[name].smallest
    with raises(ImageTooSmallError, backbone=name, size=smallest - 1, smallest=smallest):
        build(name, smallest - 1, 1)


@pytest.mark.parametrize(("scaling", "family"), [("torch", "densenet"), ("caffe", "resnet")])
def test_grey_levels_are_scaled_as_in_keras(scaling: Any, family: str) -> None:
    keras = load_keras()
    colour = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1), 3, axis=-1)
    ours = np.asarray(scaled(keras.ops.convert_to_tensor(colour), scaling))
    theirs = getattr(keras.applications, family).preprocess_input(colour.astype("float32"))
    assert np.abs(ours - theirs).max() < 2e-5


@pytest.mark.parametrize("name", EACH)
def test_one_channel_gives_the_output_of_keras_for_a_grey_image(name: str) -> None:
    keras = load_keras()
    network, theirs = build(name, 48, 1), original(name, 48)
    lively(network)
    body = network.get_layer("features")
    theirs.set_weights([a.reshape(w.shape) for a, w in zip(body.get_weights(), theirs.weights, strict=True)])
    pixels = greys(2, 48)
    colour = np.repeat(pixels, 3, axis=-1).astype("float32")
    expected = outputs_of(theirs, getattr(keras.applications, FAMILY[name]).preprocess_input(colour))
    ours = outputs_of(keras.Model(network.input, network.get_layer("mean").input), pixels)
    assert np.std(expected) > 1e-3 and np.abs(ours - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", EACH)
def test_a_saved_backbone_has_only_public_layers(name: str, tmp_path: Path) -> None:
    network = build(name, 32, 2)
    lively(network)
    save_model(network, tmp_path / "model.keras", {**good_record("model"), "backbone": name})
    config = zipfile.ZipFile(tmp_path / "model.keras").read("config.json").decode()
    assert "keras.src.applications" not in config and "__lambda__" not in config and "placa" not in config
    loaded, _ = load_model(tmp_path / "model.keras")
    assert np.array_equal(outputs_of(loaded, greys(2, 32)), outputs_of(network, greys(2, 32)))


@pytest.mark.slow
def test_several_networks_of_one_backbone_are_one_model(tmp_path: Path) -> None:
    keras = load_keras()
    pixels = keras.Input((32, 32, 1), dtype="uint8", name="pixels")
    members = [build("mobilenet-v3-small", 32, 1) for _ in range(2)]
    for seed, member in enumerate(members):
        lively(member)
        member.get_layer("logits").set_weights([np.random.default_rng(seed).normal(size=(576, 1)), np.zeros(1)])
    each = [keras.Model(pixels, one(pixels), name=f"fold{i}")(pixels) for i, one in enumerate(members)]
    save_model(keras.Model(pixels, keras.layers.Average()(each)), tmp_path / "model.keras", good_record("model"))
    loaded, _ = load_model(tmp_path / "model.keras")
    output = [outputs_of(member, greys(2, 32)) for member in members]
    assert not np.allclose(*output, rtol=1e-3)
    assert np.allclose(outputs_of(loaded, greys(2, 32)), np.mean(output, axis=0), rtol=1e-4)


@pytest.mark.parametrize("name", ["small", pytest.param("mobilenet-v3-small", marks=pytest.mark.slow)])
def test_the_head_is_trained_first_and_then_all_layers(name: str) -> None:
    keras = load_keras()
    keras.utils.set_random_seed(0)
    network = build(name, 32, 1)
    lively(network)
    # No label is 0.5: an untrained head predicts 0.5 and would have no gradient.
    pixels, truth = greys(8, 32), (np.arange(8) > 1).astype("float32").reshape(8, 1)

    def changed(part: Any) -> dict[str, bool]:
        set_trainable(network, part)
        network.compile(keras.optimizers.SGD(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
        before = [array.copy() for array in network.get_weights()]
        network.train_on_batch(pixels, truth)
        return {
            weight.path: not np.array_equal(array, after)
            for weight, array, after in zip(network.weights, before, network.get_weights(), strict=True)
        }

    head = {weight.path for layer in head_of(network) for weight in layer.weights}
    assert {path for path, moved in changed("head").items() if moved} == head
    moved = changed("all")
    # The moving averages change too, and fast enough for a small data set.
    assert all(moved[path] for path in moved if path.endswith("moving_variance"))
    assert all(any(path.endswith(kind) and moved[path] for path in moved) for kind in ("kernel", "gamma", "bias"))


def test_half_precision_has_float32_logits_and_fast_batch_normalisation(half_precision: None) -> None:
    keras = load_keras()
    network = build("mobilenet-v3-small", 32, 1)
    assert network.get_layer("logits").compute_dtype == "float32"
    body = network.get_layer("features")
    assert body.layers[2].compute_dtype == "float16"
    assert {one.momentum for one in body.layers if isinstance(one, keras.layers.BatchNormalization)} == {0.9}
    assert outputs_of(network, greys(1, 32)).dtype == np.float32
    assert build("small", 32, 1).get_layer("logits").compute_dtype == "float32"
