"""Mixup: pixels and labels are mixed with the same partner and share."""

import numpy as np
import pytest

from placa.training.augment import NONE
from placa.training.batches import training_batches
from placa.training.mixup import Blend, draw_blend


def test_pixels_are_mixed_and_rounded_to_grey_levels() -> None:
    random = np.random.default_rng(0)
    images, others = random.integers(0, 256, (2, 257, 5, 5), dtype=np.uint8)
    images[0, 0, 0] = others[0, 0, 0] = 255
    blend = Blend(np.arange(257), np.arange(257, dtype=np.uint16))
    share = np.arange(257)[:, None, None] / 256
    expected = np.floor(images * share + others * (1 - share) + 0.5)
    assert np.array_equal(blend.of_pixels(images, others, slice(None)), expected)


def test_labels_are_mixed_by_the_same_share_and_unknown_ones_are_kept() -> None:
    blend = Blend(np.array([1, 2, 3, 0]), np.array([256, 64, 128, 0], np.uint16))
    truth = np.array([[1, 0], [0, np.nan], [1, 1], [0, 1]], np.float32)
    blended = blend.of_truth(truth, slice(None))
    assert np.array_equal(blended, [[1, np.nan], [0.75, np.nan], [0.5, 1], [1, 0]], equal_nan=True)
    assert np.array_equal(blend.of_truth(truth, slice(2, 4)), blended[2:], equal_nan=True)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_shares_follow_the_beta_distribution(alpha: float) -> None:
    blend = draw_blend(20_000, alpha, np.random.default_rng(1))
    shares = blend.shares / 256
    # The variance is 1 / (4 (2 alpha + 1)).
    expected = 1 / (4 * (2 * alpha + 1))
    assert abs(shares.mean() - 0.5) < 0.01 and abs(shares.var() - expected) < 0.05 * expected
    assert np.array_equal(np.sort(blend.partners), np.arange(20_000))


def test_a_batch_mixes_its_own_images_and_labels() -> None:
    # All pixels of image i are 8 * i and its label is i / 31, so both must change equally.
    pixels = (8 * np.arange(32, dtype=np.uint8))[:, None, None] * np.ones((1, 4, 4), np.uint8)
    truth = (np.arange(32, dtype=np.float32) / 31)[:, None]
    batches = training_batches(pixels, np.arange(32), truth, 16, NONE, seed=2, mixup=1.0)
    images, labels = batches[0]
    assert np.abs(images[:, 0, 0, 0] - labels[:, 0] * 31 * 8).max() <= 0.5 + 1e-4
    assert not np.isin(labels[:, 0], truth).all()
    batches.on_epoch_end()
    assert not np.array_equal(batches[0][0], images)
