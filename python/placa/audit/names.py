"""File names and folders that spell the label."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: A token is judged where so many images of so many groups have it, and as many do not.
FEWEST_IMAGES = 10
FEWEST_GROUPS = 5
#: By how much the share of positives must differ between images with and without it (0 to 1) ...
DIFFERENCE = 0.25
#: ... and how rarely chance may do so: Fisher's exact test over groups, times the number of tokens and findings.
CHANCE = 0.01
#: Most tokens that are listed for a finding.
LISTED = 10

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_RUN = re.compile(r"\d+|[^\W\d_]+")

#: Where it was, what it says, and whether it is a whole folder name, a word, or the shape of a file name. A folder
#: ``COVID`` and the word in ``non-COVID`` are two.
Token = tuple[str, str, str]
_KINDS = ("whole", "word", "shape")


def tokens_of(paths: Sequence[str]) -> list[set[Token]]:
    """Take paths apart into what could spell a label.

    Args:
        paths: Files; what all of their folders have in common says nothing and is left out.

    Returns:
        For each path its tokens in lower case: whole folder names, words (cut at anything that is no letter and where
        the case changes, numbers left out) and the file name's shape, ``a5_94`` for five letters, a stroke and four
        digits. The extension is left to the shortcut probe that looks at files.
    """
    folders = [os.path.dirname(path) for path in paths]
    known = {folder: _folder_tokens(parts) for folder, parts in _below_common(folders).items()}
    return [known[folder] | _file_tokens(path) for folder, path in zip(folders, paths, strict=True)]


def _below_common(folders: Iterable[str]) -> dict[str, list[str]]:
    parts = {folder: folder.replace("\\", "/").split("/") for folder in set(folders)}
    shared = 0
    for level in zip(*parts.values(), strict=False):
        if len(set(level)) > 1:
            break
        shared += 1
    return {folder: names[shared:] for folder, names in parts.items()}


def _folder_tokens(names: list[str]) -> set[Token]:
    whole: set[Token] = {("folder", name.lower(), "whole") for name in names if name}
    return whole | {("folder", word, "word") for name in names for word in _words(name)}


def _file_tokens(path: str) -> set[Token]:
    stem = os.path.splitext(os.path.basename(path))[0]
    words: set[Token] = {("file name", word, "word") for word in _words(stem)}
    return words | {("file name", f"shape {shape(stem)}", "shape")}


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text) if len(word) > 1]


def shape(name: str) -> str:
    """The pattern of a name: runs of letters and digits as ``a`` and ``9`` with their lengths, the rest as it is."""

    def short(run: re.Match[str]) -> str:
        return f"{'9' if run[0][0].isdigit() else 'a'}{len(run[0])}"

    return _RUN.sub(short, name)


def telling_names(
    paths: Sequence[str], labels: pd.DataFrame, groups: NDArray[np.int64]
) -> tuple[int, list[dict[str, Any]]]:
    """Find tokens of paths by whose presence a finding is told.

    Each group has one vote with the token and one without (where it has images of either kind), by the majority of
    its labels. A token is telling where the share of positive votes differs by `DIFFERENCE` or more and Fisher's exact
    test, two-sided and times the number of questions asked (Bonferroni), gives less than `CHANCE`.

    Args:
        paths: Shape ``(n,)``.
        labels: A column a finding, 0, 1 or missing.
        groups: The group of each image, shape ``(n,)``.

    Returns:
        How many tokens were examined, and the telling ones, the most telling first: ``where``, ``token``, ``finding``,
        ``images`` (that have it), ``positive_with`` and ``positive_without`` (shares of images, 0 to 1).
    """
    index: dict[Token, list[int]] = {}
    for position, found in enumerate(tokens_of(paths)):
        for each in found:
            index.setdefault(each, []).append(position)
    n = len(paths)
    enough = {token: np.array(rows) for token, rows in index.items() if FEWEST_IMAGES <= len(rows) <= n - FEWEST_IMAGES}
    questions = max(len(enough) * labels.shape[1], 1)
    # Whole folder names come first, and long words: of two tokens with the same images the fuller one is told.
    order = sorted(enough.items(), key=lambda item: (_KINDS.index(item[0][2]), -len(item[0][1]), item[0]))
    telling: list[dict[str, Any]] = []
    for finding in labels:
        telling += [{**row, "finding": str(finding)} for row in _tell(order, labels[finding], groups, questions)]
    return len(index), telling


def _tell(
    tokens: list[tuple[Token, NDArray[np.int64]]], label: pd.Series, groups: NDArray[np.int64], questions: int
) -> list[dict[str, Any]]:
    """The telling tokens of one finding."""
    known = label.notna().to_numpy()
    truth = (label == 1).fillna(False).to_numpy(dtype=bool)
    found: dict[bytes, tuple[float, dict[str, Any]]] = {}
    spelt = False
    for (where, token, kind), rows in tokens:
        if kind == "shape" and spelt:
            # Words in file names change their shapes too.
            break
        if not _differs(rows, truth, known):
            continue
        present = np.zeros(len(truth), dtype=bool)
        present[rows] = True
        judged = _judge(present[known], truth[known], groups[known], questions)
        if judged is None:
            continue
        chance, with_it, without = judged
        spelt |= where == "file name"
        row = {"where": where, "token": token, "finding": "", "images": int(present[known].sum())}
        row |= {"positive_with": round(with_it, 6), "positive_without": round(without, 6)}
        # A token and the absence of another say the same; it is told once, in the words of the positives.
        same = np.packbits(present if with_it > without else ~present).tobytes()
        said = found.get(same, (1.0, {}))[1]
        if not said or (with_it > without and said["positive_with"] < said["positive_without"]):
            found[same] = (chance, row)
    return [row for _, row in sorted(found.values(), key=lambda item: item[0])[:LISTED]]


def _differs(rows: NDArray[np.int64], truth: NDArray[np.bool_], known: NDArray[np.bool_]) -> bool:
    """Whether enough images have a token and lack it, and their shares of positives differ: cheap, and asked first."""
    images, positives = int(known[rows].sum()), int(truth[rows].sum())
    others, other_positives = int(known.sum()) - images, int(truth.sum()) - positives
    if min(images, others) < FEWEST_IMAGES:
        return False
    return abs(positives / images - other_positives / others) >= DIFFERENCE


def _judge(
    present: NDArray[np.bool_], truth: NDArray[np.bool_], groups: NDArray[np.int64], questions: int
) -> tuple[float, float, float] | None:
    votes = [_votes(truth[side], groups[side]) for side in (present, ~present)]
    if min(len(side) for side in votes) < FEWEST_GROUPS:
        return None
    from scipy.stats import fisher_exact

    counts = [[int(side.sum()), int((~side).sum())] for side in votes]
    chance = min(float(fisher_exact(counts)[1]) * questions, 1.0)
    shares = [float(side.mean()) for side in votes]
    if chance >= CHANCE or abs(shares[0] - shares[1]) < DIFFERENCE:
        return None
    return chance, float(truth[present].mean()), float(truth[~present].mean())


def _votes(truth: NDArray[np.bool_], groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    codes = np.unique(groups, return_inverse=True)[1]
    return np.asarray(np.bincount(codes, truth) / np.bincount(codes) >= 0.5)
