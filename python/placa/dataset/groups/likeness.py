"""Which images of a set are alike: the same pixels, the same image changed a little, or the nearest ones.

No step compares all pairs. Images are shrunk to thumbnails, each is described by a few numbers, and a forest of random
splits (one tree after another parts the set by random directions until a few hundred images are left, which are
compared with each other: Dasgupta and Freund 2008) proposes each image's nearest; the neighbours of the nearest are
tried too (Dong, Moses and Li 2011). What was proposed is then measured. Time grows like n log n, and memory
like n, however alike all images are, for no image has more than a fixed number of nearest ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placa.dataset.groups.alignment import aligned_correlation

#: Likeness is judged on thumbnails of this side, in pixels.
THUMBNAIL = 48
#: Side at which a copy's detail is compared, in pixels, where the images have as many: strangers, and phantoms drawn by
#: one hand, come to 0.9 here, and 2 % of a gamma of 0.7 or a crop of 5 % to less than 0.97.
DETAIL = 96
#: Detail of two aligned images that correlates above this is one image's; images too small for such detail are more
#: alike, and copies of them changed a little are then missed rather than strangers called one.
NEAR_DUPLICATE = 0.95
NEAR_DUPLICATE_COARSE = 0.98
#: What the thumbnails' detail must reach for the images themselves to be compared.
LIKELY = 0.93
#: How many of the nearest images are tried for an image when a copy of it is looked for.
NEAREST = 5
#: What a pair must reach after the first step of the alignment to be followed.
PROMISING = 0.85
_TREES = 12
_LEAF = 256
_NUMBERS = 64
#: How many times the nearest images wanted are proposed, to be measured: components tell likeness only nearly.
_SPARE = 2
_SAMPLE = 5000
_BLOCK = 2048


@dataclass(frozen=True)
class Duplicates:
    """Images that are there more than once, as pairs of row numbers, the lower first.

    Attributes:
        exact: Each further image with the very same pixels and the first of its kind, shape ``(m, 2)``: one pair less
            than there are copies, so that a thousand blank images are 999 pairs.
        near: Nearly the same and not exactly, shape ``(k, 2)``; of images with exact copies, the first stands for all.
        correlation: Of the detail of each near pair once aligned, shape ``(k,)``.
        rule: When two images are called near, in words.
    """

    exact: NDArray[np.int64]
    near: NDArray[np.int64]
    correlation: NDArray[np.float64]
    rule: str


def find_duplicates(pixels: NDArray[np.uint8]) -> Duplicates:
    """Find images that are there twice: re-encoded, rescaled, brightened, or cropped a little.

    Args:
        pixels: Grey levels, shape ``(n, size, size)``; a memory map is read twice, from front to back.

    Returns:
        The pairs, found in time that grows like n log n: about 2 ms of CPU an image, and 3 KB of memory.
    """
    small = thumbnails(pixels)
    first = first_copies(pixels)
    alone = np.flatnonzero(first == np.arange(len(first)))
    pairs, _ = nearest_pairs(small, NEAREST, alone)
    pairs = pairs[aligned_correlation(small, pairs, PROMISING) > LIKELY]
    side = min(DETAIL, pixels.shape[1])
    threshold = NEAR_DUPLICATE if side == DETAIL else NEAR_DUPLICATE_COARSE
    found = aligned_correlation(_Shrunk(pixels, side), pairs)
    near = found > threshold
    rule = (
        f"among the {NEAREST} images nearest to each (correlation of {THUMBNAIL}x{THUMBNAIL} thumbnails): the "
        f"correlation of their detail is above {threshold} once one is shifted and scaled onto the other, "
        f"at {side}x{side}"
    )
    return Duplicates(exact_pairs(first), pairs[near], found[near], rule)


@dataclass(frozen=True)
class _Shrunk:
    """Images of another side, each made when it is asked for: the whole set may not fit into memory."""

    pixels: NDArray[np.uint8]
    side: int

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        return np.stack([_shrink(self.pixels[row], self.side) for row in rows])


def _shrink(levels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    if levels.shape[0] == side:
        return levels
    return np.asarray(Image.fromarray(levels).resize((side, side), Image.Resampling.BILINEAR))


def thumbnails(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink cached pixels to the thumbnails that likeness is judged on.

    Args:
        pixels: Grey levels, shape ``(n, size, size)``; a memory map is read row by row.

    Returns:
        Grey levels, shape ``(n, THUMBNAIL, THUMBNAIL)``, 2 KB an image.
    """
    small = np.empty((len(pixels), THUMBNAIL, THUMBNAIL), dtype=np.uint8)
    for row, levels in enumerate(pixels):
        small[row] = _shrink(levels, THUMBNAIL)
    return small


