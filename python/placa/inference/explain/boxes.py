"""Score Grad-CAM maps against the lesion boxes that a reader drew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.audit.intervals import wilson
from placa.core.language import number, translate
from placa.dataset.prepared import read_prepared
from placa.inference.errors import NoBoxesError, NoTestBoxesError
from placa.inference.explain.overlay import Box
from placa.records.reading import collapse
from placa.records.source import SourceFacts

#: Default share of the map's maximum from which a pixel counts as marked.
THRESHOLD = 0.5


def read_test_boxes(prepared: Path, findings: Sequence[str]) -> tuple[dict[tuple[str, str], list[Box]], SourceFacts]:
    """Read the boxes of the test images.

    Args:
        prepared: A directory that ``placa prepare`` wrote.
        findings: The model's findings.

    Returns:
        The boxes per image (its path) and finding, and the content of ``source.json``.

    Raises:
        NoBoxesError: The data set has no boxes.
        NoTestBoxesError: No test image has a box of these findings.
    """
    read = read_prepared(prepared)
    if read.boxes is None:
        raise NoBoxesError(
            f"{prepared} has no lesion boxes (no boxes.parquet). Name a data set whose source has lesion boxes.",
            prepared=str(prepared),
        )
    images = collapse(read.manifest, read.reading)
    test = images[images["split"] == "test"].set_index("image_id")["path"]
    test_boxes = read.boxes[read.boxes["image_id"].isin(test.index) & read.boxes["finding"].isin(findings)]
    if test_boxes.empty:
        box_findings = sorted(map(str, set(read.boxes["finding"])))
        raise NoTestBoxesError(
            f"No test image of {prepared} has a lesion box of {', '.join(findings)} "
            f"({len(read.boxes):,} boxes in all splits: {', '.join(box_findings)}).",
            prepared=str(prepared),
            findings=list(findings),
            boxes=len(read.boxes),
            box_findings=box_findings,
        )
    found: dict[tuple[str, str], list[Box]] = {}
    for row in test_boxes.to_dict("records"):
        key = (str(test[row["image_id"]]), str(row["finding"]))
        found.setdefault(key, []).append((row["x"], row["y"], row["width"], row["height"]))
    return found, read.facts


def score(evidence: NDArray[np.float32], boxes: Sequence[Box], threshold: float = THRESHOLD) -> dict[str, Any]:
    """Score one map against the boxes of its finding.

    Args:
        evidence: The map, ``(size, size)``, 0 or more.
        boxes: One or more boxes.
        threshold: Share of the map's maximum from which a pixel counts as marked, in (0, 1].

    Returns:
        ``hit``: whether the map's highest pixel is in a box, the pointing game (Zhang et al. 2018,
        doi:10.1007/s11263-017-1059-x, without tolerance around the box). ``iou``: intersection over union of the
        marked pixels and the boxes, 0 to 1. ``area``: the boxes' share of the image, which is the probability that a
        random point is in a box. ``centre``: whether the image's centre is in a box. A map of zeros is never a hit.
    """
    inside = _mask(boxes, evidence.shape)
    highest = float(evidence.max())
    hit, overlap = False, 0.0
    if highest > 0:
        row, column = np.unravel_index(int(evidence.argmax()), evidence.shape)
        hit = _contain(boxes, (column + 0.5) / evidence.shape[1], (row + 0.5) / evidence.shape[0])
        marked = evidence >= threshold * highest
        overlap = float((marked & inside).sum() / (marked | inside).sum())
    return {"hit": hit, "iou": overlap, "area": float(inside.mean()), "centre": _contain(boxes, 0.5, 0.5)}


def _contain(boxes: Sequence[Box], x: float, y: float) -> bool:
    return any(left <= x < left + width and top <= y < top + height for left, top, width, height in boxes)


def _mask(boxes: Sequence[Box], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask of the pixels whose centre is in a box."""
    y, x = ((np.arange(side) + 0.5) / side for side in shape)
    inside = np.zeros(shape, dtype=bool)
    for left, top, width, height in boxes:
        across, down = (left <= x) & (x < left + width), (top <= y) & (y < top + height)
        inside |= down[:, None] & across[None, :]
    return inside


def summarise(scores: pd.DataFrame, threshold: float) -> dict[str, Any]:
    """Summarise the scores of many maps per finding.

    Args:
        scores: One row per image and finding: ``finding`` and the values that `score` returns.
        threshold: The threshold of the scores.

    Returns:
        ``threshold`` and, per finding, ``images``, ``pointing`` (the share of hits) with Wilson's 95 % interval
        ``pointing_lower`` and ``pointing_upper``, ``pointing_anywhere`` and ``pointing_centre`` (the share of hits of a
        random point and of the image's centre), and ``iou_mean`` and ``iou_median``.
    """
    findings: dict[str, dict[str, float | int]] = {}
    for finding, rows in scores.groupby("finding", sort=True):
        pointing = wilson(float(rows["hit"].mean()), len(rows))
        findings[str(finding)] = {
            "images": len(rows),
            "pointing": pointing.value,
            "pointing_lower": pointing.lower,
            "pointing_upper": pointing.upper,
            "pointing_anywhere": float(rows["area"].mean()),
            "pointing_centre": float(rows["centre"].mean()),
            "iou_mean": float(rows["iou"].mean()),
            "iou_median": float(rows["iou"].median()),
        }
    return {"schema_version": 1, "threshold": threshold, "findings": findings}


def format_summary(summary: dict[str, Any]) -> list[str]:
    """Format a summary as text, one line per finding."""
    formatted = []
    for finding, row in summary["findings"].items():
        shown = {key: number(one, 3) for key, one in row.items() if key != "images"}
        formatted.append(
            translate(
                "{finding}: pointing game {pointing} ({pointing_lower} to {pointing_upper}), test images with boxes: "
                "{images}; random point {pointing_anywhere}, image centre {pointing_centre}; IoU at {threshold} of the "
                "maximum: median {iou_median}, mean {iou_mean}",
                finding=finding,
                images=row["images"],
                threshold=f"{summary['threshold']:g}",
                **shown,
            )
        )
    return formatted
