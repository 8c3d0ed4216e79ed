"""Group images that may be of one patient, for sources without patient IDs.

CT slices in class folders are numbered, and neighbouring numbers are often one patient. Similarity alone chains slices
of different patients, and file order alone depends on the names, so four rules are combined:

- ``copies``: identical pixels, in any folder;
- ``neighbours``: at most 5 positions apart in natural file order within a folder, and more similar than 95 % of the
  images that are far apart;
- ``look-alikes``: similar after alignment, in any folder (`placa.dataset.groups.alignment`);
- ``left over``: groups of one to three images after these rules, with the most similar neighbour.

The second and the last rule apply only to folders whose file order is informative. In folders whose neighbours are not
more similar than images far apart, file names have no information.

Images joined by a rule are one group, and splits keep groups together. Pairs are joined one by one, the most similar
first (single linkage, in Kruskal's order). A join that would create a group larger than 5 % of the images is refused,
so chains of similar slices break at their weakest links. Copies are always joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placa.dataset.groups.alignment import aligned_correlation
from placa.dataset.groups.likeness import exact_pairs, first_copies, thumbnails
from placa.dataset.groups.neighbours import correlations, nearest_pairs
from placa.images.read import natural_order
from placa.records.audit import GroupRules, Joined
from placa.records.codes import Values

NEIGHBOUR_REACH = 5
#: Neighbours must correlate above this, and above this quantile of images that are far apart.
NEIGHBOUR_CORRELATION = 0.75
FAR_QUANTILE = 0.95
#: Images more than this many positions apart, or in different folders, are far apart.
FAR = 50
#: File order is informative if this share of adjacent images exceeds that threshold: four times the expected share.
TELLING = 0.20
#: A folder with fewer adjacent pairs is judged by the share over all folders.
ENOUGH_PAIRS = 20
#: Images whose details correlate above this after alignment are look-alikes; only the nearest of each are compared.
LOOK_ALIKE = 0.85
#: Correlation after the first step of the alignment that a pair needs for further steps.
PROMISING = 0.75
NEAREST = 10
#: Groups with fewer images are left over, because a scan has more slices.
LEFT_OVER = 4
#: Maximum share of the images in one group, and the maximum size of a group in small data sets.
LARGEST_SHARE = 0.05
SMALLEST_CAP = 5
#: Look-alikes may not create a group larger than a scan: in large sets they would chain different patients.
LOOK_ALIKE_CAP = 100
_FAR_SAMPLE = 20_000


def group_images(paths: Sequence[str], pixels: NDArray[np.uint8]) -> tuple[NDArray[np.int64], GroupRules]:
    """Group images by file names and pixels.

    Args:
        paths: Files of the images; their order does not change the groups.
        pixels: Grey levels, shape ``(n, size, size)``, in the order of `paths`; a memory map is read twice,
            sequentially.

    Returns:
        The group number of each image, from 0, shape ``(n,)``, and the facts for the audit: ``rule`` (``found``),
        ``cap`` (images), ``refused`` (joins above the cap) and ``joined_by``: the numbers of each rule and of the pairs
        that it joined. Time grows as n log n.
    """
    order, folders = _file_order(paths)
    small = thumbnails(pixels)[order]
    first = _reorder(first_copies(pixels), order)
    near = _neighbours(small, folders)
    alike = _look_alikes(small, first)
    n = len(order)
    cap = max(int(LARGEST_SHARE * n), SMALLEST_CAP)
    forest = _Forest(n)
    copies = exact_pairs(first)
    forest.join_all(copies, np.ones(len(copies)), np.full(len(copies), n))
    forest.join_all(
        np.concatenate([near.pairs[near.alike], alike.pairs[alike.alike]]),
        np.concatenate([near.likeness[near.alike], alike.likeness[alike.alike]]),
        np.repeat([cap, min(cap, LOOK_ALIKE_CAP)], [near.alike.sum(), alike.alike.sum()]),
    )
    left_over = forest.join_all(near.pairs, near.likeness, np.full(len(near.pairs), cap), smaller_than=LEFT_OVER)
    codes = np.empty(n, dtype=np.int64)
    codes[order] = forest.codes()
    joined: list[Joined] = [
        {"rule": "copies", "values": {}, "pairs": len(copies)},
        {"rule": "neighbours", "values": near.values, "pairs": int(near.alike.sum())},
        {"rule": "look_alikes", "values": alike.values, "pairs": int(alike.alike.sum())},
        {"rule": "left_over", "values": {"images": LEFT_OVER}, "pairs": left_over},
    ]
    return codes, {"rule": "found", "cap": cap, "refused": forest.refused, "joined_by": joined}


@dataclass(frozen=True)
class _Candidates:
    """Candidate pairs of a rule, shape (m, 2), their correlation, which of them it joins, and its numbers."""

    pairs: NDArray[np.int64]
    likeness: NDArray[np.float64]
    alike: NDArray[np.bool_]
    values: Values


class _Forest:
    """A disjoint-set forest whose groups are limited in size."""

    def __init__(self, n: int) -> None:
        self.parent = list(range(n))
        self.size = [1] * n
        self.refused = 0

    def join_all(
        self,
        pairs: NDArray[np.int64],
        likeness: NDArray[np.float64],
        caps: NDArray[np.int64],
        smaller_than: int | None = None,
    ) -> int:
        """Join pairs, the most similar first; optionally only pairs with a group smaller than a limit.

        Returns:
            The number of joins. Joins above the cap are counted in `refused`.
        """
        joined = 0
        # Rounded, so that the order does not depend on the last digit of another machine.
        for at in np.lexsort((pairs[:, 1], pairs[:, 0], -np.round(likeness, 6))):
            left, right = self.top(int(pairs[at, 0])), self.top(int(pairs[at, 1]))
            if left == right or (smaller_than and min(self.size[left], self.size[right]) >= smaller_than):
                continue
            if self.size[left] + self.size[right] > caps[at]:
                self.refused += 1
                continue
            left, right = min(left, right), max(left, right)
            self.parent[right] = left
            self.size[left] += self.size[right]
            joined += 1
        return joined

    def top(self, row: int) -> int:
        while self.parent[row] != row:
            self.parent[row] = row = self.parent[self.parent[row]]
        return row

    def codes(self) -> NDArray[np.int64]:
        tops = [self.top(row) for row in range(len(self.parent))]
        return np.unique(np.asarray(tops, dtype=np.int64), return_inverse=True)[1].astype(np.int64)


def _file_order(paths: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows in natural file order, folder by folder, and the number of the folder at each position."""
    files = [Path(path) for path in paths]
    keys = [(str(file.parent), natural_order(file)) for file in files]
    order = np.asarray(sorted(range(len(files)), key=keys.__getitem__), dtype=np.int64)
    numbers: dict[str, int] = {}
    folders = [numbers.setdefault(keys[row][0], len(numbers)) for row in order]
    return order, np.asarray(folders, dtype=np.int64)