def first_copies(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """For each image the first one with the same pixels, itself for most: row numbers, shape ``(n,)``."""
    seen: dict[bytes, int] = {}
    names = (blake2b(levels.tobytes(), digest_size=16).digest() for levels in pixels)
    return np.fromiter((seen.setdefault(name, row) for row, name in enumerate(names)), np.int64, len(pixels))


def exact_pairs(first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each further copy with the first, as `first_copies` found them: shape ``(m, 2)``."""
    further = np.flatnonzero(first != np.arange(len(first)))
    return np.stack([first[further], further], axis=1)


def correlations(small: NDArray[np.uint8], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Correlate pairs of thumbnails.

    Args:
        small: Grey levels, shape ``(n, side, side)``.
        pairs: Row numbers, shape ``(m, 2)``.

    Returns:
        Pearson's correlation of the grey levels, shape ``(m,)``, 0 where an image is of one grey.
    """
    answer = np.empty(len(pairs))
    for start in range(0, len(pairs), _BLOCK):
        left, right = (_standard(small[side]) for side in pairs[start : start + _BLOCK].T)
        answer[start : start + _BLOCK] = np.einsum("ij,ij->i", left, right)
    return answer


def nearest_pairs(
    small: NDArray[np.uint8], count: int, among: NDArray[np.int64] | None = None, leaf: int = _LEAF
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pair each image with those that correlate with it most.

    Args:
        small: Thumbnails, shape ``(n, side, side)``.
        count: How many of the nearest to take.
        among: The rows to look among, ascending; all by default.
        leaf: How many images are compared with each other at the end of a tree.

    Returns:
        Pairs of row numbers, the lower first, sorted, shape ``(m, 2)`` with m at most ``n * count``, and the
        correlation of each, shape ``(m,)``. Approximate: of all pairs that would be found by comparing all, nearly
        all are (docs/groups.md has the measured share). The same images give the same pairs.
    """
    among = np.arange(len(small)) if among is None else among
    if len(among) < 2:
        return np.empty((0, 2), dtype=np.int64), np.empty(0)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    # Many small products: threads would wait for each other longer than they work.
    with threadpool_limits(1):
        proposed = _propose(_describe(small, among), min(_SPARE * count, len(among) - 1), leaf)
        pairs = among[proposed]
        likeness = correlations(small, pairs)
    kept = _is_among_nearest(proposed, likeness, len(among), count)
    return pairs[kept], likeness[kept]


def _propose(numbers: NDArray[np.float32], count: int, leaf: int) -> NDArray[np.int64]:
    """Pairs that may be near, the lower row first, sorted: of each image as many as are counted."""
    n = len(numbers)
    best = _Best.empty(n, count)
    random = np.random.default_rng(0)
    for _ in range(_TREES if n > leaf else 1):
        for rows in _leaves(numbers, random, max(leaf, count + 1)):
            _offer_all(best, numbers, rows)
    if n > leaf:
        _offer_neighbours(best, numbers)
    left = np.repeat(np.arange(n), count)
    pairs = np.stack([left, best.rows.ravel()], axis=1)[best.rows.ravel() >= 0]
    return np.unique(np.sort(pairs, axis=1), axis=0)


def _is_among_nearest(pairs: NDArray[np.int64], likeness: NDArray[np.float64], n: int, count: int) -> NDArray[np.bool_]:
    """Whether either image of a pair has the other among its nearest."""
    image = pairs.T.ravel()
    order = np.lexsort((-np.tile(likeness, 2), image))
    starts = np.searchsorted(image[order], np.arange(n))
    near = np.empty(len(image), dtype=bool)
    near[order] = np.arange(len(image)) - starts[image[order]] < count
    return near[: len(pairs)] | near[len(pairs) :]


@dataclass
class _Best:
    """The nearest images so far: rows (-1 where none yet) and likenesses, shape (n, count), best first."""

    rows: NDArray[np.int64]
    likeness: NDArray[np.float32]

    @classmethod
    def empty(cls, n: int, count: int) -> _Best:
        return cls(np.full((n, count), -1, dtype=np.int64), np.full((n, count), -np.inf, dtype=np.float32))

    def offer(self, images: NDArray[np.int64], rows: NDArray[np.int64], likeness: NDArray[np.float32]) -> None:
        """Let each of some images choose among what it has and new rows, shape (len(images), any)."""
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
    """Each image in a few principal components, shape (n, _NUMBERS), whose products are near the correlations."""
    half = small.shape[1] // 2 * 2

    def shrink(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        images = small[rows, :half, :half].astype(np.float32)
        return _standard(images.reshape(len(rows), half // 2, 2, half // 2, 2).mean(axis=(2, 4)))

    sample = shrink(among[np.linspace(0, len(among) - 1, min(len(among), _SAMPLE)).astype(np.int64)])
    # About zero and not about the mean image: products of what is left out are then the smallest.
    components = np.linalg.eigh(sample.T @ sample)[1][:, -_NUMBERS:]
    blocks = range(0, len(among), _BLOCK)
    return np.concatenate([shrink(among[start : start + _BLOCK]) @ components for start in blocks])


def _leaves(numbers: NDArray[np.float32], random: np.random.Generator, leaf: int) -> list[NDArray[np.int64]]:
    """Part the images by random directions at the median until few are left in each part."""
    done: list[NDArray[np.int64]] = []
    open_parts = [np.arange(len(numbers))]
    while open_parts:
        rows = open_parts.pop()
        if len(rows) <= leaf:
            done.append(rows)
            continue
        # The line through two images follows the spread of this part, where a blind direction would not.
        one, other = numbers[random.choice(rows, 2, replace=False)]
        order = np.argsort(numbers[rows] @ (one - other), kind="stable")
        # Not quite at the median, or every tree would cut a dense set at the same place.
        cut = int(len(rows) * random.uniform(0.35, 0.65))
        open_parts += [rows[order[:cut]], rows[order[cut:]]]
    return done


def _offer_all(best: _Best, numbers: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
    likeness = _likeness(numbers[rows][None], numbers[rows][None])[0]
    np.fill_diagonal(likeness, -np.inf)
    count = min(best.rows.shape[1], len(rows) - 1)
    if count > 0:
        chosen = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
        best.offer(rows, rows[chosen], np.take_along_axis(likeness, chosen, axis=1))


def _offer_neighbours(best: _Best, numbers: NDArray[np.float32]) -> None:
    """Offer each image the nearest of its nearest."""
    known = best.rows.copy()
    for start in range(0, len(known), _BLOCK):
        images = np.arange(start, min(start + _BLOCK, len(known)))
        tried = known[known[images]].reshape(len(images), -1)
        likeness = _likeness(numbers[images][:, None], numbers[tried])[:, 0]
        likeness[tried < 0] = -np.inf
        best.offer(images, tried, likeness)


def _likeness(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Minus half the squared distance: of unit vectors, the correlation less one."""
    squares = (left**2).sum(axis=-1)[..., :, None] + (right**2).sum(axis=-1)[..., None, :]
    answer: NDArray[np.float32] = left @ np.swapaxes(right, -1, -2) - squares / 2
    return answer


def _standard(images: NDArray[np.generic]) -> NDArray[np.float32]:
    """Each image as a unit vector without its mean: products of two are correlations."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)
    return flat
