"""Distances from the moments of features."""

from __future__ import annotations

import numpy as np
import pytest

from placa.dataset.moments import LEAST_IMAGES, LIMIT, fit_moments


@pytest.fixture
def features() -> list[np.ndarray]:
    """Return two layers of 300 images: correlated features, and more features than the rank, some of them constant."""
    random = np.random.default_rng(0)
    wide = random.normal(size=(300, 5)) @ random.normal(size=(5, 60)) + 0.1 * random.normal(size=(300, 60))
    wide[:, :3] = 7.0
    return [random.normal(size=(300, 4)) @ random.normal(size=(4, 4)), wide]


def test_distances_are_standardised_and_found_without_the_image_itself(features: list[np.ndarray]) -> None:
    groups = np.arange(300) // 2
    fitted = fit_moments(features, groups)
    assert fitted is not None
    moments, distance = fitted
    assert abs(distance.mean()) < 1e-9 and distance.std() == pytest.approx(1)
    assert moments.quantiles == sorted(moments.quantiles) and len(moments.quantiles) == 201
    assert moments.limit == LIMIT and moments.images == 300
    # An image that determines its own moments is nearer than in the cross-fit, on average.
    assert moments.distance(features).mean() < distance.mean()
    new = [layer + 0 for layer in features]
    new[1] = new[1] + np.random.default_rng(1).normal(size=(300, 60))
    assert (moments.distance(new) > moments.limit).mean() > 0.99


def test_the_distance_of_full_rank_is_that_of_mahalanobis() -> None:
    from scipy.spatial.distance import mahalanobis

    random = np.random.default_rng(0)
    layer = random.normal(size=(200, 5)) @ random.normal(size=(5, 5))
    fitted = fit_moments([layer], np.arange(200))
    assert fitted is not None
    # Rank 4 of 5: the noise is the variance of the last direction.
    inverse = np.linalg.inv(np.cov(layer.T))
    expected = [mahalanobis(row, layer.mean(axis=0), inverse) ** 2 / 5 for row in layer[:20]]
    assert fitted[0].layers[0].squared_distance(layer[:20]) == pytest.approx(expected, abs=2e-6)


def test_few_images_or_groups_have_no_moments() -> None:
    layer = np.random.default_rng(0).normal(size=(LEAST_IMAGES, 3))
    assert fit_moments([layer], np.arange(LEAST_IMAGES)) is not None
    assert fit_moments([layer[1:]], np.arange(LEAST_IMAGES - 1)) is None
    assert fit_moments([layer], np.arange(LEAST_IMAGES) % 4) is None
