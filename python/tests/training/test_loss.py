"""The loss matches the losses of Keras and its definition."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placa.core.backend import load_keras
from placa.models.assembled import exclusive
from placa.models.calibration import sigmoid
from placa.training.loss import class_weights, exclusive_loss, weighted_loss

LOGITS = np.random.default_rng(0).normal(0, 3, (40, 1)).astype(np.float32)
TRUTH = (np.random.default_rng(1).random((40, 1)) < 0.3).astype(np.float32)
EVEN = np.ones((2, 1), dtype=np.float32)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_focal_loss_matches_keras(gamma: float) -> None:
    losses = load_keras().losses
    theirs = losses.BinaryFocalCrossentropy(gamma=gamma, from_logits=True, reduction=None)(TRUTH, LOGITS)
    assert np.allclose(weighted_loss(EVEN, 0.0, gamma)(TRUTH, LOGITS), theirs, atol=1e-5)


def test_label_smoothing_matches_keras() -> None:
    losses = load_keras().losses
    theirs = losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2, reduction=None)(TRUTH, LOGITS)
    assert np.allclose(weighted_loss(EVEN, 0.2)(TRUTH, LOGITS), theirs, atol=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_focal_loss_has_a_finite_gradient_at_perfect_predictions(gamma: float) -> None:
    keras = load_keras()
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    network.compile(keras.optimizers.SGD(0.1), loss=weighted_loss(EVEN, 0.0, gamma))
    network.train_on_batch(np.array([[100.0], [-100.0], [0.5]], np.float32), np.array([[1.0], [0.0], [0.0]]))
    assert np.isfinite(network.get_weights()[0]).all() and network.get_weights()[0] < 1


def test_a_mixed_image_is_weighted_by_its_share_of_each_class() -> None:
    weights = class_weights(TRUTH)
    loss = weighted_loss(weights, 0.0)
    p = sigmoid(LOGITS[:1])
    blended = (0.3 * weights[1] + 0.7 * weights[0]) * -(0.3 * np.log(p) + 0.7 * np.log(1 - p))
    assert np.allclose(loss(np.array([[0.3]], np.float32), LOGITS[:1]), blended[0], atol=1e-5)


def test_without_class_weights_all_images_have_equal_weight() -> None:
    assert (class_weights(TRUTH, "none") == 1).all()
    balanced = class_weights(TRUTH)
    counts = np.array([[(TRUTH == 0).sum()], [(TRUTH == 1).sum()]])
    assert np.allclose(balanced * counts, len(TRUTH) / 2)


def _exclusive_network(path: Path | None = None) -> Any:
    keras = load_keras()
    inputs = keras.Input((3,), name="pixels")
    network = exclusive(keras.Model(inputs, keras.layers.Dense(3, name="logits")(inputs), name="made"))
    if path is None:
        return network
    network.save(path)
    return keras.models.load_model(path)


def test_exclusive_logits_are_the_log_odds_of_a_softmax_and_load_without_placa(tmp_path: Path) -> None:
    network = _exclusive_network(tmp_path / "made.keras")
    images = np.random.default_rng(2).normal(0, 4, (20, 3)).astype(np.float32)
    kernel, bias = network.get_weights()
    plain = np.concatenate([images @ kernel + bias, np.zeros((20, 1), np.float32)], axis=1)
    softmax = np.exp(plain) / np.exp(plain).sum(axis=1, keepdims=True)
    assert np.allclose(sigmoid(np.asarray(network(images))), softmax[:, :3], atol=1e-6)


def test_the_exclusive_loss_matches_the_cross_entropy_of_keras() -> None:
    random = np.random.default_rng(3)
    plain = np.concatenate([random.normal(0, 2, (30, 2)), np.zeros((30, 1))], axis=1).astype(np.float32)
    softmax = np.exp(plain) / np.exp(plain).sum(axis=1, keepdims=True)
    logits = np.log(softmax[:, :2] / (1 - softmax[:, :2])).astype(np.float32)
    shares = np.eye(3, dtype=np.float32)[random.integers(0, 3, 30)]
    theirs = load_keras().losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, reduction=None)
    ours = exclusive_loss(shares[:, :2], "none", 0.1)(shares[:, :2], logits)
    assert np.allclose(ours, theirs(shares, plain), atol=1e-5)


def test_the_exclusive_loss_leaves_out_images_whose_class_is_unknown() -> None:
    truth = np.array([[np.nan, 0], [np.nan, 1], [0, 0]], np.float32)
    loss = np.asarray(exclusive_loss(truth, "none", 0.0)(truth, np.full((3, 2), -1.0, np.float32)))
    p = float(sigmoid(np.array(-1.0)))
    assert np.allclose(loss, [0, -np.log(p), -np.log(1 - 2 * p)], atol=1e-5)
