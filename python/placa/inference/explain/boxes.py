"""Maps against lesion boxes: does the evidence lie where a reader saw the finding?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.audit.intervals import wilson
from placa.dataset.prepared import read_prepared
from placa.inference.errors import NoBoxesError, NoTestBoxesError
from placa.inference.explain.overlay import Box
from placa.records.reading import Reading, collapse

#: The share of its maximum from which a map counts as marked, where nobody says otherwise.
THRESHOLD = 0.5


def read_test_boxes(prepared: Path, findings: Sequence[str]) -> tuple[dict[tuple[str, str], list[Box]], dict[str, Any]]:
    """Read the boxes of the test images.

    Args:
        prepared: A directory that ``placa prepare`` wrote.
        findings: Those of the model.

    Returns:
        The boxes of each image (its path) and finding, and the content of ``source.json``.

    Raises:
        PlacaError: The set has no boxes, or none of these findings on a test image.
    """
    read = read_prepared(prepared)
    if read.boxes is None:
        raise NoBoxesError(
            f"{prepared} has no boxes.parquet, for its source gave no lesion boxes: name a set that has.",
            prepared=str(prepared),
        )
    images = collapse(read.manifest, Reading.from_dict(read.facts.get("reading")))
    test = images[images["split"] == "test"].set_index("image_id")["path"]
    there = read.boxes[read.boxes["image_id"].isin(test.index) & read.boxes["finding"].isin(findings)]
    if there.empty:
        named = sorted(map(str, set(read.boxes["finding"])))
        raise NoTestBoxesError(
            f"No test image of {prepared} has a lesion box of {', '.join(findings)} "
            f"({len(read.boxes):,} boxes in all: {', '.join(named)}).",
            prepared=str(prepared),
            findings=list(findings),
            boxes=len(read.boxes),
            box_findings=named,
        )
    found: dict[tuple[str, str], list[Box]] = {}
    for row in there.to_dict("records"):
        key = (str(test[row["image_id"]]), str(row["finding"]))
        found.setdefault(key, []).append((row["x"], row["y"], row["width"], row["height"]))
    return found, read.facts


def score(evidence: NDArray[np.float32], boxes: Sequence[Box], threshold: float = THRESHOLD) -> dict[str, Any]:
    """Score one map against the boxes of its finding.

    Args:
        evidence: The map, ``(size, size)``, 0 or more.
        boxes: One or more.
        threshold: Share of its maximum from which the map counts as marked, above 0 to 1.

    Returns:
        ``hit``: whether the map's highest pixel lies in a box, the pointing game (Zhang et al. 2018,
        doi:10.1007/s11263-017-1059-x, with no tolerance around the box). ``iou``: intersection over union of the
        marked pixels and the boxes, 0 to 1. ``area``: the boxes' share of the image, which is the chance that a point
        anywhere hits. ``centre``: whether the image's centre lies in a box. A map of zeros hits nothing.
    """
    inside = _inside(boxes, evidence.shape)
    highest = float(evidence.max())
    if highest <= 0:
        return {"hit": False, "iou": 0.0, "area": float(inside.mean()), "centre": _holds(boxes, 0.5, 0.5)}
    row, column = np.unravel_index(int(evidence.argmax()), evidence.shape)
    marked = evidence >= threshold * highest
    return {
        "hit": _holds(boxes, (column + 0.5) / evidence.shape[1], (row + 0.5) / evidence.shape[0]),
        "iou": float((marked & inside).sum() / (marked | inside).sum()),
        "area": float(inside.mean()),
        "centre": _holds(boxes, 0.5, 0.5),
    }


def _holds(boxes: Sequence[Box], x: float, y: float) -> bool:
    return any(left <= x < left + width and top <= y < top + height for left, top, width, height in boxes)


def _inside(boxes: Sequence[Box], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels have their centre in a box."""
    y, x = ((np.arange(side) + 0.5) / side for side in shape)
    inside = np.zeros(shape, dtype=bool)
    for left, top, width, height in boxes:
        across, down = (left <= x) & (x < left + width), (top <= y) & (y < top + height)
        inside |= down[:, None] & across[None, :]
    return inside


def summarise(scores: pd.DataFrame, threshold: float) -> dict[str, Any]:
    """Sum up the scores of many maps, finding by finding.

    Args:
        scores: One row an image and finding: ``finding`` and what `score` returns.
        threshold: What the scores were made with.

    Returns:
        ``threshold`` and, by finding, ``images``, ``pointing`` (the share of hits) with Wilson's 95 % interval
        ``pointing_lower`` and ``pointing_upper``, ``pointing_anywhere`` and ``pointing_centre`` (what a point anywhere
        and the centre would get), and ``iou_mean`` and ``iou_median``.
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


def lines(summary: dict[str, Any]) -> list[str]:
    """Say a summary in words, a line a finding."""
    said = []
    for finding, row in summary["findings"].items():
        noun = "test image" if row["images"] == 1 else "test images"
        said.append(
            f"{finding}: pointing game {row['pointing']:.3f} ({row['pointing_lower']:.3f} to "
            f"{row['pointing_upper']:.3f}) on {row['images']:,} {noun} with boxes; a point anywhere gets "
            f"{row['pointing_anywhere']:.3f}, the centre {row['pointing_centre']:.3f}; IoU from "
            f"{summary['threshold']:g} of the maximum: median {row['iou_median']:.3f}, mean {row['iou_mean']:.3f}"
        )
    return said
