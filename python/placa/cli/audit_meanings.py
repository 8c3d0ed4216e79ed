"""The meaning of each verdict for the results of a model, in one sentence."""

from __future__ import annotations

from collections.abc import Iterable

from placa.records.audit import Probe

PROBE_NAMES = {
    "view_age_sex": "view, age, sex",
    "file": "file size, format",
    "dimensions": "dimensions",
    "histogram": "histogram",
    "frame": "outer frame",
    "thumbnail": "4x4 thumbnail",
    "maker": "maker",
    "model": "model of the device",
    "reader": "readers",
    "follow_up": "+ follow-up number",
    "days": "date",
    "site": "hospital or source",
    "window": "window of CT slices",
    "scan": "extent of the scan",
}


def probe_name(row: Probe) -> str:
    """Return the name of a probe; that of view, age and sex has only the columns that it used."""
    return ", ".join(row.get("columns", [])) or PROBE_NAMES[row["probe"]]


SHIFT_NAMES = {
    "ap": "view AP",
    "female": "female",
    "age": "age, mean years",
    "images_per_patient": "images per patient",
}

LEAKAGE_MEANS = {
    "none": "No leakage from training to test was found.",
    "some": "A small part of the test set is known from training or names: results may be slightly too optimistic.",
    "strong": "Part of the test set was used in training: its results are too optimistic and must not be reported.",
}

SHIFT_MEANS = {
    "none": "The intervals rule out a strong difference in the compared properties.",
    "inconclusive": "There are too few patients or groups: a strong difference is neither shown nor ruled out.",
    "some": "Test images differ from training images: calibration, PPV and NPV may be wrong on one of them.",
    "strong": "Test images have another composition than training images: calibration, PPV and NPV do not transfer "
    "between them, and thresholds chosen on validation may miss their target on test.",
}

_SHORTCUT_MEANS = {
    "none": "None: the intervals rule out a strong shortcut of the probes that were measured.",
    "inconclusive": "Inconclusive: a strong shortcut is neither shown nor ruled out (highest AUROC {auroc:.2f}, "
    "{finding}).",
    "some": "Some: part of the AUROC of a model may be caused by this.",
    "strong": "Strong: a model may reach AUROC {auroc:.2f} ({finding}) without assessing the lungs; results on this "
    "data set do not distinguish such a model from one that assesses them.",
}


def shortcut_means(probes: Iterable[Probe]) -> list[str]:
    """Return the meaning of the verdicts on shortcuts: one sentence per verdict, the worst first.

    Args:
        probes: ``shortcuts.probes`` of audit.json.
    """
    measured = [row for row in probes if row["auroc"] is not None]
    if not measured:
        return ["Not measured: there are too few images or patients, or all images have the same properties."]
    lines = []
    for verdict in ("strong", "some", "inconclusive"):
        matching = [row for row in measured if row["verdict"] == verdict]
        if matching:
            highest = max(matching, key=lambda row: row["auroc"] or 0.0)
            lines.append(_SHORTCUT_MEANS[verdict].format(auroc=highest["auroc"], finding=highest["finding"]))
    return lines or [_SHORTCUT_MEANS["none"]]
