"""The loss matches the losses of Keras and its definition."""

import numpy as np
import pytest

from placa.core.backend import load_keras
from placa.models.calibration import sigmoid
from placa.training.loss import class_weights, weighted_loss

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
