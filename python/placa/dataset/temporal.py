"""Split a data set by date: training before validation before test.

Dates are not stored. The manifest has the days since the first image of the patient, and numbered periods in the order
of time, by which an evaluation shows the performance over time.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.dataset.errors import TooFewDatesError
from placa.dataset.pixel_cache import drop_rows
from placa.dataset.splits import SplitMethod, SplitPlan
from placa.records.codes import Note
from placa.records.manifest import SPLITS
from placa.records.source import SplitFacts
from placa.sources.errors import ConflictingOptionsError

#: The smallest number of images per period, and the largest number of periods per split.
IMAGES_PER_PERIOD, MOST_PERIODS = 100, 12
_NO_DATE = "it has no date, so --split temporal cannot place it"
_LATE = "its patient has earlier images in another split, and it is from the time of the next split"


def split_set_by_date(
    manifest: pd.DataFrame,
    dates: pd.Series,
    plan: SplitPlan,
    unit: Literal["patient", "group"],
    cache: Path,
    rejected: list[tuple[str, str]],
) -> tuple[pd.DataFrame, SplitMethod]:
    """Split a data set by date, and remove the images without a place in time from its manifest and cache.

    Args:
        manifest: As for `split_by_date`.
        dates: As for `split_by_date`.
        plan: As for `split_by_date`; a list of test images is an error.
        unit: As for `split_by_date`.
        cache: The pixels, one row per row of `manifest`.
        rejected: Receives ``(path, reason)`` of the removed images.

    Raises:
        ConflictingOptionsError: `plan` has a list of test images.
        TooFewDatesError: The images have too few different dates.
    """
    if plan.test_list is not None:
        raise ConflictingOptionsError(
            "--test-list names the test images, and --split temporal chooses them by date. Omit one of the two.",
            option="--test-list",
            names=["--split temporal"],
        )
    manifest, method, reasons = split_by_date(manifest, dates, plan, unit)
    out = (reasons != "").to_numpy()
    if out.any():
        # A volume has several rows.
        rejected += dict(zip(manifest.loc[out, "path"], reasons[out], strict=True)).items()
        drop_rows(cache, ~out)
    return manifest[~out].reset_index(drop=True), method


def split_by_date(
    manifest: pd.DataFrame, dates: pd.Series, plan: SplitPlan, unit: Literal["patient", "group"] = "patient"
) -> tuple[pd.DataFrame, SplitMethod, pd.Series]:
    """Assign every image to a split by date.

    A patient belongs to the split of the first image. Later images of the patient, from the time of the next split, are
    left out, so that no training image is from the time of the test images.

    Args:
        manifest: A complete manifest; its column ``split`` is replaced.
        dates: The date of each image, in the order of `manifest`.
        plan: The shares of the splits. With shares of 0, 0 and 1, all images are test images.
        unit: What a group is.

    Returns:
        The manifest with ``split`` (missing for the images that are left out), ``days`` and ``period``; the method; and
        why each image is left out, ``""`` for the others.

    Raises:
        TooFewDatesError: The images have too few different dates.
    """
    days = pd.to_datetime(dates).dt.floor("D").reset_index(drop=True)
    known = days.notna()
    first = days.groupby(manifest["group_id"]).transform("min")
    split = pd.Series("test", index=manifest.index, dtype="string").mask(~known)
    late = pd.Series(False, index=manifest.index)
    shares = np.asarray(plan.fractions) / sum(plan.fractions)
    if not plan.all_test:
        begins = _begins(first[known], shares)
        split = pd.Series(pd.NA, index=manifest.index, dtype="string")
        for name, (begin, end) in zip(SPLITS, pairwise([days.min(), *begins, pd.Timestamp.max]), strict=True):
            inside = known & (first >= begin) & (first < end)
            split = split.mask(inside, name)
            late |= inside & (days >= end)
        split = split.mask(late)
    patient = manifest["patient_id"].fillna(manifest["group_id"])
    out = manifest.assign(
        split=split,
        days=(days - days.groupby(patient).transform("min")).dt.days.astype("float64"),
        period=_periods(days, split),
    )
    reasons = pd.Series("", index=manifest.index).mask(~known, _NO_DATE).mask(late, _LATE)
    notes = []
    if late.any():
        text = f"images of patients of an earlier split, from the time of a later one: {int(late.sum()):,}; left out"
        notes.append(Note(text, "images_after_split", images=int(late.sum())))
    facts: SplitFacts = {
        "given": None,
        "unit": None if plan.all_test else unit,
        "seed": plan.seed,
        "fractions": [round(float(share), 6) for share in shares],
        "temporal": True,
    }
    return out, SplitMethod(facts, notes), reasons


def _begins(first: pd.Series, shares: NDArray[np.float64]) -> list[pd.Timestamp]:
    """Return the first dates of validation and test, by the share of the images that are before them."""
    counts = first.value_counts().sort_index()
    if len(counts) < len(SPLITS):
        raise TooFewDatesError(
            f"--split temporal needs {len(SPLITS)} dates or more, but the patients begin on {len(counts)}. Use another "
            "split.",
            dates=len(counts),
            least=len(SPLITS),
        )
    before = (counts.cumsum() - counts).to_numpy() / counts.sum()
    validation = 1 + int(np.argmin(np.abs(before[1:-1] - shares[0])))
    test = validation + 1 + int(np.argmin(np.abs(before[validation + 1 :] - shares[:2].sum())))
    return [counts.index[validation], counts.index[test]]


def _periods(days: pd.Series, split: pd.Series) -> pd.Series:
    """Number periods of about equal numbers of images within each split; images of one date are in one period."""
    out = pd.Series(pd.NA, index=days.index, dtype="Int64")
    number = 0
    for name in SPLITS:
        chosen = days[split == name]
        if chosen.empty:
            continue
        count = min(max(len(chosen) // IMAGES_PER_PERIOD, 1), MOST_PERIODS)
        part = np.ceil(chosen.rank(method="average", pct=True) * count)
        codes, _ = pd.factorize(part, sort=True)
        out[chosen.index] = codes + number + 1
        number = int(out[chosen.index].max())
    return out.astype("string")
