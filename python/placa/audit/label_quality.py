"""Measure the agreement of two sources of labels, and count the labels of a source under each policy."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from msgspec import convert

from placa.audit.intervals import Estimate, proportion
from placa.records.audit import LabelQuality, PolicyCounts
from placa.records.source import LabelPolicy

#: What uncertain labels, and findings that are not mentioned, can mean.
_UNCERTAIN, _BLANK = ("negative", "positive", "unknown", "drop"), ("negative", "unknown")


def label_quality(labels: pd.DataFrame, other: pd.DataFrame, label_source: str) -> list[LabelQuality]:
    """Compare labels with a reference, for each finding that both have.

    Args:
        labels: ``image_id`` and one column per finding: 1, 0 or missing.
        other: The reference: ``image_id``, ``patient_id``, ``finding``, ``label_source``, ``subset`` and ``truth``.
        label_source: Origin of `labels`, in words.

    Returns:
        One row per finding and reference over all images (``subset`` None), and one per named subset: the four counts,
        ``agreement``, Cohen's (1960) ``kappa``, and ``ppv`` and ``sensitivity`` of the labels with the reference as
        truth. ``agreement``, ``ppv`` and ``sensitivity`` have 95 % intervals: Wilson's for the effective sample size
        with patients as the unit (`placa.audit.intervals.proportion`). Undefined values are None.
    """
    rows: list[LabelQuality] = []
    shared = [finding for finding in other["finding"].dropna().unique() if finding in labels]
    for (reference, finding), rated in other.groupby(["label_source", "finding"], sort=False, dropna=False):
        if finding not in shared:
            continue
        both = rated.merge(labels[["image_id", finding]].rename(columns={finding: "label"}), on="image_id")
        both = both[both["label"].notna() & both["truth"].notna()]
        subsets = [str(name) for name in both["subset"].dropna().unique()]
        for subset in [None, *sorted(subsets)]:
            some = both if subset is None else both[both["subset"] == subset]
            if len(some):
                named = {"finding": str(finding), "labels": label_source, "reference": str(reference), "subset": subset}
                rows.append(convert(named | _compare(some), LabelQuality))
    return rows


def _compare(both: pd.DataFrame) -> dict[str, Any]:
    label = (both["label"] == 1).to_numpy(dtype=bool)
    truth = (both["truth"] == 1).to_numpy(dtype=bool)
    # An image of an unknown patient is a group of its own.
    patients = pd.factorize(both["patient_id"].astype("string").fillna(both["image_id"].astype("string")))[0]
    groups = patients.astype(np.int64)
    n = len(both)
    chance = float(label.mean() * truth.mean() + (1 - label.mean()) * (1 - truth.mean()))
    same = label == truth
    return {
        "images": n,
        "patients": len(np.unique(groups)),
        "both": int((label & truth).sum()),
        "labels_only": int((label & ~truth).sum()),
        "reference_only": int((~label & truth).sum()),
        "neither": int((~label & ~truth).sum()),
        **_named("agreement", proportion(same, groups)),
        "kappa": round((float(same.mean()) - chance) / (1 - chance), 6) if chance < 1 else None,
        **_named("ppv", proportion(truth[label], groups[label]) if label.any() else None),
        **_named("sensitivity", proportion(label[truth], groups[truth]) if truth.any() else None),
    }


def _named(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    if estimate is None:
        return {name: None, f"{name}_lower": None, f"{name}_upper": None}
    return {
        name: round(estimate.value, 6),
        f"{name}_lower": round(estimate.lower, 6),
        f"{name}_upper": round(estimate.upper, 6),
    }


def count_policies(policy: LabelPolicy) -> list[PolicyCounts]:
    """Return one row per finding and policy, from the labels as written."""
    return [
        {
            "finding": written["finding"],
            "uncertain": uncertain,
            "blank": blank,
            "positive": written["positive"] + written["uncertain"] * (uncertain == "positive"),
            "negative": written["negative"]
            + written["uncertain"] * (uncertain == "negative")
            + written["blank"] * (blank == "negative"),
            "unknown": written["unknown"]
            + written["uncertain"] * (uncertain in ("unknown", "drop"))
            + written["blank"] * (blank == "unknown"),
            "used": (uncertain, blank) == (policy["uncertain"], policy["blank"]),
        }
        for written in policy["written"]
        for uncertain, blank in product(
            _UNCERTAIN if policy["uncertain"] else (None,), _BLANK if policy["blank"] else (None,)
        )
    ]
