"""What could make a figure from this data set too good: leakage across splits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from placa.manifest import SPLITS


def audit_manifest(manifest: pd.DataFrame, findings: list[str], seed: int = 0) -> dict[str, Any]:
    """Look for leakage, and describe what each split holds.

    Args:
        manifest: A complete manifest with its splits.
        findings: Its finding columns.
        seed: Seed of the image-wise split that is imagined for comparison.

    Returns:
        ``patients_across_splits`` and ``groups_across_splits`` (counts, which `assert_disjoint` wants at 0),
        ``image_wise_split_would_leak`` (the share, 0 to 1, of test images whose patient or group would also be in
        training under an 80/20 split of single images), and per split ``images``, ``groups``, ``images_per_group``,
        ``prevalence`` by finding, ``age_median`` (years), ``female`` and ``ap`` (shares of those known).
    """
    return {
        "schema_version": 1,
        "patients_across_splits": _straddling(manifest, "patient_id"),
        "groups_across_splits": _straddling(manifest, "group_id"),
        "image_wise_split_would_leak": _image_wise_leak(manifest["group_id"], seed),
        "splits": {name: _describe(manifest[manifest["split"] == name], findings) for name in SPLITS},
    }


def _straddling(manifest: pd.DataFrame, column: str) -> int:
    return int((manifest.dropna(subset=[column]).groupby(column)["split"].nunique() > 1).sum())


def _image_wise_leak(groups: pd.Series, seed: int, share: float = 0.2) -> float:
    test = np.random.default_rng(seed).random(len(groups)) < share
    if not test.any():
        return 0.0
    return float(groups[test].isin(groups[~test]).mean())


def _describe(rows: pd.DataFrame, findings: list[str]) -> dict[str, Any]:
    groups = int(rows["group_id"].nunique())
    return {
        "images": len(rows),
        "groups": groups,
        "images_per_group": _number(len(rows) / groups if groups else np.nan),
        "prevalence": {finding: _number(rows[finding].mean()) for finding in findings},
        "age_median": _number(rows["age"].dropna().median() if rows["age"].notna().any() else np.nan),
        "female": _number((rows["sex"].dropna() == "F").mean()),
        "ap": _number((rows["view"].dropna() == "AP").mean()),
    }


def _number(value: Any) -> float | None:
    """A float for JSON, which has no NaN."""
    return None if pd.isna(value) else round(float(value), 6)
