"""Splits that no patient straddles, and the one function that says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.errors import PlacaError
from placa.manifest import SPLITS

#: Shares of train, validation and test where the source brings no split of its own.
FRACTIONS = (0.70, 0.15, 0.15)


def assign_splits(
    manifest: pd.DataFrame,
    findings: list[str],
    seed: int = 0,
    fractions: tuple[float, ...] = FRACTIONS,
    names: tuple[str, ...] = SPLITS,
) -> pd.Series:
    """Deal whole groups to splits, so that each gets its share of images and of every finding.

    Groups are dealt one by one, those with the most images first and in random order among equals, each to the split
    that it leaves nearest to its wanted counts: a greedy form of iterative stratification (Sechidis, Tsoumakas and
    Vlahavas 2011), over groups.

    Args:
        manifest: Rows with ``group_id`` and the finding columns.
        findings: Columns to stratify by; missing values count as a class of their own.
        seed: Seed of the random order.
        fractions: Wanted share of the images for each name; they are scaled to sum to one.
        names: The splits to deal to.

    Returns:
        The split of every row, in the manifest's order.
    """
    share = np.asarray(fractions, dtype=float) / sum(fractions)
    strata: list[NDArray[np.float64]] = [np.ones(len(manifest))]
    for finding in findings:
        label = manifest[finding]
        strata += [(label == value).fillna(False).to_numpy().astype(float) for value in (1, 0)]
    codes, groups = pd.factorize(manifest["group_id"])
    counts = np.stack([np.bincount(codes, weights=column, minlength=len(groups)) for column in strata], axis=1)
    totals = np.maximum(counts.sum(axis=0), 1.0)
    relative = counts / totals
    random = np.random.default_rng(seed).permutation(len(groups))
    order = random[np.argsort(-counts[random, 0], kind="stable")]
    held = np.zeros((len(names), counts.shape[1]))
    wanted = share[:, None] * np.ones((1, counts.shape[1]))
    chosen = np.empty(len(groups), dtype=int)
    for group in order:
        # What the sum of squared distances changes by, relative to each split's size, if the group goes there.
        lack = wanted - held
        gain = ((lack**2 - (lack - relative[group]) ** 2) / wanted).sum(axis=1)
        chosen[group] = int(np.argmax(gain))
        held[chosen[group]] += relative[group]
    return pd.Series(np.asarray(names, dtype=object)[chosen[codes]], index=manifest.index, dtype="string")


def assert_disjoint(manifest: pd.DataFrame) -> None:
    """Refuse a table in which a patient or a group is in more than one split.

    Args:
        manifest: Rows with ``patient_id``, ``group_id`` and ``split``; missing patients are not compared.

    Raises:
        PlacaError: A row has no split or an unknown one, or a patient or group is on both sides.
    """
    odd = sorted(set(manifest["split"].fillna("none")) - set(SPLITS))
    if odd:
        raise PlacaError(f"Every image must be in one of the splits {', '.join(SPLITS)}, and some are in {odd[0]!r}.")
    for column, noun in (("patient_id", "patient"), ("group_id", "group")):
        known = manifest.loc[manifest[column].notna(), [column, "split"]].drop_duplicates()
        straddling = known[column][known[column].duplicated()].unique()
        if len(straddling):
            where = ", ".join(sorted(known.loc[known[column] == straddling[0], "split"]))
            raise PlacaError(
                f"No {noun} may be in more than one split, and {len(straddling)} are: {straddling[0]!r}, for one, is "
                f"in {where}. Figures from such data would be too good; prepare the data set again."
            )
