"""Say before training how precisely the test images can measure an AUROC."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from placa.core.language import number, translate
from placa.core.progress import Progress
from placa.records.manifest import SPLITS

#: The AUROC for which the width is stated, and the correlation of two images of a patient (as in R's
#: `plan_validation()`).
AUROC, CORRELATION = 0.85, 0.2


def auroc_width(positives: int, negatives: int, images_per_group: float = 1.0, auroc: float = AUROC) -> float | None:
    """Return the expected width of a 95 % interval of the AUROC (Pavlou et al. 2021, doi:10.1177/09622802211007522).

    Args:
        positives, negatives: Numbers of images.
        images_per_group: Mean number of images of a patient or group.
        auroc: The AUROC, 0.5 to 1.

    Returns:
        The width; None if a class has no image.
    """
    from scipy.special import ndtri, owens_t

    if not positives or not negatives:
        return None
    kernel = auroc - 2 * owens_t(-ndtri(auroc), 1 / math.sqrt(3)) - auroc**2
    effect = 1 + (images_per_group - 1) * CORRELATION
    return float(2 * ndtri(0.975) * math.sqrt(kernel * (1 / positives + 1 / negatives) * effect))


def describe_precision(test: pd.DataFrame, findings: Sequence[str]) -> str | None:
    """Describe what width the test images allow for the finding with the widest interval; None without both classes.

    Args:
        test: The test images, with ``group_id`` and the findings.
        findings: The finding columns.
    """
    per_group = len(test) / max(1, test["group_id"].nunique())
    widths = {
        name: auroc_width(int((test[name] == 1).sum()), int((test[name] == 0).sum()), per_group) for name in findings
    }
    known = {name: width for name, width in widths.items() if width is not None}
    if not known:
        return None
    name, width = max(known.items(), key=lambda item: item[1])
    return translate(
        "the test images allow a 95 % interval of about ±{half} for an AUROC of {auroc} of {finding} "
        "(R's plan_validation() plans a larger set)",
        half=number(width / 2, 2),
        auroc=number(AUROC, 2),
        finding=name,
    )


def report_splits(manifest: pd.DataFrame, findings: Sequence[str], progress: Progress) -> None:
    """Print the size of each split, and what width the test images allow.

    Args:
        manifest: All images, with ``split``, ``group_id`` and the findings.
        findings: The finding columns.
        progress: Prints the lines.
    """
    for name in SPLITS:
        rows = manifest[manifest["split"] == name]
        counts = ", ".join(f"{int((rows[finding] == 1).sum()):,} {finding}" for finding in findings)
        progress.say(translate("{split}: {n} images, {counts}", split=translate(name), n=len(rows), counts=counts))
    if precision := describe_precision(manifest[manifest["split"] == "test"], findings):
        progress.say(precision)
