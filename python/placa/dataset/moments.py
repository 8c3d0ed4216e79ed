"""Measure how far the features of an image are from those of other images: Mahalanobis distances by layer.

The moments of a layer are its mean and a covariance of low rank plus noise (Tipping and Bishop 1999,
doi:10.1111/1467-9868.00196), which a few hundred images determine. The distances of the layers are averaged, as in
FRODO (Çallı et al. 2023, IEEE Trans Med Imaging 42:971), here on a logarithmic scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Minimum number of images from which moments are computed.
LEAST_IMAGES = 30
#: Maximum number of images: more do not change the moments.
MOST_IMAGES = 20_000
#: An image is outside beyond this distance, in standard deviations of the reference images.
LIMIT = 4.0
#: Rank of the covariance of a layer.
_RANK = 16
_FOLDS = 5
#: Number of stored quantiles of the reference distances.
_QUANTILES = 201
#: Smallest variance of a direction, as a share of the largest: some features are constant, and models compute in 32
#: bits.
_FLOOR = 1e-4
#: Smallest squared distance, for its logarithm.
LEAST_DISTANCE = 1e-6


@dataclass(frozen=True)
class LayerMoments:
    """The moments of one layer.

    Attributes:
        mean: Mean of each feature, shape ``(d,)``.
        directions: Directions of the largest variance, shape ``(k, d)``, k < d.
        variances: The variance in each direction, shape ``(k,)``.
        noise: The variance in each other direction.
        centre: Mean of the logarithm of the squared distance of the reference images.
        spread: Its standard deviation.
    """

    mean: Floats
    directions: Floats
    variances: Floats
    noise: float
    centre: float = 0.0
    spread: float = 1.0

    def squared_distance(self, features: Floats) -> Floats:
        """Return the squared Mahalanobis distance per feature, shape ``(n,)``, about 1 for a reference image."""
        centred = features - self.mean
        along = centred @ self.directions.T
        rest = centred - along @ self.directions
        total = (along**2 / self.variances).sum(axis=1) + (rest**2).sum(axis=1) / self.noise
        squared: Floats = total / len(self.mean) + LEAST_DISTANCE
        return squared


@dataclass(frozen=True)
class Moments:
    """The moments of all layers.

    Attributes:
        layers: The moments of each layer.
        centre: Mean of the averaged distances of the reference images.
        spread: Their standard deviation.
        quantiles: Quantiles of their distances at equal steps of the probability from 0 to 1.
        limit: The distance beyond which an image is outside.
        images: Number of reference images.
    """

    layers: list[LayerMoments]
    centre: float
    spread: float
    quantiles: list[float]
    limit: float
    images: int

    def distance(self, features: Sequence[Floats]) -> Floats:
        """Return the distance of images, in standard deviations of the reference images.

        Args:
            features: For each layer its features, shape ``(n, d)``.
        """
        scores = [
            (np.log(one.squared_distance(layer)) - one.centre) / one.spread
            for one, layer in zip(self.layers, features, strict=True)
        ]
        return np.asarray((np.mean(scores, axis=0) - self.centre) / self.spread, dtype=np.float64)


def fit_moments(features: Sequence[Floats], groups: NDArray[np.int64]) -> tuple[Moments, Floats] | None:
    """Compute moments, and the distances of the same images from the moments of the others (five folds).

    Args:
        features: For each layer the features of the reference images, shape ``(n, d)``.
        groups: The patient or group of each image, from 0: a group is in one fold.

    Returns:
        The moments, and the cross-fitted distance of each image; None with fewer than `LEAST_IMAGES` images or five
        groups.
    """
    if len(groups) < LEAST_IMAGES or len(np.unique(groups)) < _FOLDS:
        return None
    fold = np.unique(groups, return_inverse=True)[1] % _FOLDS
    layers, scores = [], []
    for layer in features:
        logs = np.empty(len(layer))
        for number in range(_FOLDS):
            logs[fold == number] = np.log(_moments(layer[fold != number]).squared_distance(layer[fold == number]))
        centre, spread = _mean_and_spread(logs)
        layers.append(replace(_moments(layer), centre=centre, spread=spread))
        scores.append((logs - centre) / spread)
    averaged = np.mean(scores, axis=0)
    centre, spread = _mean_and_spread(averaged)
    distance = (averaged - centre) / spread
    quantiles = np.quantile(distance, np.linspace(0, 1, _QUANTILES)).round(4).tolist()
    # Few reference images are outside, whatever the form of the distribution.
    limit = max(LIMIT, float(np.quantile(distance, 0.995)))
    return Moments(layers, centre, spread, quantiles, round(limit, 4), len(groups)), distance


def _moments(features: Floats) -> LayerMoments:
    mean = features.mean(axis=0)
    count, width = features.shape
    centred = features - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / (count - 1))
    values = np.maximum(values[::-1], 0)
    rank = max(1, min(_RANK, count // 3, width - 1))
    floor = max(_FLOOR * float(values[0]), 1e-6 * float((mean**2).mean()), 1e-20)
    # Beyond the number of images, the sample has no variance, although the features have.
    noise = values[rank:].sum() / max(1, min(width, count - 1) - rank)
    return LayerMoments(mean, vectors[:, ::-1][:, :rank].T, np.maximum(values[:rank], floor), max(float(noise), floor))


def _mean_and_spread(values: Floats) -> tuple[float, float]:
    return float(values.mean()), max(float(values.std()), 1e-6)
