"""Measure how well simple properties of the images predict a label."""

from __future__ import annotations

import time
import warnings
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from msgspec import convert
from numpy.typing import NDArray

from placa.audit.intervals import Estimate, auroc, bonferroni_level
from placa.audit.probes import Features, all_features, view_age_sex
from placa.audit.verdicts import shortcut_verdict, worst
from placa.core.progress import SILENT, Progress
from placa.records.audit import Probe, Reason, Shortcuts
from placa.records.codes import Verdict

#: Maximum number of images; with more, intervals hardly become narrower and the time grows.
MOST_IMAGES = 8000
#: Minimum number of groups with the finding, and without it.
MIN_GROUPS = 10
FOLDS = 5
#: Inverse strength of the L2 penalty on standardised columns.
PENALTY = 0.1
#: Folds share most of their training images, so the variance of the mean AUROC is larger than for independent folds, by
#: 1 + K / (K - 1) for K folds (Nadeau and Bengio 2003). In simulations this holds for models without a signal, and the
#: excess decreases if the folds find the same signal (docs/audit.md). Without the correction, data sets without a
#: shortcut have too many false alarms.
INSTABILITY = FOLDS / (FOLDS - 1)


def find_shortcuts(
    manifest: pd.DataFrame,
    findings: list[str],
    pixels: NDArray[np.uint8] | None,
    seed: int = 0,
    progress: Progress = SILENT,
    acquisition: pd.DataFrame | None = None,
    own_columns: Mapping[str, Collection[str]] | None = None,
) -> Shortcuts:
    """Predict each finding from properties that a radiologist does not use.

    Args:
        manifest: A complete manifest.
        findings: The finding columns of `manifest`; images without a label are excluded for that finding.
        pixels: Cached grey levels, shape ``(n, size, size)``, row i for row i of the manifest; or None.
        seed: Seed of the sample of images and of the folds.
        progress: Shows a bar.
        acquisition: How images were acquired and read (see `placa.sources.source.Source`), or None.
        own_columns: By finding, those of ``view``, ``age`` and ``sex`` that are its own label; they are not probed.

    Returns:
        ``shortcuts`` of audit.json: for each probe and finding ``auroc``, ``lower``, ``upper`` and ``verdict``, or the
        ``reason`` why it was not measured.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    started = time.perf_counter()
    rows = sample_groups(manifest["group_id"], MOST_IMAGES, seed)
    features = all_features(manifest, pixels, rows, progress, acquisition)
    some = manifest.iloc[rows]
    groups = pd.factorize(some["group_id"])[0].astype(np.int64)
    measurable = sum(1 for probe in features if features[probe].columns is not None)
    testable = [finding for finding in findings if _too_few(some[finding], groups) is None]
    level = bonferroni_level(measurable * len(testable))
    probes: list[Probe] = []
    # The matrices are small: on a busy machine, several threads take ten times as long as one.
    with threadpool_limits(1), progress.bar("shortcuts", len(findings) * len(features)) as advance:
        for finding in findings:
            known = some[finding].notna().to_numpy()
            truth = (some[finding] == 1).fillna(False).to_numpy(dtype=bool)[known]
            reason = _too_few(some[finding], groups)
            folds = None if reason else deal_folds(truth, groups[known], seed)
            for probe in features:
                cause = features[probe].reason if reason is None else reason
                row: dict[str, Any] = {"probe": probe, "finding": finding, "images": len(truth)}
                row["groups"] = len(np.unique(groups[known]))
                feature = features[probe]
                if probe == "view_age_sex" and own_columns and own_columns.get(finding):
                    feature = view_age_sex(some, own_columns[finding])
                    cause = feature.reason if reason is None else reason
                if feature.names:
                    row["columns"] = list(feature.names)
                measured = _measure(probe, feature, known, truth, groups, folds, level, cause)
                probes.append(convert(row | measured, Probe))
                advance(remark=finding)
    return {
        "images": len(rows),
        "sampled_from": len(manifest),
        "folds": FOLDS,
        "penalty": PENALTY,
        "seconds": round(time.perf_counter() - started, 2),
        "probes": probes,
        "verdict": worst(row["verdict"] for row in probes),
    }


def sample_groups(group_id: pd.Series, most: int, seed: int) -> NDArray[np.int64]:
    """Sample groups at random up to a number of images.

    Args:
        group_id: The group of each image, shape ``(n,)``.
        most: Maximum number of images.
        seed: Seed of the sample.

    Returns:
        Positions of the sampled images, ascending; all images if there are at most `most`.
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


def _too_few(labels: pd.Series, groups: NDArray[np.int64]) -> Reason | None:
    with_it = len(np.unique(groups[(labels == 1).fillna(False).to_numpy(dtype=bool)]))
    without = len(np.unique(groups[(labels == 0).fillna(False).to_numpy(dtype=bool)]))
    if min(with_it, without) >= MIN_GROUPS:
        return None
    return {"code": "too_few_groups", "values": {"positive": with_it, "negative": without, "needed": MIN_GROUPS}}


def deal_folds(truth: NDArray[np.bool_], groups: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Assign images to folds by group, stratified by label; return the fold of each image, shape ``(n,)``."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = np.zeros(len(truth), dtype=np.int64)
    dealer = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # scikit-learn warns of rare classes, which FEWEST_GROUPS excludes.
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
    reason: Reason | None,
) -> dict[str, Any]:
    estimate = None
    if reason is None and features.columns is not None and folds is not None:
        estimate = cross_validate(features.columns[known], truth, groups[known], folds, level)
        reason = None if estimate else {"code": "unequal_groups", "values": {}}
    if estimate is None:
        return {"auroc": None, "lower": None, "upper": None, "verdict": _unmeasured(reason), "reason": reason}
    return {
        "auroc": round(estimate.value, 6),
        "lower": round(estimate.lower, 6),
        "upper": round(estimate.upper, 6),
        "verdict": shortcut_verdict(probe, estimate.value, estimate.lower, estimate.upper),
        "reason": None,
    }


def _unmeasured(reason: Reason | None) -> Verdict:
    """Return the verdict of a probe without AUROC: what is equal for all images cannot be a shortcut."""
    return "none" if reason and reason["code"] in {"constant", "same_dimensions", "same_file"} else "inconclusive"


def cross_validate(
    columns: NDArray[np.float64],
    truth: NDArray[np.bool_],
    groups: NDArray[np.int64],
    folds: NDArray[np.int64],
    level: float = 0.95,
) -> Estimate | None:
    """Return the cross-validated AUROC of a logistic model, with folds of groups.

    Args:
        columns: Shape ``(n, columns)``.
        truth: Shape ``(n,)``.
        groups: The group of each image, shape ``(n,)``.
        folds: The fold of each image, shape ``(n,)``; a group is in one fold.
        level: Level of the interval, 0 to 1.

    Returns:
        The AUROC with its interval; None if no fold has both labels in training and test.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    score = np.zeros(len(truth))
    tested = np.zeros(len(truth), dtype=bool)
    for fold in np.unique(folds):
        held_out = folds == fold
        if len(np.unique(truth[held_out])) < 2 or len(np.unique(truth[~held_out])) < 2:
            continue
        model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=300))
        model.fit(columns[~held_out], truth[~held_out])
        score[held_out] = model.decision_function(columns[held_out])
        tested |= held_out
    if not tested.any():
        return None
    return auroc(truth[tested], score[tested], groups[tested], folds[tested], level, INSTABILITY)
