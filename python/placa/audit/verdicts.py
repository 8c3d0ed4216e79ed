"""How grave a finding of the audit is, by rules that are written down: here, and in docs/audit.md."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Verdict = Literal["none", "some", "strong"]
ORDER: tuple[Verdict, ...] = ("none", "some", "strong")

#: What an AUROC must reach, and what its lower limit must exceed, for a shortcut to be called some or strong.
SOME_AUROC, SOME_LOWER = 0.60, 0.50
STRONG_AUROC, STRONG_LOWER = 0.75, 0.60
#: A thumbnail and a histogram hold the lungs too, if coarsely: an effusion whitens a corner of either, so an AUROC
#: above 0.5 may be the disease itself. They are called some only where the lower limit exceeds this.
SEEING_LOWER = 0.60
SEEING = frozenset({"histogram", "thumbnail"})

#: Standardised differences: 0.1 is noticed (Austin 2009), from 0.25 on adjustment can't be relied on (Stuart 2010).
SOME_SHIFT, STRONG_SHIFT = 0.10, 0.25

#: Shares of test images that have a duplicate in training or validation.
SOME_DUPLICATES, STRONG_DUPLICATES = 0.001, 0.02


def worst(verdicts: Iterable[str]) -> Verdict:
    """The gravest of some verdicts; none where there are none."""
    return ORDER[max((ORDER.index(verdict) for verdict in verdicts), default=0)]


def shortcut_verdict(probe: str, auroc: float, lower: float) -> Verdict:
    """Judge how well a label is told without the lungs.

    Args:
        probe: Which probe; those that see the lungs coarsely are judged more leniently.
        auroc: Its AUROC.
        lower: The lower limit of an interval that holds together with those of all other probes.
    """
    if auroc >= STRONG_AUROC and lower > STRONG_LOWER:
        return "strong"
    bar = SEEING_LOWER if probe in SEEING else SOME_LOWER
    return "some" if auroc >= SOME_AUROC and lower > bar else "none"


def shift_verdict(size: float | None, lower: float, upper: float) -> Verdict:
    """Judge a difference between training and test.

    Args:
        size: The difference, standardised; None where it cannot be.
        lower, upper: Its interval, that holds together with those of all other differences.
    """
    if size is None or lower <= 0 <= upper or abs(size) < SOME_SHIFT:
        return "none"
    return "strong" if abs(size) >= STRONG_SHIFT else "some"


def leakage_verdict(straddling: int, duplicated: float, telling: int) -> Verdict:
    """Judge what leaks.

    Args:
        straddling: Patients or groups in more than one split.
        duplicated: Share of test images, 0 to 1, with an exact or near duplicate in training or validation.
        telling: File names and folders that spell the label although the labels were not made from them.
    """
    if straddling or duplicated >= STRONG_DUPLICATES:
        return "strong"
    return "some" if telling or duplicated >= SOME_DUPLICATES else "none"
