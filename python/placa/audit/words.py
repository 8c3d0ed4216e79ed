"""What each verdict means for the figures of a model, in one plain sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

PROBE_NAMES = {
    "view_age_sex": "view, age, sex",
    "file": "file size, format",
    "dimensions": "dimensions",
    "histogram": "histogram",
    "frame": "outer frame",
    "thumbnail": "4x4 thumbnail",
}

SHIFT_NAMES = {
    "ap": "view AP",
    "female": "female",
    "age": "age, mean years",
    "images_per_patient": "images a patient",
}

LEAKAGE_MEANS = {
    "none": "Nothing was found by which the model could know a test image before it is tested.",
    "some": "A little of the test set can be known from training or from names: figures may be slightly too good.",
    "strong": "Part of the test set was seen in training: figures from it are too good and must not be reported.",
}

SHIFT_MEANS = {
    "none": "Training and test images are alike in what was compared: figures hold for images like these, and say "
    "nothing of others.",
    "some": "Test images differ from training images: calibration, PPV and NPV may be off on one of them.",
    "strong": "Test images are a different mix from training images: calibration, PPV and NPV do not carry over from "
    "one to the other, and thresholds chosen on validation may miss their aim on test.",
}

_SHORTCUT_MEANS = {
    "none": "None shown: no probe tells a label for certain. With few patients that rules little out.",
    "some": "Some: part of a model's AUROC can come from this, without the lungs.",
    "strong": "Strong: a model may reach AUROC {auroc:.2f} ({finding}) without looking at the lungs; figures from this "
    "data set cannot be told apart from that.",
}


def shortcut_means(probes: Iterable[dict[str, Any]]) -> list[str]:
    """Say what the verdicts on shortcuts mean: a sentence for each verdict that occurs, the gravest first.

    Args:
        probes: ``shortcuts.probes`` of audit.json.
    """
    measured = [row for row in probes if row["auroc"] is not None]
    if not measured:
        return ["Nothing could be measured: there are too few images or patients, or nothing that differs."]
    lines = []
    for verdict in ("strong", "some"):
        of_it = [row for row in measured if row["verdict"] == verdict]
        if of_it:
            highest = max(of_it, key=lambda row: row["auroc"])
            lines.append(_SHORTCUT_MEANS[verdict].format(auroc=highest["auroc"], finding=highest["finding"]))
    return lines or [_SHORTCUT_MEANS["none"]]
