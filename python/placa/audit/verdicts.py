"""Rules for the verdicts of the audit; docs/audit.md documents them."""

from __future__ import annotations

from collections.abc import Iterable

from placa.records.codes import Verdict

ORDER: tuple[Verdict, ...] = ("none", "inconclusive", "some", "strong")

#: Minimum AUROC, and bound that its lower limit must exceed, for the verdicts ``some`` and ``strong``.
SOME_AUROC, SOME_LOWER = 0.60, 0.50
STRONG_AUROC, STRONG_LOWER = 0.75, 0.60
#: A thumbnail and a histogram include the lungs coarsely: an effusion brightens both, so an AUROC above 0.5 may be
#: caused by the disease. They are ``some`` only if the lower limit exceeds this.
LUNG_PROBES_LOWER = 0.60
PROBES_WITH_LUNGS = frozenset({"histogram", "thumbnail"})

#: Standardised differences: 0.1 is relevant (Austin 2009); from 0.25, adjustment is unreliable (Stuart 2010).
SOME_SHIFT, STRONG_SHIFT = 0.10, 0.25

#: Shares of test images with a duplicate in training or validation.
SOME_DUPLICATES, STRONG_DUPLICATES = 0.001, 0.02


def worst(verdicts: Iterable[str]) -> Verdict:
    """Return the worst of the given verdicts; ``none`` if there are none."""
    return ORDER[max((ORDER.index(verdict) for verdict in verdicts), default=0)]


def shortcut_verdict(probe: str, auroc: float, lower: float, upper: float) -> Verdict:
    """Return the verdict on how well a simple property predicts a label.

    Args:
        probe: The probe; the bound is higher for probes that include the lungs coarsely.
        auroc: The AUROC of the probe.
        lower, upper: The limits of its simultaneous interval.

    Returns:
        ``none`` only if the interval rules out a strong shortcut.
    """
    if auroc >= STRONG_AUROC and lower > STRONG_LOWER:
        return "strong"
    bound = LUNG_PROBES_LOWER if probe in PROBES_WITH_LUNGS else SOME_LOWER
    if auroc >= SOME_AUROC and lower > bound:
        return "some"
    return "none" if upper < STRONG_AUROC else "inconclusive"


def shift_verdict(size: float | None, lower: float, upper: float) -> Verdict:
    """Return the verdict on a difference between training and test.

    Args:
        size: The standardised difference; None or NaN if undefined.
        lower, upper: The limits of its simultaneous interval.

    Returns:
        ``none`` only if the interval rules out a strong difference.
    """
    if size is not None and abs(size) >= SOME_SHIFT and not lower <= 0 <= upper:
        return "strong" if abs(size) >= STRONG_SHIFT else "some"
    return "none" if max(abs(lower), abs(upper)) < STRONG_SHIFT else "inconclusive"


def leakage_verdict(straddling: int, duplicated: float, telling: int, compared: bool = True) -> Verdict:
    """Return the verdict on leakage.

    Args:
        straddling: Patients or groups in more than one split.
        duplicated: Share of test images, 0 to 1, with an exact or near duplicate in training or validation.
        telling: File and folder names that predict the label, unless the labels are the folder names.
        compared: Whether there are training images with which the test images were compared.
    """
    if straddling or duplicated >= STRONG_DUPLICATES:
        return "strong"
    if telling or duplicated >= SOME_DUPLICATES:
        return "some"
    return "none" if compared else "inconclusive"
