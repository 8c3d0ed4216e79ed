"""Search the nearest images by the correlation of thumbnails, in time n log n.

Thumbnails are reduced to principal components. A forest of random projection trees (Dasgupta and Freund 2008), whose
leaves of a few hundred images are compared completely, proposes the nearest neighbours of each image; the neighbours of
neighbours are candidates too (Dong, Moses and Li 2011). Correlations are then computed for the proposed pairs. Memory
grows as n for any images, because the number of neighbours per image is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TREES = 12
_LEAF = 256
_NUMBERS = 64
#: Number of proposed neighbours per requested one; components only approximate the correlation.
_SPARE = 2
_SAMPLE = 5000
_BLOCK = 2048


def correlations(small: NDArray[np.uint8], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Correlate pairs of thumbnails.

    Args:
        small: Grey levels, shape ``(n, side, side)``.
        pairs: Row numbers, shape ``(m, 2)``.

    Returns:
        Pearson's correlation of the grey levels, shape ``(m,)``; 0 if an image is uniform.
    """
    result = np.empty(len(pairs))
    for start in range(0, len(pairs), _BLOCK):
        left, right = (_standard(small[side]) for side in pairs[start : start + _BLOCK].T)
        result[start : start + _BLOCK] = np.einsum("ij,ij->i", left, right)
    return result


