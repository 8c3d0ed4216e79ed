"""Find images of one set that are, or nearly are, images of another."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from placa.dataset.groups.alignment import aligned_correlation
from placa.dataset.groups.likeness import (
    DETAIL,
    LIKELY,
    NEAR_DUPLICATE,
    NEAR_DUPLICATE_COARSE,
    NEAREST,
    PROMISING,
    THUMBNAIL,
    DuplicatePairs,
    shrink,
    thumbnails,
)
from placa.dataset.groups.neighbours import nearest_pairs
from placa.records.audit import NearRule


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
    first = {name: row for row, name in reversed(list(enumerate(_digests(left))))}
    same = [(first[name], row) for row, name in enumerate(_digests(right)) if name in first]
    exact = np.array(same, dtype=np.int64).reshape(-1, 2)
    alone = np.setdiff1d(np.arange(len(right)), exact[:, 1])
    small = np.concatenate([thumbnails(left), thumbnails(right[alone] if len(alone) < len(right) else right)])
    sides = np.repeat(np.array([0, 1], dtype=np.int8), [len(left), len(alone)])
    pairs, _ = nearest_pairs(small, NEAREST, sides=sides)
    pairs = pairs[sides[pairs[:, 0]] != sides[pairs[:, 1]]]
    pairs = pairs[aligned_correlation(small, pairs, PROMISING) > LIKELY]
    side = min(DETAIL, left.shape[1], right.shape[1])
    threshold = NEAR_DUPLICATE if side == DETAIL else NEAR_DUPLICATE_COARSE
    found = aligned_correlation(_Both(left, right, alone, side), pairs)
    near = found > threshold
    rows = np.stack([pairs[near, 0], alone[pairs[near, 1] - len(left)]], axis=1) if near.any() else exact[:0]
    rule: NearRule = {"nearest": NEAREST, "thumbnail": THUMBNAIL, "side": side, "correlation": threshold}
    return DuplicatePairs(exact, rows, found[near], rule)


def _digests(pixels: NDArray[np.uint8]) -> Iterator[bytes]:
    return (blake2b(levels.tobytes() + repr(levels.shape).encode(), digest_size=16).digest() for levels in pixels)


class _Both:
    """The images of both sets at one size, resized when they are indexed; of the right set only some rows."""

    def __init__(self, left: NDArray[np.uint8], right: NDArray[np.uint8], some: NDArray[np.int64], side: int) -> None:
        self.left, self.right, self.some, self.side = left, right, some, side

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        n = len(self.left)
        images = (self.left[row] if row < n else self.right[self.some[row - n]] for row in rows)
        return np.stack([shrink(levels, self.side) for levels in images])
