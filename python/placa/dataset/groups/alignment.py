"""Compare two thumbnails after aligning them, to find the same image shifted, cropped or rescaled.

Frontal radiographs of different patients correlate above 0.9, because thoraxes are similar, and cropping a copy by a
few pixels reduces its correlation below that. So one image is shifted and scaled along both axes to match the other
(least squares with Gauss-Newton steps: Lucas and Kanade 1981; the first step is the tangent distance of Simard, LeCun
and Denker 1993). Then the band-pass filtered images are compared: ribs and vessels, which differ between patients.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from placa.core.system import cores

Stack: TypeAlias = NDArray[np.float32]

#: Standard deviations, in thumbnail pixels, of the Gaussian band-pass filters for aligning and for comparing.
ALIGN_BAND = (1.0, 6.0)
DETAIL_BAND = (0.7, 3.0)
#: Maximum shift, as a share of the side, and maximum change of scale: a crop of about 10 %.
MAX_SHIFT = 0.10
MAX_SCALE = 0.15
_STEPS = 3
#: The outer twelfth is not compared, because a shifted image has no pixels in it.
_MARGIN = 1 / 12
_BLOCK = 32


class IndexedImages(Protocol):
    """Images that are indexed by row numbers: an array, or an object that computes them."""

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.uint8]: ...


def aligned_correlation(
    thumbnails: IndexedImages, pairs: NDArray[np.int64], promising: float = -1.0
) -> NDArray[np.float64]:
    """Correlate the details of pairs of thumbnails after alignment.

    Args:
        thumbnails: Grey levels 0-255, shape ``(n, side, side)``, indexed by rows.
        pairs: Row numbers, shape ``(m, 2)``.
        promising: Pairs whose correlation after the first step is below this are not aligned further; they get -1.

    Returns:
        Correlations from -1 to 1, shape ``(m,)``: the higher of aligning either image to the other, because a cropped
        image can be aligned to the full one but not the reverse. 0 for an image without detail. About 0.3 ms per pair.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    blocks = [pairs[start : start + _BLOCK] for start in range(0, len(pairs), _BLOCK)]
    # Matrix products of 48 x 48 are too small for several threads, so threads work on blocks of pairs.
    with threadpool_limits(1), ThreadPoolExecutor(min(cores(), 8)) as pool:
        results = list(pool.map(lambda block: _align_both_ways(thumbnails, block, promising), blocks))
    return np.concatenate(results) if results else np.empty(0)


def _align_both_ways(thumbnails: IndexedImages, pairs: NDArray[np.int64], promising: float) -> NDArray[np.float64]:
    rows, where = np.unique(pairs, return_inverse=True)
    images = np.asarray(thumbnails[rows], dtype=np.float32)
    coarse, detail = _band(images, *ALIGN_BAND), _band(images, *DETAIL_BAND)
    slopes = _slopes(coarse)
    gram = slopes @ slopes.transpose(0, 2, 1)
    # The ridge keeps the matrix invertible for images without gradients.
    gram += np.eye(5) * (1e-4 * np.trace(gram, axis1=1, axis2=2) + 1e-3)[:, None, None]
    block = _Block(coarse, detail, slopes, np.linalg.inv(gram))
    left, right = where.reshape(-1, 2).T
    return np.maximum(_align(block, left, right, promising), _align(block, right, left, promising))


@dataclass(frozen=True)
class _Block:
    """Images, and the data for aligning others to them: gradients (n, 5, pixels), and their inverse products."""

    coarse: Stack
    detail: Stack
    slopes: Stack
    inverse: Stack


