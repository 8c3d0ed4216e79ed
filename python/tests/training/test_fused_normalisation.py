"""The fused kernel trains batch normalisation as Keras does, and leaves the layers those of Keras."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from placa.core.backend import load_keras
from placa.models.networks import build, set_trainable
from placa.training.fused_normalisation import fuse_batch_normalisation

pytestmark = pytest.mark.skipif(find_spec("tensorflow") is None, reason="the kernel is that of TensorFlow")

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 1), dtype=np.uint8)
TRUTH = (np.arange(16) % 2).astype(np.float32)[:, None]


def _fused(network: Any) -> list[str]:
    return [layer.name for layer in network._flatten_layers() if "call" in vars(layer)]


def _after_one_step(fused: bool, part: str = "all") -> list[np.ndarray]:
    keras = load_keras()
    keras.utils.set_random_seed(0)
    network = build("small", 32, 1)
    if fused:
        assert len(_fused(fuse_batch_normalisation(network))) == 7
    set_trainable(network, part)
    network.compile(keras.optimizers.SGD(0.01), loss=keras.losses.BinaryCrossentropy(from_logits=True))
    network.train_on_batch(PIXELS, TRUTH)
    return network.get_weights()


@pytest.mark.parametrize("part", ["all", "head"])
def test_one_step_gives_the_weights_and_statistics_of_keras(part: str) -> None:
    stock, fused = _after_one_step(False, part), _after_one_step(True, part)
    assert max(np.abs(a - b).max() for a, b in zip(stock, fused, strict=True)) <= 1e-6


def test_the_saved_network_is_that_of_keras() -> None:
    keras = load_keras()
    network = build("small", 32, 1)
    before = network.to_json()
    fuse_batch_normalisation(network)
    assert network.to_json() == before
    assert not _fused(keras.models.clone_model(network))


def test_layers_beyond_the_kernel_stay_as_they_are() -> None:
    keras = load_keras()
    layers = keras.layers
    inputs = keras.Input((8, 8, 4))
    x = layers.BatchNormalization(axis=1, name="channels_first")(inputs)
    x = layers.BatchNormalization(scale=False, name="without_scale")(x)
    x = layers.BatchNormalization(epsilon=1e-6, name="small_epsilon")(x)
    x = layers.BatchNormalization(name="kernel")(x)
    outputs = layers.BatchNormalization(name="flat")(layers.Flatten()(x))
    assert _fused(fuse_batch_normalisation(keras.Model(inputs, outputs))) == ["kernel"]
