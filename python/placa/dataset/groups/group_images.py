"""Which images belong together where no source says who the patient is.

CT slices in class folders come numbered, and neighbouring numbers are often one patient. Likeness alone chains slices
of strangers together, and file order alone trusts the names, so four rules are joined:

- ``copies``: the very same pixels, anywhere;
- ``neighbours``: at most 5 places apart in natural file order within a folder, and more alike than nearly all images
  that are far apart;
- ``look-alikes``: anywhere, one nearly laid over the other (`placa.dataset.groups.alignment`);
- ``left over``: one to three images that none of these joined with more, and the neighbour most like them.

The second and the last hold only in folders whose file order tells something: where neighbours are no more alike than
images far apart, names mean nothing, and the look-alikes alone are left.

Images joined by a rule are one group, which a split may not cut. The pairs are joined one by one, the most alike
first (single linkage, in Kruskal's order), and a join that would make a group larger than 5 % of the images is
refused: a chain of slices, each like the next, breaks at its weakest links. Copies are never parted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.dataset.groups.alignment import aligned_correlation
from placa.dataset.groups.likeness import correlations, exact_pairs, first_copies, nearest_pairs, thumbnails
from placa.images.read import natural_order

NEIGHBOUR_REACH = 5
#: Neighbours must correlate above this, and above what all but a twentieth of far apart images reach.
NEIGHBOUR_CORRELATION = 0.75
FAR_QUANTILE = 0.95
#: So many places apart, or in another folder, is far.
FAR = 50
#: File order tells something where this share of adjacent images pass that threshold: four times what chance gives.
TELLING = 0.20
#: A folder with fewer adjacent pairs than this is judged with all the others.
ENOUGH_PAIRS = 20
#: Detail of two aligned images that correlates above this makes them look-alikes, among the nearest of each.
LOOK_ALIKE = 0.85
#: What a pair must reach after the first step of the alignment to be followed.
PROMISING = 0.75
NEAREST = 10
#: A group with fewer images than this is left over: a scan has more slices.
LEFT_OVER = 4
#: No group holds more than this share of the images, or than `SMALLEST_CAP` where that is more.
LARGEST_SHARE = 0.05
SMALLEST_CAP = 5
#: Likeness without file order may not build a group larger than a scan: it would chain strangers in a large set.
LOOK_ALIKE_CAP = 100
_FAR_SAMPLE = 20_000


def group_images(paths: Sequence[str], pixels: NDArray[np.uint8]) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Cluster images into groups by files and pixels alone.

    Args:
        paths: The images' files, in any order: the answer does not depend on it.
        pixels: Their grey levels, shape ``(n, size, size)``, in the same order; a memory map is read twice, from front
            to back.

    Returns:
        One group code an image, from 0, shape ``(n,)``, and the facts for the audit: ``rule`` (``found``), ``groups``,
        ``largest`` (images), ``largest_share`` (0 to 1), ``cap`` (images), ``refused`` (joins that the cap forbade)
        and ``joined_by``, for each rule its words and how many pairs it found. Time grows like n log n.
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
    largest = int(np.bincount(codes).max()) if n else 0
    found = (len(copies), int(near.alike.sum()), int(alike.alike.sum()), left_over)
    words = ("copies: the same pixels", near.words, alike.words, _LEFT_OVER_WORDS)
    return codes, {
        "rule": "found",
        "groups": int(codes.max()) + 1 if n else 0,
        "largest": largest,
        "largest_share": round(largest / max(n, 1), 6),
        "cap": cap,
        "refused": forest.refused,
        "joined_by": [{"rule": rule, "pairs": pairs} for rule, pairs in zip(words, found, strict=True)],
    }


_LEFT_OVER_WORDS = (
    f"left over: fewer than {LEFT_OVER} images, with the neighbour most like them, where file order tells"
)


@dataclass(frozen=True)
class _Candidates:
    """Pairs that a rule looked at, shape (m, 2), their correlation, which of them it joins, and the rule in words."""

    pairs: NDArray[np.int64]
    likeness: NDArray[np.float64]
    alike: NDArray[np.bool_]
    words: str


class _Forest:
    """Groups that grow by joining two of them, as long as a cap allows."""

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
        """Join pairs, the most alike first; only those with a group smaller than a limit, if there is one.

        Returns:
            How many joins were made. Those that a cap forbade are counted in `refused`.
        """
        joined = 0
        # Rounded, so that another machine's last digit does not turn the order.
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
    """The rows in natural file order, folder after folder, and the folder's number at each place of it."""
    files = [Path(path) for path in paths]
    keys = [(str(file.parent), natural_order(file)) for file in files]
    order = np.asarray(sorted(range(len(files)), key=keys.__getitem__), dtype=np.int64)
    numbers: dict[str, int] = {}
    folders = [numbers.setdefault(keys[row][0], len(numbers)) for row in order]
    return order, np.asarray(folders, dtype=np.int64)


def _reorder(first: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first copy of each image once the images are put in another order."""
    kinds = first[order]
    _, earliest, kind = np.unique(kinds, return_index=True, return_inverse=True)
    return earliest[kind].astype(np.int64)


def _neighbours(small: NDArray[np.uint8], folders: NDArray[np.int64]) -> _Candidates:
    """Neighbours in file order, in the folders where that tells something."""
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
    telling = (share >= TELLING)[place]
    mute = int(((share < TELLING) & (count > 0)).sum())
    words = (
        f"neighbours: within {NEIGHBOUR_REACH} in natural file order in a folder, correlation of 48x48 thumbnails "
        f"above {threshold:.2f}"
    )
    if mute:
        words += f" (not in {mute} of {int((count > 0).sum())} folders, where file order tells nothing)"
    return _Candidates(pairs[telling], likeness[telling], alike[telling], words)


def _far_correlation(small: NDArray[np.uint8], folders: NDArray[np.int64]) -> float:
    """What all but a twentieth of the images far apart in file order correlate at.

    Frontal radiographs of strangers pass 0.75 more often than CT slices of strangers do.
    """
    if len(small) <= FAR:
        return -1.0
    pairs = np.random.default_rng(0).integers(0, len(small), (_FAR_SAMPLE, 2))
    far = (np.abs(pairs[:, 0] - pairs[:, 1]) > FAR) | (folders[pairs[:, 0]] != folders[pairs[:, 1]])
    return float(np.quantile(correlations(small, pairs[far]), FAR_QUANTILE)) if far.any() else -1.0


def _look_alikes(small: NDArray[np.uint8], first: NDArray[np.int64]) -> _Candidates:
    """Images anywhere whose detail agrees once they are aligned; their likeness is that of the images as they are."""
    pairs, likeness = nearest_pairs(small, NEAREST, np.flatnonzero(first == np.arange(len(first))))
    alike = aligned_correlation(small, pairs, PROMISING) > LOOK_ALIKE
    words = f"look-alikes: among the {NEAREST} nearest anywhere, correlation of the aligned detail above {LOOK_ALIKE}"
    return _Candidates(pairs, likeness, alike, words)