def _align(block: _Block, fixed: NDArray[np.int64], moved: NDArray[np.int64], promising: float) -> NDArray[np.float64]:
    coarse, detail = block.coarse, block.detail
    side = coarse.shape[1]
    inner = _inner(side)
    result = np.full(len(fixed), -1.0)
    slopes, inverse = block.slopes[fixed], block.inverse[fixed]
    motion = np.zeros((len(fixed), 4))
    limit = np.array([MAX_SHIFT * side, MAX_SHIFT * side, MAX_SCALE, MAX_SCALE])
    going = np.arange(len(fixed))
    for step in range(_STEPS):
        target = coarse[moved[going]]
        current = (_warp(target, motion[going]) if step else target)[inner].reshape(len(going), -1)
        current = current - current.mean(axis=1, keepdims=True)
        time_point = (slopes[going] @ current[:, :, None])[:, :, 0]
        weights = (inverse[going] @ time_point[:, :, None])[:, :, 0]
        if step == 0:
            explained = np.sqrt(
                np.maximum((weights * time_point).sum(axis=1), 0) / np.maximum((current**2).sum(axis=1), 1e-3)
            )
            promise = explained >= promising
            going, weights = going[promise], weights[promise]
            if not len(going):
                return result
        # current(x) is about gain * fixed(x + d), so the image is moved back by d.
        delta = weights[:, 1:] / np.maximum(weights[:, :1], 0.2)
        delta[:, 2:] /= side / 2
        motion[going] = np.clip(motion[going] - np.clip(delta, -limit, limit), -limit, limit)
    result[going] = _correlate(detail[fixed[going]][inner], _warp(detail[moved[going]], motion[going])[inner])
    return result


def _slopes(images: Stack) -> Stack:
    """Return images and their derivatives for shifts and scales along each axis, centred, shape (n, 5, pixels)."""
    down, right = np.gradient(images, axis=(1, 2))
    place = _places(images.shape[1]) / (images.shape[1] / 2)
    parts = np.stack([images, down, right, down * place[:, None], right * place[None, :]], axis=1)
    inner = _inner(images.shape[1])
    flat: Stack = parts[:, :, inner[1], inner[2]].reshape(len(images), 5, -1)
    flat -= flat.mean(axis=2, keepdims=True)
    return flat


def _warp(images: Stack, motion: NDArray[np.float64]) -> Stack:
    """Shift (pixels) and scale (shares) images bilinearly; motion is (n, 4): down, right, height, width."""
    side = images.shape[1]
    place = _places(side)
    across = []
    for shift, scale in ((0, 2), (1, 3)):
        at = place * (1 + motion[:, scale, None]) + motion[:, shift, None] + (side - 1) / 2
        at = np.clip(at, 0, side - 1).astype(np.float32)
        across.append(np.maximum(0, 1 - np.abs(at[:, :, None] - np.arange(side, dtype=np.float32))))
    moved: Stack = across[0] @ images @ across[1].transpose(0, 2, 1)
    return moved


def _correlate(left: Stack, right: Stack) -> NDArray[np.float64]:
    one, other = (images.reshape(len(images), -1).astype(np.float64) for images in (left, right))
    one -= one.mean(axis=1, keepdims=True)
    other -= other.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    correlation: NDArray[np.float64] = np.einsum("ij,ij->i", one, other) / np.maximum(norms, 1e-3)
    return correlation


def _band(images: Stack, fine: float, broad: float) -> Stack:
    narrow, wide = _blur(images.shape[1], fine), _blur(images.shape[1], broad)
    passed = narrow @ images @ narrow.T - wide @ images @ wide.T
    return passed.astype(np.float32, copy=False)


@cache
def _blur(side: int, sigma: float) -> Stack:
    """Return a Gaussian blur as a matrix; for 48 pixels a product is faster than a filter."""
    from scipy.ndimage import gaussian_filter1d

    matrix: Stack = gaussian_filter1d(np.eye(side), sigma, axis=0, mode="nearest").astype(np.float32)
    return matrix


def _places(side: int) -> Stack:
    return np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)


def _inner(side: int) -> tuple[slice, slice, slice]:
    margin = round(side * _MARGIN)
    return slice(None), slice(margin, side - margin), slice(margin, side - margin)
