"""Find similar images in a set, or in two sets: identical pixels, slightly changed copies, and nearest neighbours.

No step compares all pairs: images are reduced to thumbnails, and each is compared with the nearest others
(`placa.dataset.groups.neighbours`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placa.dataset.groups.alignment import aligned_correlation
from placa.dataset.groups.neighbours import nearest_pairs
from placa.records.audit import NearRule

#: Side of the thumbnails, in pixels.
THUMBNAIL = 48
#: Side at which details of copies are compared, in pixels, if the images are large enough. Different patients, and
#: different phantoms, reach 0.9; 2 % of the copies with a gamma of 0.7 or a crop of 5 % are below 0.97.
DETAIL = 96
#: Images whose details correlate above this after alignment are copies. Images smaller than `DETAIL` are more similar,
#: so the threshold is higher: it misses some changed copies, but does not join different patients.
NEAR_DUPLICATE = 0.95
NEAR_DUPLICATE_COARSE = 0.98
#: Correlation of the details of thumbnails that a pair needs for comparing the images.
LIKELY = 0.93
#: Number of nearest images that are compared with each image.
NEAREST = 5
#: Correlation after the first step of the alignment that a pair needs for further steps.
PROMISING = 0.85


@dataclass(frozen=True)
class DuplicatePairs:
    """Duplicate images, as pairs of row numbers, the lower first.

    Attributes:
        exact: The first of several identical images with each of the others, shape ``(m, 2)``: a thousand blank images
            are 999 pairs.
        near: Near duplicates, shape ``(k, 2)``; of identical images only the first is used.
        correlation: Correlation of the details of each near pair after alignment, shape ``(k,)``.
        rule: The definition of a near duplicate.
    """

    exact: NDArray[np.int64]
    near: NDArray[np.int64]
    correlation: NDArray[np.float64]
    rule: NearRule


def find_duplicates(pixels: NDArray[np.uint8]) -> DuplicatePairs:
    """Find duplicate images: identical, or re-encoded, rescaled, brightened or slightly cropped.

    Args:
        pixels: Grey levels, shape ``(n, size, size)``; a memory map is read twice, sequentially.

    Returns:
        The pairs. Time grows as n log n: about 2 ms of CPU and 3 KB of memory per image.
    """
    small = thumbnails(pixels)
    first = first_copies(pixels)
    alone = np.flatnonzero(first == np.arange(len(first)))
    pairs, _ = nearest_pairs(small, NEAREST, alone)
    return _compared(exact_pairs(first), pairs, small, lambda row: pixels[row], pixels.shape[1])


def duplicates_between(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> DuplicatePairs:
    """Find the images that two sets share: identical, or re-encoded, rescaled, brightened or slightly cropped.

    Args:
        left: Grey levels of one set, shape ``(n, size, size)``; a memory map is read twice, sequentially.
        right: Those of the other, shape ``(m, other_size, other_size)``.

    Returns:
        Pairs of a row of `left` and a row of `right`. Each identical image of `right` is paired with the first of
        `left`, if both sets have squares of one size; of identical images only the first is compared further. Time
        grows as (n + m) log (n + m).
    """
    n = len(left)
    first = {name: row for row, name in reversed(list(enumerate(_digests(left))))}
    same = [(first[name], row) for row, name in enumerate(_digests(right)) if name in first]
    exact = np.array(same, dtype=np.int64).reshape(-1, 2)
    alone = np.setdiff1d(np.arange(len(right)), exact[:, 1])
    small = np.concatenate([thumbnails(left), thumbnails(right[alone] if len(alone) < len(right) else right)])
    sides = np.repeat(np.array([0, 1], dtype=np.int8), [n, len(alone)])
    pairs, _ = nearest_pairs(small, NEAREST, sides=sides)
    pairs = pairs[sides[pairs[:, 0]] != sides[pairs[:, 1]]]
    size = min(left.shape[1], right.shape[1])
    found = _compared(exact, pairs, small, lambda row: left[row] if row < n else right[alone[row - n]], size)
    return replace(found, near=np.stack([found.near[:, 0], alone[found.near[:, 1] - n]], axis=1))


def _compared(
    exact: NDArray[np.int64],
    pairs: NDArray[np.int64],
    small: NDArray[np.uint8],
    image: Callable[[int], NDArray[np.uint8]],
    size: int,
) -> DuplicatePairs:
    """Return exact duplicates, and those of the most similar pairs that are near duplicates.

    Args:
        exact: The exact duplicates.
        pairs: The most similar pairs.
        small: Thumbnails of all images.
        image: Returns the image of a row.
        size: Side of the images, in pixels; the smaller one if there are two.
    """
    pairs = pairs[aligned_correlation(small, pairs, PROMISING) > LIKELY]
    side = min(DETAIL, size)
    threshold = NEAR_DUPLICATE if side == DETAIL else NEAR_DUPLICATE_COARSE
    found = aligned_correlation(_Resized(image, side), pairs)
    near = found > threshold
    rule: NearRule = {"nearest": NEAREST, "thumbnail": THUMBNAIL, "side": side, "correlation": threshold}
    return DuplicatePairs(exact, pairs[near], found[near], rule)


@dataclass(frozen=True)
class _Resized:
    """Images that are resized when they are indexed, because all of them may not fit into memory."""

    image: Callable[[int], NDArray[np.uint8]]
    side: int

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        return np.stack([shrink(self.image(row), self.side) for row in rows])


def shrink(levels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize one square of grey levels with an antialiased bilinear filter."""
    if levels.shape[0] == side:
        return levels
    return np.asarray(Image.fromarray(levels).resize((side, side), Image.Resampling.BILINEAR))


def thumbnails(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize cached pixels to thumbnails.

    Args:
        pixels: Grey levels, shape ``(n, size, size)``; a memory map is read row by row.

    Returns:
        Grey levels, shape ``(n, THUMBNAIL, THUMBNAIL)``, 2 KB per image.
    """
    small = np.empty((len(pixels), THUMBNAIL, THUMBNAIL), dtype=np.uint8)
    for row, levels in enumerate(pixels):
        small[row] = shrink(levels, THUMBNAIL)
    return small


def first_copies(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return for each image the row of the first image with the same pixels, shape ``(n,)``."""
    seen: dict[bytes, int] = {}
    return np.fromiter((seen.setdefault(name, row) for row, name in enumerate(_digests(pixels))), np.int64, len(pixels))


def _digests(pixels: NDArray[np.uint8]) -> Iterator[bytes]:
    return (blake2b(levels.tobytes() + repr(levels.shape).encode(), digest_size=16).digest() for levels in pixels)


def exact_pairs(first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the pairs of each further copy with the first, from the result of `first_copies`, shape ``(m, 2)``."""
    further = np.flatnonzero(first != np.arange(len(first)))
    return np.stack([first[further], further], axis=1)
