"""Measure the differences between training and test images."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.audit.intervals import Estimate, Floats, bonferroni_level, clustered_mean, proportion, quantile
from placa.audit.verdicts import shift_verdict, worst
from placa.records.audit import Difference, Shift, Side

#: Minimum number of groups on each side for a verdict.
MIN_GROUPS = 10
_Side = tuple[Floats, NDArray[np.int64]]
#: Name of the comparison, finding or None, values and groups of each side, and whether the values are shares.
_What = Literal["prevalence", "ap", "female", "age", "images_per_patient"]
_Item = tuple[_What, str | None, list[_Side], bool]


def describe(rows: pd.DataFrame, findings: list[str], group: str = "group_id") -> Side:
    """Describe the images of one side.

    Args:
        rows: Images with `group`, ``age`` (years), ``sex``, ``view`` and the findings.
        findings: The finding columns.
        group: The column of patients or groups.

    Returns:
        ``images``, ``groups``, ``images_per_group``, ``prevalence`` by finding, ``age_median`` (years), ``female`` and
        ``ap`` (shares of the known values); None if all values are missing.
    """
    groups = int(rows[group].nunique())
    return {
        "images": len(rows),
        "groups": groups,
        "images_per_group": number(len(rows) / groups if groups else np.nan),
        "prevalence": {finding: number(rows[finding].mean()) for finding in findings},
        "age_median": number(rows["age"].dropna().median() if rows["age"].notna().any() else np.nan),
        "female": number((rows["sex"].dropna() == "F").mean()),
        "ap": number((rows["view"].dropna() == "AP").mean()),
    }


def number(value: Any) -> float | None:
    """Return a rounded float for JSON, or None for NaN and infinity."""
    return None if pd.isna(value) or not np.isfinite(value) else round(float(value), 6)


def find_shift(train: pd.DataFrame, test: pd.DataFrame, findings: list[str], group: str = "group_id") -> Shift | None:
    """Compare prevalence, view, sex, age and images per patient of two sides.

    Args:
        train, test: Images with `group`, ``age``, ``sex``, ``view`` and the findings.
        findings: The finding columns.
        group: The column of patients or groups.

    Returns:
        The description of both sides, and one row per comparison: the value of each side, the ``difference`` (test
        minus train) and the standardised ``size``, with their intervals, with groups as the unit. None if a side has no
        image. The intervals have a simultaneous level of 95 % (Bonferroni). Ages are compared by their means, in years.
    """
    if train.empty or test.empty:
        return None
    items = [item for item in _items(train, test, findings, group) if min(len(values) for values, _ in item[2])]
    level = bonferroni_level(len(items))
    rows = [_row(item, level) for item in items]
    return {
        "train": describe(train, findings, group),
        "test": describe(test, findings, group),
        "rows": rows,
        "verdict": worst(row["verdict"] for row in rows),
    }


def _items(train: pd.DataFrame, test: pd.DataFrame, findings: list[str], group: str) -> list[_Item]:
    def sides(column: str, positive: str | int | None) -> list[_Side]:
        parts: list[_Side] = []
        for side in (train, test):
            known = side[side[column].notna()]
            values = known[column] if positive is None else known[column] == positive
            codes = pd.factorize(known[group])[0].astype(np.int64)
            parts.append((np.asarray(values.to_numpy(dtype=np.float64), dtype=np.float64), codes))
        return parts

    items: list[_Item] = [("prevalence", finding, sides(finding, 1), True) for finding in findings]
    items.append(("ap", None, sides("view", "AP"), True))
    items.append(("female", None, sides("sex", "F"), True))
    items.append(("age", None, sides("age", None), False))
    counts: list[_Side] = []
    for side in (train, test):
        sizes = np.asarray(side[group].value_counts().to_numpy(), dtype=np.float64)
        counts.append((sizes, np.arange(len(sizes), dtype=np.int64)))
    if max(sizes.max(initial=0) for sizes, _ in counts) > 1:
        items.append(("images_per_patient", None, counts, False))
    return items


def _row(item: _Item, level: float) -> Difference:
    what, finding, (train, test), share = item
    compare = _shares if share else _means
    value, size = compare(train, test, level)
    few = min(len(np.unique(groups)) for _, groups in (train, test)) < MIN_GROUPS
    return {
        "what": what,
        "finding": finding,
        "train": number(train[0].mean()),
        "test": number(test[0].mean()),
        "difference": number(value.value),
        "lower": number(value.lower),
        "upper": number(value.upper),
        "size": number(size.value),
        "size_lower": number(size.lower),
        "size_upper": number(size.upper),
        "verdict": "inconclusive" if few else shift_verdict(size.value, size.lower, size.upper),
    }


def _shares(train: _Side, test: _Side, level: float) -> tuple[Estimate, Estimate]:
    """Compare two shares: their difference and Cohen's (1988) h, which is larger for 3 and 10 % than for 43 and 50 %.

    The interval combines Wilson's intervals of both shares (Newcombe 1998), and has a width where both are 0 or 1.
    """
    of_train, of_test = (proportion(values == 1, groups, level) for values, groups in (train, test))
    return _subtract(of_test, of_train), _subtract(_arcsine(of_test), _arcsine(of_train))


def _arcsine(share: Estimate) -> Estimate:
    return Estimate(*(float(2 * np.arcsin(np.sqrt(part))) for part in (share.value, share.lower, share.upper)))


def _subtract(test: Estimate, train: Estimate) -> Estimate:
    value = test.value - train.value
    below = np.hypot(test.value - test.lower, train.upper - train.value)
    above = np.hypot(test.upper - test.value, train.value - train.lower)
    return Estimate(value, float(value - below), float(value + above))


def _means(train: _Side, test: _Side, level: float) -> tuple[Estimate, Estimate]:
    """Compare two means: their difference, and the same in standard deviations (Cohen's d)."""
    (of_train, train_variance), (of_test, test_variance) = clustered_mean(*train), clustered_mean(*test)
    reach = quantile(level) * float(np.sqrt(train_variance + test_variance))
    value = of_test - of_train
    spread = float(np.sqrt((train[0].var() + test[0].var()) / 2)) or np.nan
    parts = (value, value - reach, value + reach)
    return Estimate(*parts), Estimate(*(part / spread for part in parts))
