"""How well a label is told without looking at the lungs."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.audit.intervals import Estimate, auroc, together
from placa.audit.probes import PROBES, Features, all_features
from placa.audit.verdicts import shortcut_verdict, worst
from placa.core.progress import SILENT, Progress

#: Images that are looked at, at most; beyond it the intervals are narrow already, and the time would grow.
MOST_IMAGES = 8000
#: Groups with the finding, and groups without, below which no figure is given.
FEWEST_GROUPS = 10
FOLDS = 5
#: Inverse strength of the L2 penalty on standardised columns.
PENALTY = 0.1
#: Folds share most of what their models learn from, so the variance of their mean AUROC is larger than that of
#: independent ones, by 1 + K / (K - 1) for K folds (Nadeau and Bengio 2003). Simulated, that is so where the models
#: find nothing, and fades as they find the same thing in every fold (docs/audit.md). Without it, sets without a
#: shortcut ring too often.
INSTABILITY = FOLDS / (FOLDS - 1)

METHOD = (
    f"Logistic models (L2, C = {PENALTY}, standardised columns) in {FOLDS} folds that keep groups whole and the label "
    "stratified; AUROC within folds, with Obuchowski's variance for groups, corrected for folds that share what they "
    "learn from (Nadeau and Bengio); 95% intervals that hold together for all probes (Bonferroni)"
)


def find_shortcuts(
    manifest: pd.DataFrame,
    findings: list[str],
    pixels: NDArray[np.uint8] | None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Try to tell each finding from what no radiologist would look at.

    Args:
        manifest: A complete manifest.
        findings: Its finding columns; images whose label is missing are left out for that finding.
        pixels: Cached grey levels, shape ``(n, size, size)``, row i for row i of the manifest; or None.
        seed: Seed of the sample of images and of the folds.
        progress: Where to show what goes on.

    Returns:
        ``shortcuts`` of audit.json: a probe and finding each with ``auroc``, ``lower``, ``upper`` and ``verdict``, or
        with the ``reason`` that it was not measured.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    started = time.perf_counter()
    rows = sample_groups(manifest["group_id"], MOST_IMAGES, seed)
    features = all_features(manifest, pixels, rows, progress)
    some = manifest.iloc[rows]
    groups = pd.factorize(some["group_id"])[0].astype(np.int64)
    measurable = sum(1 for probe in PROBES if features[probe].columns is not None)
    askable = [finding for finding in findings if _too_few(some[finding], groups) is None]
    level = together(measurable * len(askable))
    probes: list[dict[str, Any]] = []
    # The matrices are small: on a busy machine threads that wait for each other take ten times as long.
    with threadpool_limits(1), progress.bar("shortcuts", len(findings) * len(PROBES)) as advance:
        for finding in findings:
            known = some[finding].notna().to_numpy()
            truth = (some[finding] == 1).fillna(False).to_numpy(dtype=bool)[known]
            reason = _too_few(some[finding], groups)
            folds = None if reason else deal_folds(truth, groups[known], seed)
            for probe in PROBES:
                why = features[probe].reason if reason is None else reason
                row = {"probe": probe, "finding": finding, "images": len(truth)}
                row["groups"] = len(np.unique(groups[known]))
                probes.append(row | _measure(probe, features[probe], known, truth, groups, folds, level, why))
                advance(remark=finding)
    return {
        "method": METHOD,
        "images": len(rows),
        "sampled_from": len(manifest),
        "folds": FOLDS,
        "seconds": round(time.perf_counter() - started, 2),
        "probes": probes,
        "verdict": worst(row["verdict"] for row in probes),
    }


def sample_groups(group_id: pd.Series, most: int, seed: int) -> NDArray[np.int64]:
    """Draw whole groups at random until one more would not fit.

    Args:
        group_id: The group of each image, shape ``(n,)``.
        most: How many images are drawn at most.
        seed: Seed of the draw.

    Returns:
        Positions of the images drawn, ascending; all of them where they fit.
    """
    if len(group_id) <= most:
        return np.arange(len(group_id))
    codes = pd.factorize(group_id)[0]
    sizes = np.bincount(codes)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[sizes[order] <= most]
    drawn = np.zeros(len(sizes), dtype=bool)
    drawn[order[np.cumsum(sizes[order]) <= most]] = True
    return np.flatnonzero(drawn[codes]).astype(np.int64)


def _too_few(labels: pd.Series, groups: NDArray[np.int64]) -> str | None:
    with_it = len(np.unique(groups[(labels == 1).fillna(False).to_numpy(dtype=bool)]))
    without = len(np.unique(groups[(labels == 0).fillna(False).to_numpy(dtype=bool)]))
    if min(with_it, without) >= FEWEST_GROUPS:
        return None
    return f"{with_it} patients or groups with it and {without} without; {FEWEST_GROUPS} of each are needed"


def deal_folds(truth: NDArray[np.bool_], groups: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The fold of each image, groups whole, the label in as equal shares as they allow."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = np.zeros(len(truth), dtype=np.int64)
    dealer = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # It warns of rare classes, which FEWEST_GROUPS has dealt with.
        warnings.simplefilter("ignore")
        for fold, (_, held_out) in enumerate(dealer.split(np.zeros(len(truth)), truth, groups)):
            folds[held_out] = fold
    return folds


def _measure(
    probe: str,
    features: Features,
    known: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    groups: NDArray[np.int64],
    folds: NDArray[np.int64] | None,
    level: float,
    reason: str | None,
) -> dict[str, Any]:
    told = None
    if reason is None and features.columns is not None and folds is not None:
        told = cross_validate(features.columns[known], truth, groups[known], folds, level)
        reason = None if told else "the groups are too unequal for folds that hold both labels"
    if told is None:
        return {"auroc": None, "lower": None, "upper": None, "verdict": "none", "reason": reason}
    return {
        "auroc": round(told.value, 6),
        "lower": round(told.lower, 6),
        "upper": round(told.upper, 6),
        "verdict": shortcut_verdict(probe, told.value, told.lower),
        "reason": None,
    }


def cross_validate(
    columns: NDArray[np.float64],
    truth: NDArray[np.bool_],
    groups: NDArray[np.int64],
    folds: NDArray[np.int64],
    level: float = 0.95,
) -> Estimate | None:
    """AUROC of a logistic model on images of groups that it was not fitted on.

    Args:
        columns: Shape ``(n, columns)``.
        truth: Shape ``(n,)``.
        groups: The group of each, shape ``(n,)``.
        folds: The fold of each, shape ``(n,)``, which keeps groups whole.
        level: Of the interval.

    Returns:
        None where no fold can be fitted and judged, for want of either label.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    score = np.zeros(len(truth))
    judged = np.zeros(len(truth), dtype=bool)
    for fold in np.unique(folds):
        held_out = folds == fold
        if len(np.unique(truth[held_out])) < 2 or len(np.unique(truth[~held_out])) < 2:
            continue
        model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=300))
        model.fit(columns[~held_out], truth[~held_out])
        score[held_out] = model.decision_function(columns[held_out])
        judged |= held_out
    if not judged.any():
        return None
    return auroc(truth[judged], score[judged], groups[judged], folds[judged], level, INSTABILITY)
