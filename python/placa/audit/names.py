"""Find file and folder names that predict the label."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from msgspec import convert
from numpy.typing import NDArray

from placa.records.audit import PredictiveName

#: Minimum number of images, and of groups, with a token and without it.
MIN_IMAGES = 10
MIN_GROUPS = 5
#: Minimum difference of the shares of positives between images with and without a token (0 to 1).
MIN_DIFFERENCE = 0.25
#: Maximum p value of Fisher's exact test over groups, times the number of tokens and findings.
MAX_P_VALUE = 0.01
#: Maximum number of tokens per finding.
MAX_LISTED = 10

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_RUN = re.compile(r"\d+|[^\W\d_]+")

#: Location (folder or file name), text, and kind: a complete folder name, a word, or the pattern of a file name. The
#: folder ``COVID`` and the word in ``non-COVID`` are different tokens.
Token = tuple[str, str, str]
_KINDS = ("whole", "word", "shape")


def tokens_of(paths: Sequence[str]) -> list[set[Token]]:
    """Split paths into tokens that may contain a label.

    Args:
        paths: Files; the folders that all of them share are ignored.

    Returns:
        The tokens of each path in lower case: complete folder names, words (split at non-letters and changes of case,
        without numbers) and the pattern of the file name, ``a5_94`` for five letters, an underscore and four digits.
        The extension is not used; the shortcut probe ``file`` includes it.
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
    words: set[Token] = {("file_name", word, "word") for word in _words(stem)}
    return words | {("file_name", shape(stem), "shape")}


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text) if len(word) > 1]


def shape(name: str) -> str:
    """Return the pattern of a name: runs of letters and digits as ``a`` and ``9`` with their lengths."""

    def short(run: re.Match[str]) -> str:
        return f"{'9' if run[0][0].isdigit() else 'a'}{len(run[0])}"

    return _RUN.sub(short, name)


def predictive_names(
    paths: Sequence[str], labels: pd.DataFrame, groups: NDArray[np.int64]
) -> tuple[int, list[PredictiveName]]:
    """Find tokens of paths whose presence predicts a finding.

    Each group has one vote for its images with the token and one for those without it, by the majority of their labels.
    A token is predictive if the shares of positive votes differ by at least `MIN_DIFFERENCE` and the p value of
    Fisher's exact test, two-sided and multiplied by the number of tests (Bonferroni), is below `MAX_P_VALUE`.

    Args:
        paths: Shape ``(n,)``.
        labels: One column per finding: 0, 1 or missing.
        groups: The group of each image, shape ``(n,)``.

    Returns:
        The number of tokens, and the predictive ones, the lowest p value first: ``where``, ``token``, ``finding``,
        ``images`` (with the token), ``positive_with`` and ``positive_without`` (shares of images, 0 to 1).
    """
    index: dict[Token, list[int]] = {}
    for position, found in enumerate(tokens_of(paths)):
        for token in found:
            index.setdefault(token, []).append(position)
    n = len(paths)
    enough = {token: np.array(rows) for token, rows in index.items() if MIN_IMAGES <= len(rows) <= n - MIN_IMAGES}
    tests = max(len(enough) * labels.shape[1], 1)
    # Complete folder names first, then long words: of tokens with the same images the first is reported.
    order = sorted(enough.items(), key=lambda item: (_KINDS.index(item[0][2]), -len(item[0][1]), item[0]))
    telling: list[PredictiveName] = []
    for finding in labels:
        rows = _predictive_tokens(order, labels[finding], groups, tests)
        telling += [convert({**row, "finding": str(finding)}, PredictiveName) for row in rows]
    return len(index), telling


def without_names(telling: list[PredictiveName], image_ids: Sequence[str]) -> list[PredictiveName]:
    """Replace tokens that may name a patient by their pattern.

    Args:
        telling: Predictive tokens of paths.
        image_ids: The paths for outputs, which have a hash instead of each part that may name a patient.

    Returns:
        The rows; a token that is no part of an `image_id` is replaced, such as ``ruiz_12`` by ``a4_92``.
    """
    public = {part.lower() for name in image_ids for part in name.split("/")}
    return [
        one if one["token"] in public else {**one, "kind": "shape", "token": shape(one["token"])} for one in telling
    ]


def _predictive_tokens(
    tokens: list[tuple[Token, NDArray[np.int64]]], label: pd.Series, groups: NDArray[np.int64], tests: int
) -> list[dict[str, Any]]:
    """Return the predictive tokens of one finding."""
    known = label.notna().to_numpy()
    truth = (label == 1).fillna(False).to_numpy(dtype=bool)
    found: dict[bytes, tuple[float, dict[str, Any]]] = {}
    has_word = False
    for (where, token, kind), rows in tokens:
        if kind == "shape" and has_word:
            # Words in file names change the patterns too.
            break
        if not _differs(rows, truth, known):
            continue
        present = np.zeros(len(truth), dtype=bool)
        present[rows] = True
        judged = _judge(present[known], truth[known], groups[known], tests)
        if judged is None:
            continue
        chance, with_it, without = judged
        has_word |= where == "file_name"
        row = {"where": where, "kind": kind, "token": token, "finding": "", "images": int(present[known].sum())}
        row |= {"positive_with": round(with_it, 6), "positive_without": round(without, 6)}
        # A token and the absence of another may select the same images; only that of the positives is reported.
        same = np.packbits(present if with_it > without else ~present).tobytes()
        earlier = found.get(same, (1.0, {}))[1]
        if not earlier or (with_it > without and earlier["positive_with"] < earlier["positive_without"]):
            found[same] = (chance, row)
    return [row for _, row in sorted(found.values(), key=lambda item: item[0])[:MAX_LISTED]]


def _differs(rows: NDArray[np.int64], truth: NDArray[np.bool_], known: NDArray[np.bool_]) -> bool:
    """Return whether enough images have and lack a token and their shares of positives differ: a fast pre-test."""
    images, positives = int(known[rows].sum()), int(truth[rows].sum())
    others, other_positives = int(known.sum()) - images, int(truth.sum()) - positives
    if min(images, others) < MIN_IMAGES:
        return False
    return abs(positives / images - other_positives / others) >= MIN_DIFFERENCE


def _judge(
    present: NDArray[np.bool_], truth: NDArray[np.bool_], groups: NDArray[np.int64], tests: int
) -> tuple[float, float, float] | None:
    votes = [_votes(truth[side], groups[side]) for side in (present, ~present)]
    if min(len(side) for side in votes) < MIN_GROUPS:
        return None
    from scipy.stats import fisher_exact

    counts = [[int(side.sum()), int((~side).sum())] for side in votes]
    chance = min(float(fisher_exact(counts)[1]) * tests, 1.0)
    shares = [float(side.mean()) for side in votes]
    if chance >= MAX_P_VALUE or abs(shares[0] - shares[1]) < MIN_DIFFERENCE:
        return None
    return chance, float(truth[present].mean()), float(truth[~present].mean())


def _votes(truth: NDArray[np.bool_], groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    codes = np.unique(groups, return_inverse=True)[1]
    return np.asarray(np.bincount(codes, truth) / np.bincount(codes) >= 0.5)