def nearest_pairs(
    small: NDArray[np.uint8],
    count: int,
    among: NDArray[np.int64] | None = None,
    leaf: int = _LEAF,
    sides: NDArray[np.int8] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pair each image with the images that correlate with it most.

    Args:
        small: Thumbnails, shape ``(n, side, side)``.
        count: Number of nearest images per image.
        among: The rows to search, ascending; all by default.
        leaf: Maximum number of images in a leaf of a search tree.
        sides: The set of each row, shape ``(n,)``; only images of different sets are paired.

    Returns:
        Pairs of row numbers, the lower first, sorted, shape ``(m, 2)`` with m at most ``n * count``, and the
        correlation of each, shape ``(m,)``. The search is approximate and finds nearly all nearest pairs
        (docs/groups.md has the measured share). The same images give the same pairs.
    """
    among = np.arange(len(small)) if among is None else among
    if len(among) < 2:
        return np.empty((0, 2), dtype=np.int64), np.empty(0)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    # The products are too small for several threads.
    with threadpool_limits(1):
        side = None if sides is None else sides[among]
        proposed = _propose(_describe(small, among), min(_SPARE * count, len(among) - 1), leaf, side)
        pairs = among[proposed]
        likeness = correlations(small, pairs)
    kept = _is_among_nearest(proposed, likeness, len(among), count)
    return pairs[kept], likeness[kept]


def _propose(numbers: NDArray[np.float32], count: int, leaf: int, sides: NDArray[np.int8] | None) -> NDArray[np.int64]:
    """Return candidate pairs, the lower row first, sorted; up to `count` per image."""
    n = len(numbers)
    best = _Best(np.full((n, count), -1, dtype=np.int64), np.full((n, count), -np.inf, dtype=np.float32))
    random = np.random.default_rng(0)
    for _ in range(_TREES if n > leaf else 1):
        for rows in _leaves(numbers, random, max(leaf, count + 1)):
            _offer_all(best, numbers, rows, sides)
    # The neighbours of the neighbours of an image are images of its own set.
    if n > leaf and sides is None:
        _offer_neighbours(best, numbers)
    left = np.repeat(np.arange(n), count)
    pairs = np.stack([left, best.rows.ravel()], axis=1)[best.rows.ravel() >= 0]
    return np.unique(np.sort(pairs, axis=1), axis=0)


def _is_among_nearest(pairs: NDArray[np.int64], likeness: NDArray[np.float64], n: int, count: int) -> NDArray[np.bool_]:
    """Return whether either image of a pair is among the `count` nearest of the other."""
    image = pairs.T.ravel()
    order = np.lexsort((-np.tile(likeness, 2), image))
    starts = np.searchsorted(image[order], np.arange(n))
    near = np.empty(len(image), dtype=bool)
    near[order] = np.arange(len(image)) - starts[image[order]] < count
    return near[: len(pairs)] | near[len(pairs) :]


@dataclass
class _Best:
    """The nearest images so far: rows (-1 if none) and likenesses, shape (n, count), the best first."""

    rows: NDArray[np.int64]
    likeness: NDArray[np.float32]

    def offer(self, images: NDArray[np.int64], rows: NDArray[np.int64], likeness: NDArray[np.float32]) -> None:
        """Update the nearest of some images with candidate rows, shape (len(images), any)."""
        rows = np.concatenate([self.rows[images], rows], axis=1)
        likeness = np.concatenate([self.likeness[images], likeness], axis=1)
        order = np.argsort(rows, axis=1, kind="stable")
        sorted_rows = np.take_along_axis(rows, order, axis=1)
        again = np.zeros(rows.shape, dtype=bool)
        np.put_along_axis(again, order[:, 1:], sorted_rows[:, 1:] == sorted_rows[:, :-1], axis=1)
        likeness[again | (rows == images[:, None])] = -np.inf
        chosen = np.argsort(-likeness, axis=1, kind="stable")[:, : self.rows.shape[1]]
        self.likeness[images] = np.take_along_axis(likeness, chosen, axis=1)
        kept = np.take_along_axis(rows, chosen, axis=1)
        self.rows[images] = np.where(np.isfinite(self.likeness[images]), kept, -1)


def _describe(small: NDArray[np.uint8], among: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return principal components of images, shape (n, _NUMBERS), whose products approximate the correlations."""
    half = small.shape[1] // 2 * 2

    def shrink(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        images = small[rows, :half, :half].astype(np.float32)
        return _standard(images.reshape(len(rows), half // 2, 2, half // 2, 2).mean(axis=(2, 4)))

    sample = shrink(among[np.linspace(0, len(among) - 1, min(len(among), _SAMPLE)).astype(np.int64)])
    # Components about zero, not about the mean image, minimise the products of the omitted components.
    components = np.linalg.eigh(sample.T @ sample)[1][:, -_NUMBERS:]
    blocks = range(0, len(among), _BLOCK)
    return np.concatenate([shrink(among[start : start + _BLOCK]) @ components for start in blocks])


def _leaves(numbers: NDArray[np.float32], random: np.random.Generator, leaf: int) -> list[NDArray[np.int64]]:
    """Split the images along random directions near the median into leaves."""
    done: list[NDArray[np.int64]] = []
    open_parts = [np.arange(len(numbers))]
    while open_parts:
        rows = open_parts.pop()
        if len(rows) <= leaf:
            done.append(rows)
            continue
        # The line through two images follows the spread of this part; a random direction does not.
        one, other = numbers[random.choice(rows, 2, replace=False)]
        order = np.argsort(numbers[rows] @ (one - other), kind="stable")
        # The cut is near the median; otherwise every tree cuts a dense set at the same place.
        cut = int(len(rows) * random.uniform(0.35, 0.65))
        open_parts += [rows[order[:cut]], rows[order[cut:]]]
    return done


def _offer_all(
    best: _Best, numbers: NDArray[np.float32], rows: NDArray[np.int64], sides: NDArray[np.int8] | None
) -> None:
    likeness = _likeness(numbers[rows][None], numbers[rows][None])[0]
    if sides is not None:
        likeness[sides[rows][:, None] == sides[rows]] = -np.inf
    np.fill_diagonal(likeness, -np.inf)
    count = min(best.rows.shape[1], len(rows) - 1)
    if count > 0:
        chosen = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
        best.offer(rows, rows[chosen], np.take_along_axis(likeness, chosen, axis=1))


def _offer_neighbours(best: _Best, numbers: NDArray[np.float32]) -> None:
    """Offer each image the neighbours of its neighbours."""
    known = best.rows.copy()
    for start in range(0, len(known), _BLOCK):
        images = np.arange(start, min(start + _BLOCK, len(known)))
        tried = known[known[images]].reshape(len(images), -1)
        likeness = _likeness(numbers[images][:, None], numbers[tried])[:, 0]
        likeness[tried < 0] = -np.inf
        best.offer(images, tried, likeness)


def _likeness(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return minus half the squared distance; for unit vectors this is the correlation minus 1."""
    squares = (left**2).sum(axis=-1)[..., :, None] + (right**2).sum(axis=-1)[..., None, :]
    likeness: NDArray[np.float32] = left @ np.swapaxes(right, -1, -2) - squares / 2
    return likeness


def _standard(images: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return each image as a centred unit vector; products of two are correlations."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)
    return flat