def _reorder(first: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first copy of each image after reordering the images."""
    kinds = first[order]
    _, earliest, kind = np.unique(kinds, return_index=True, return_inverse=True)
    return earliest[kind].astype(np.int64)


def _neighbours(small: NDArray[np.uint8], folders: NDArray[np.int64]) -> _Candidates:
    """Return neighbours in file order, in folders whose file order is informative."""
    n = len(small)
    steps = [np.stack([np.arange(n - step), np.arange(step, n)], axis=1) for step in range(1, NEIGHBOUR_REACH + 1)]
    pairs = np.concatenate(steps) if n > NEIGHBOUR_REACH else np.stack(np.triu_indices(n, 1), axis=1)
    pairs = pairs[folders[pairs[:, 0]] == folders[pairs[:, 1]]]
    likeness = correlations(small, pairs)
    threshold = max(NEIGHBOUR_CORRELATION, _far_correlation(small, folders))
    alike = likeness > threshold
    adjacent = pairs[:, 1] - pairs[:, 0] == 1
    place = folders[pairs[:, 0]]
    count = np.bincount(place[adjacent], minlength=folders.max(initial=0) + 1)
    passed = np.bincount(place[adjacent & alike], minlength=len(count))
    overall = passed.sum() / max(count.sum(), 1)
    share = np.where(count >= ENOUGH_PAIRS, passed / np.maximum(count, 1), overall)
    informative = (share >= TELLING)[place]
    excluded = int(((share < TELLING) & (count > 0)).sum())
    values: Values = {
        "reach": NEIGHBOUR_REACH,
        "correlation": round(threshold, 6),
        "excluded": excluded,
        "folders": int((count > 0).sum()),
    }
    return _Candidates(pairs[informative], likeness[informative], alike[informative], values)


def _far_correlation(small: NDArray[np.uint8], folders: NDArray[np.int64]) -> float:
    """Return the `FAR_QUANTILE` of the correlations of images that are far apart in file order.

    Frontal radiographs of different patients exceed 0.75 more often than CT slices of different patients.
    """
    if len(small) <= FAR:
        return -1.0
    pairs = np.random.default_rng(0).integers(0, len(small), (_FAR_SAMPLE, 2))
    far = (np.abs(pairs[:, 0] - pairs[:, 1]) > FAR) | (folders[pairs[:, 0]] != folders[pairs[:, 1]])
    return float(np.quantile(correlations(small, pairs[far]), FAR_QUANTILE)) if far.any() else -1.0


def _look_alikes(small: NDArray[np.uint8], first: NDArray[np.int64]) -> _Candidates:
    """Return images with similar details after alignment; their likeness is that of the unaligned images."""
    pairs, likeness = nearest_pairs(small, NEAREST, np.flatnonzero(first == np.arange(len(first))))
    alike = aligned_correlation(small, pairs, PROMISING) > LOOK_ALIKE
    return _Candidates(pairs, likeness, alike, {"nearest": NEAREST, "correlation": LOOK_ALIKE})
