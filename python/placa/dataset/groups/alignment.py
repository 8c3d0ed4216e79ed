"""Whether two thumbnails are one image, moved, cropped or rescaled a little: they are laid on each other first.

Frontal radiographs of strangers correlate at 0.9 and more, for a thorax is a thorax; and a few pixels of crop take a
copy's correlation below that. So one of the two is shifted and scaled along both axes onto the other (least squares by
Gauss-Newton steps: Lucas and Kanade 1981; its first step is the tangent distance of Simard, LeCun and Denker 1993),
and what is compared is detail, with the broad light and dark taken out: ribs and vessels, which strangers do not share.
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

#: Standard deviations, in thumbnail pixels, of the Gaussian band-passes that are aligned by, and compared in.
ALIGN_BAND = (1.0, 6.0)
DETAIL_BAND = (0.7, 3.0)
#: What a shift (in shares of the side) and a change of scale may be at most: a crop of about a tenth.
MAX_SHIFT = 0.10
MAX_SCALE = 0.15
_STEPS = 3
#: The outer twelfth is left out of every comparison: a moved image has nothing to show there.
_MARGIN = 1 / 12
_BLOCK = 32


class Rows(Protocol):
    """Images by row number: an array, or what makes them when they are asked for."""

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.uint8]: ...


def aligned_correlation(thumbnails: Rows, pairs: NDArray[np.int64], promising: float = -1.0) -> NDArray[np.float64]:
    """Correlate the detail of two thumbnails each, after laying either on the other.

    Args:
        thumbnails: Grey levels 0-255, shape ``(n, side, side)``; any array that is indexed by rows.
        pairs: Row numbers, shape ``(m, 2)``.
        promising: Pairs whose correlation after the first step is below this are not followed: their answer is -1.

    Returns:
        Correlations from -1 to 1, shape ``(m,)``: of the better of both ways round, as a cropped image can be laid on
        the whole but not the whole on it. 0 for an image without any detail. About 0.3 ms a pair.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    blocks = [pairs[start : start + _BLOCK] for start in range(0, len(pairs), _BLOCK)]
    # Products of 48 x 48 are too small to share among threads; blocks of pairs are not.
    with threadpool_limits(1), ThreadPoolExecutor(min(cores(), 8)) as pool:
        answers = list(pool.map(lambda block: _either_way(thumbnails, block, promising), blocks))
    return np.concatenate(answers) if answers else np.empty(0)


def _either_way(thumbnails: Rows, pairs: NDArray[np.int64], promising: float) -> NDArray[np.float64]:
    rows, where = np.unique(pairs, return_inverse=True)
    images = np.asarray(thumbnails[rows], dtype=np.float32)
    coarse, detail = _band(images, *ALIGN_BAND), _band(images, *DETAIL_BAND)
    slopes = _slopes(coarse)
    gram = slopes @ slopes.transpose(0, 2, 1)
    # A ridge: an image without any slope has nothing to be laid by.
    gram += np.eye(5) * (1e-4 * np.trace(gram, axis1=1, axis2=2) + 1e-3)[:, None, None]
    block = _Block(coarse, detail, slopes, np.linalg.inv(gram))
    left, right = where.reshape(-1, 2).T
    return np.maximum(_one_way(block, left, right, promising), _one_way(block, right, left, promising))


@dataclass(frozen=True)
class _Block:
    """Images, and what laying another on each of them needs: slopes (n, 5, pixels), and their inverse products."""

    coarse: Stack
    detail: Stack
    slopes: Stack
    inverse: Stack


def _one_way(
    block: _Block, still: NDArray[np.int64], moved: NDArray[np.int64], promising: float
) -> NDArray[np.float64]:
    coarse, detail = block.coarse, block.detail
    side = coarse.shape[1]
    inner = _inner(side)
    answer = np.full(len(still), -1.0)
    slopes, inverse = block.slopes[still], block.inverse[still]
    motion = np.zeros((len(still), 4))
    limit = np.array([MAX_SHIFT * side, MAX_SHIFT * side, MAX_SCALE, MAX_SCALE])
    going = np.arange(len(still))
    for step in range(_STEPS):
        target = coarse[moved[going]]
        seen = (_warp(target, motion[going]) if step else target)[inner].reshape(len(going), -1)
        seen = seen - seen.mean(axis=1, keepdims=True)
        moment = (slopes[going] @ seen[:, :, None])[:, :, 0]
        weights = (inverse[going] @ moment[:, :, None])[:, :, 0]
        if step == 0:
            explained = np.sqrt(np.maximum((weights * moment).sum(axis=1), 0) / np.maximum((seen**2).sum(axis=1), 1e-3))
            promise = explained >= promising
            going, weights = going[promise], weights[promise]
            if not len(going):
                return answer
        # seen(x) is about gain * still(x + d): the image is moved back by d.
        delta = weights[:, 1:] / np.maximum(weights[:, :1], 0.2)
        delta[:, 2:] /= side / 2
        motion[going] = np.clip(motion[going] - np.clip(delta, -limit, limit), -limit, limit)
    answer[going] = _correlate(detail[still[going]][inner], _warp(detail[moved[going]], motion[going])[inner])
    return answer


def _slopes(images: Stack) -> Stack:
    """The images and how they change when shifted and scaled along each axis, without their means: (n, 5, pixels)."""
    down, right = np.gradient(images, axis=(1, 2))
    place = _places(images.shape[1]) / (images.shape[1] / 2)
    parts = np.stack([images, down, right, down * place[:, None], right * place[None, :]], axis=1)
    inner = _inner(images.shape[1])
    flat: Stack = parts[:, :, inner[1], inner[2]].reshape(len(images), 5, -1)
    flat -= flat.mean(axis=2, keepdims=True)
    return flat


def _warp(images: Stack, motion: NDArray[np.float64]) -> Stack:
    """Shift (pixels) and scale (shares) along the axes, bilinearly: motion is (n, 4): down, right, tall, wide."""
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
    answer: NDArray[np.float64] = np.einsum("ij,ij->i", one, other) / np.maximum(norms, 1e-3)
    return answer


def _band(images: Stack, fine: float, broad: float) -> Stack:
    narrow, wide = _blur(images.shape[1], fine), _blur(images.shape[1], broad)
    passed = narrow @ images @ narrow.T - wide @ images @ wide.T
    return passed.astype(np.float32, copy=False)


@cache
def _blur(side: int, sigma: float) -> Stack:
    """A Gaussian blur as a matrix: filtering 48 pixels by a product is faster than by a filter."""
    from scipy.ndimage import gaussian_filter1d

    matrix: Stack = gaussian_filter1d(np.eye(side), sigma, axis=0, mode="nearest").astype(np.float32)
    return matrix


def _places(side: int) -> Stack:
    return np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)


def _inner(side: int) -> tuple[slice, slice, slice]:
    margin = round(side * _MARGIN)
    return slice(None), slice(margin, side - margin), slice(margin, side - margin)
