"""Draw training images so that shortcuts predict their labels less well."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.audit.probes import PROBES, all_features
from placa.audit.shortcuts import deal_folds
from placa.training.data import TrainingData
from placa.training.measures import measures_of

#: Inverse strength of the L2 penalty of the shortcut model, and least probability of a draw, relative to the mean.
_PENALTY = 0.02
_LEAST = 0.1


def draw_probabilities(
    data: TrainingData, rows: NDArray[np.int64], resist: str, seed: int
) -> NDArray[np.float64] | None:
    """Return the probability by which each training row is drawn; None for equal ones.

    ``weights``: an image whose label a model of shortcuts (the audit's probes, cross-fitted by group) predicts well is
    drawn rarely, in proportion to the probability of its other label (overlap weights, Li, Morgan and Zaslavsky 2018,
    doi:10.1080/01621459.2016.1260466). Among the drawn images, the shortcuts predict the label less well.
    ``views``: both labels of each view and site are drawn equally often.

    Args:
        data: The data set.
        rows: The training rows.
        resist: Measures.
        seed: Seed of the folds.

    Returns:
        Shape ``(rows,)``, with sum 1. Each class of each finding has the same total as among `rows`, on average.
    """
    measures = measures_of(resist)
    if not {"weights", "views"} & set(measures):
        return None
    images = data.manifest.iloc[rows].reset_index(drop=True)
    weights = np.ones(len(rows))
    if "weights" in measures:
        columns = _shortcut_columns(data, rows)
        if columns is not None:
            weights *= _mean_over_findings(
                images, data.findings, lambda truth, known: _overlap(columns[known], truth, images[known], seed)
            )
    if "views" in measures:
        place = images["view"].fillna("") + "\0" + images["site"].fillna("")
        weights *= _mean_over_findings(
            images, data.findings, lambda truth, known: _balanced(truth, place[known].reset_index(drop=True))
        )
    weights = np.maximum(weights, _LEAST * weights.mean())
    truth = data.truth[rows, 0]
    for label in (0, 1):
        # Of the first finding; the others are mixed.
        of_label = truth == label
        if of_label.any():
            weights[of_label] *= of_label.sum() / weights[of_label].sum()
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities


def _shortcut_columns(data: TrainingData, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    features = all_features(data.manifest, data.pixels, rows)
    # View, age and sex are known to the reader of a radiograph; they are no shortcut of the files.
    parts = [features[probe].columns for probe in PROBES if probe != "view_age_sex"]
    found = [part for part in parts if part is not None]
    return np.concatenate(found, axis=1) if found else None


def _mean_over_findings(
    images: pd.DataFrame,
    findings: list[str],
    weigh: Callable[[NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    total, counted = np.zeros(len(images)), np.zeros(len(images))
    for finding in findings:
        known = images[finding].notna().to_numpy()
        truth = (images[finding] == 1).fillna(False).to_numpy(dtype=bool)[known]
        if len(np.unique(truth)) < 2:
            continue
        total[known] += weigh(truth, known)
        counted[known] += 1
    return np.where(counted > 0, total / np.maximum(counted, 1), 1.0)


def _overlap(
    columns: NDArray[np.float64], truth: NDArray[np.bool_], images: pd.DataFrame, seed: int
) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    groups = pd.factorize(images["group_id"])[0].astype(np.int64)
    folds = deal_folds(truth, groups, seed)
    positive = np.full(len(truth), truth.mean())
    with threadpool_limits(1):
        for fold in np.unique(folds):
            held_out = folds == fold
            if len(np.unique(truth[~held_out])) < 2:
                continue
            model = make_pipeline(StandardScaler(), LogisticRegression(C=_PENALTY, max_iter=500))
            model.fit(columns[~held_out], truth[~held_out])
            positive[held_out] = model.predict_proba(columns[held_out])[:, 1]
    other = np.where(truth, 1 - positive, positive)
    weights: NDArray[np.float64] = other / other.mean()
    return weights


def _balanced(truth: NDArray[np.bool_], place: pd.Series) -> NDArray[np.float64]:
    cell = place + "\0" + pd.Series(truth).astype(str)
    weights = 1 / cell.map(cell.value_counts()).to_numpy(dtype=float)
    result: NDArray[np.float64] = weights / weights.mean()
    return result
