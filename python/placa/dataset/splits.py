"""Splits that no patient straddles, and the one function that says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.dataset.errors import (
    EmptyTestSetError,
    NoTrainingImagesError,
    PatientInTwoSplitsError,
    SplitSharesError,
    UnknownSplitError,
)
from placa.records.manifest import SPLITS

#: Shares of train, validation and test where nobody asks for others.
FRACTIONS = (0.70, 0.15, 0.15)


@dataclass(frozen=True)
class SplitPlan:
    """How a data set is to be split.

    Attributes:
        seed: Seed of what is left to chance.
        fractions: Wanted shares of the images in train, validation and test; they are scaled to sum to one.
        test_list: A file that names the test images or patients, one a line; the rest is dealt to training and
            validation. It goes before a split that the source brings.
    """

    seed: int = 0
    fractions: tuple[float, float, float] = FRACTIONS
    test_list: Path | None = None

    def __post_init__(self) -> None:
        if min(self.fractions) <= 0:
            given = " ".join(f"{share:g}" for share in self.fractions)
            message = (
                f"The shares of train, validation and test must each be above 0, such as 70 15 15, and {given} came."
            )
            raise SplitSharesError(message, fractions=list(self.fractions))


@dataclass(frozen=True)
class SplitMethod:
    """How a data set was split, to write down.

    Attributes:
        text: In words.
        facts: For the manifest's metadata: ``split_method``, ``split_seed``, ``fractions``, ``test_list``.
        notes: Remarks that the user should read.
    """

    text: str
    facts: dict[str, Any]
    notes: list[str]


def split_images(
    manifest: pd.DataFrame, findings: list[str], plan: SplitPlan, given_split: str, unit: str = "patient-wise"
) -> tuple[pd.Series, SplitMethod]:
    """Give every image its split: as the plan's list or the manifest's own column says, the rest dealt by lot.

    Args:
        manifest: A complete manifest. Where its ``split`` is missing, or where nobody named a validation image, the
            images that are not test are dealt to training and validation.
        findings: Its finding columns.
        plan: What was asked for.
        given_split: Who gave the manifest's own ``split``, in words.
        unit: What was kept whole, in words.

    Returns:
        The split of every row, and how it came about.

    Raises:
        EmptyTestSetError: The list names nothing of the manifest.
        NoTrainingImagesError: It names everything.
    """
    split = manifest["split"].copy()
    notes: list[str] = []
    if plan.test_list is not None:
        split, notes = _by_list(manifest, plan.test_list)
        given_split = "given test list"
    facts: dict[str, Any] = {
        "split_seed": plan.seed,
        "fractions": [round(share / sum(plan.fractions), 6) for share in plan.fractions],
        "test_list": plan.test_list.name if plan.test_list else None,
    }
    by_lot = f"{unit}, stratified by finding, seed {plan.seed}"
    if split.isna().all():
        split = assign_splits(manifest, findings, plan.seed, plan.fractions)
        return split, SplitMethod(by_lot, {"split_method": by_lot, **facts}, notes)
    if not (split == "validation").any():
        split = split.mask(split == "train")
    open_rows = split.isna()
    if open_rows.any():
        names = SPLITS[:2]
        split[open_rows] = assign_splits(manifest[open_rows], findings, plan.seed, plan.fractions[:2], names)
        text = f"{given_split}; training and validation {by_lot}"
    else:
        text = given_split
    return split, SplitMethod(text, {"split_method": text, **facts}, notes)


def _by_list(manifest: pd.DataFrame, path: Path) -> tuple[pd.Series, list[str]]:
    from placa.sources.tables import read_list

    wanted = set(read_list(path))
    names = [manifest["image_id"], manifest["path"].map(lambda file: Path(file).name), manifest["patient_id"]]
    test = pd.concat([column.isin(wanted) for column in names], axis=1).any(axis=1)
    if not test.any():
        raise EmptyTestSetError(
            f"{path} names none of the {len(manifest):,} images: image ids, file names or patients were expected, one "
            f"a line, such as {manifest['image_id'].iloc[0]!r}.",
            file=str(path),
            images=len(manifest),
        )
    if test.all():
        message = f"{path} names every image, and some must be left for training."
        raise NoTrainingImagesError(message, file=str(path), images=len(manifest))
    known = set().union(*(column.dropna() for column in names))
    absent = len(wanted - known)
    split = pd.Series(pd.NA, index=manifest.index, dtype="string").mask(test, "test")
    return split, [f"{absent:,} lines of {path.name} name no image of this data set"] if absent else []


def assign_splits(
    manifest: pd.DataFrame,
    findings: list[str],
    seed: int = 0,
    fractions: tuple[float, ...] = FRACTIONS,
    names: tuple[str, ...] = SPLITS,
) -> pd.Series:
    """Deal whole groups to splits, so that each gets its share of images, of groups and of every finding.

    Groups are dealt one by one in random order, larger ones rather early than late, each to the split that it leaves
    nearest to its wanted counts: a greedy form of iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011),
    over groups.

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
    # Each split gets its share of the groups too, or the small ones, dealt last, would gather in the small splits.
    counts = np.column_stack([counts, np.ones(len(groups))])
    totals = np.maximum(counts.sum(axis=0), 1.0)
    relative = counts / totals
    # The largest first, for the small ones can still even out what those upset; but only by and large, or few groups
    # of different sizes would be dealt alike whatever the seed, the smallest always to the same split.
    random = np.random.default_rng(seed)
    order = np.argsort(-counts[:, 0] * random.uniform(0.5, 1.5, len(groups)), kind="stable")
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
        UnknownSplitError: A row has no split or an unknown one.
        PatientInTwoSplitsError: A patient or group is on both sides.
    """
    odd = sorted(set(manifest["split"].fillna("none")) - set(SPLITS))
    if odd:
        message = f"Every image must be in one of the splits {', '.join(SPLITS)}, and some are in {odd[0]!r}."
        raise UnknownSplitError(message, split=odd[0], known=list(SPLITS))
    for column, noun in (("patient_id", "patient"), ("group_id", "group")):
        known = manifest.loc[manifest[column].notna(), [column, "split"]].drop_duplicates()
        straddling = known[column][known[column].duplicated()].unique()
        if len(straddling):
            splits = sorted(known.loc[known[column] == straddling[0], "split"])
            where = ", ".join(splits)
            raise PatientInTwoSplitsError(
                f"No {noun} may be in more than one split, and {len(straddling)} are: {straddling[0]!r}, for one, is "
                f"in {where}. Figures from such data would be too good; prepare the data set again.",
                unit=noun,
                name=str(straddling[0]),
                splits=splits,
                count=len(straddling),
            )
