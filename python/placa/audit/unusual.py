"""List the images of a set that differ most from the others: other body parts, inverted films, photographs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.dataset.moments import LIMIT, fit_moments
from placa.records.unusual import Unusual

Floats = NDArray[np.float64]

#: Number of images that are listed.
LISTED = 8
#: Parts per side in which grey levels and gradients are averaged.
_LEVELS, _GRADIENTS = 6, 4
_BLOCK = 256
#: Maximum number of rounds in which the images inside determine the moments.
_ROUNDS = 10


def find_unusual(manifest: pd.DataFrame, pixels: NDArray[np.uint8]) -> Unusual | None:
    """Compare each image with the others, by grey levels and gradients in the parts of the image.

    The moments start from the central half of the images and grow by those within the limit (BACON, Billor et al. 2000,
    doi:10.1016/S0167-9473(99)00101-2), so that several strange images do not hide each other.

    Args:
        manifest: All images, with ``image_id`` and ``group_id``.
        pixels: Grey levels, shape ``(n, size, size)``.

    Returns:
        The most unusual images (see `placa.dataset.moments`); None if there are too few images.
    """
    groups = pd.factorize(manifest["group_id"])[0].astype(np.int64)
    features = _features(pixels)
    kept = _central(features)
    fitted = fit_moments([layer[kept] for layer in features], groups[kept])
    if fitted is None:
        return None
    for _ in range(_ROUNDS):
        distance = fitted[0].distance(features)
        distance[kept] = fitted[1]
        inside = distance <= LIMIT
        again = None if (inside == kept).all() else fit_moments([layer[inside] for layer in features], groups[inside])
        if again is None:
            break
        kept, fitted = inside, again
    order = np.argsort(-distance, kind="stable")[:LISTED]
    outside = distance > LIMIT
    return {
        "images": len(groups),
        "outside": int(outside.sum()),
        "limit": LIMIT,
        "listed": [
            {
                "image_id": str(manifest["image_id"].iloc[row]),
                "distance": round(float(distance[row]), 3),
                "outside": bool(outside[row]),
            }
            for row in order
        ],
    }


def _central(features: list[Floats]) -> NDArray[np.bool_]:
    """Return the half of the images nearest to the median, from which the moments grow (Billor et al. 2000)."""
    total = np.zeros(len(features[0]))
    for layer in features:
        centred = np.abs(layer - np.median(layer, axis=0))
        total += np.mean((centred / np.maximum(np.median(centred, axis=0), 1e-6)) ** 2, axis=1)
    central: NDArray[np.bool_] = total <= np.median(total)
    return central


def _features(pixels: NDArray[np.uint8]) -> list[Floats]:
    levels, gradients = [], []
    for start in range(0, len(pixels), _BLOCK):
        block = np.asarray(pixels[start : start + _BLOCK], dtype=np.float32) / 255
        levels.append(_averaged(block, _LEVELS))
        across, down = np.abs(np.diff(block, axis=2)), np.abs(np.diff(block, axis=1))
        both = [_averaged(one, _GRADIENTS) for one in (across[:, 1:], down[:, :, 1:])]
        gradients.append(np.log(np.hstack(both) + 0.01))
    return [np.concatenate(parts).astype(np.float64) for parts in (levels, gradients)]


def _averaged(planes: NDArray[Any], parts: int) -> NDArray[np.float32]:
    side = max(1, planes.shape[1] // parts)
    count = min(parts, planes.shape[1] // side)
    cut = planes[:, : side * count, : side * count].reshape(len(planes), count, side, count, side)
    averages: NDArray[np.float32] = cut.mean(axis=(2, 4)).reshape(len(planes), -1)
    return averages
