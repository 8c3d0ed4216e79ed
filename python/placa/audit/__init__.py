"""What could make a figure from this data set too good, or not hold elsewhere, found before anything is trained.

One module a question: `leakage` (which asks `names`, and `placa.dataset.groups.likeness` for duplicates), `shortcuts`
(which asks `probes` and `headers`), `label_quality` and `shift`; `intervals`, `verdicts` and `words` hold what they
share, and `show` prints it all.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from placa.audit.label_quality import label_quality
from placa.audit.leakage import find_leakage
from placa.audit.shift import describe, find_shift
from placa.audit.shortcuts import MOST_IMAGES, find_shortcuts
from placa.core.progress import SILENT, Progress
from placa.dataset.errors import RowCountMismatchError
from placa.dataset.groups.likeness import find_duplicates
from placa.dataset.prepared import Prepared
from placa.records.manifest import SPLITS
from placa.records.reading import collapse

SCHEMA_VERSION = 2
#: Columns of a source's whole table that are no findings.
_NO_FINDINGS = frozenset({"image_id", "patient_id", "sex", "age", "view", "official"})


def run_audit(
    manifest: pd.DataFrame,
    findings: list[str],
    pixels: NDArray[Any] | None,
    seed: int = 0,
    *,
    grouping: dict[str, Any] | None = None,
    by_construction: bool = False,
    table: pd.DataFrame | None = None,
    other_labels: pd.DataFrame | None = None,
    label_source: str = "",
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Audit a data set.

    Args:
        manifest: A complete manifest with its splits.
        findings: Its finding columns.
        pixels: Cached grey levels 0-255, shape ``(n, size, size)``, row i for row i of the manifest, usually a memory
            map; None leaves out what needs them.
        seed: Seed of whatever is drawn.
        grouping: Which rule joined images to groups (``rule``, ``joined_by``); patients by default.
        by_construction: Whether the labels are the folder names.
        table: Every row of the source's own table, whether its image is there or not (see
            `placa.sources.source.Source`).
        other_labels: A second source of labels, long (see there).
        label_source: What the manifest's labels come from, in words.
        progress: Where to show what goes on.

    Returns:
        The content of ``audit.json``: ``splits``, ``leakage``, ``shortcuts``, ``label_quality`` and ``shift``.
        ``docs/audit.md`` has every rule and formula.

    Raises:
        RowCountMismatchError: The pixels do not belong to the manifest.
    """
    if pixels is not None and len(pixels) != len(manifest):
        raise RowCountMismatchError(
            f"The manifest has {len(manifest):,} rows and the pixels are those of {len(pixels):,} images: "
            "prepare the data set again.",
            rows=len(manifest),
            pixels=len(pixels),
        )
    if len(manifest) > MOST_IMAGES:
        progress.say(_estimate(len(manifest), findings))
    pairs = None if pixels is None else find_duplicates(pixels)
    return {
        "schema_version": SCHEMA_VERSION,
        "splits": {name: describe(manifest[manifest["split"] == name], findings) for name in SPLITS},
        "leakage": find_leakage(manifest, findings, pairs, seed, grouping or {}, by_construction),
        "shortcuts": find_shortcuts(manifest, findings, pixels, seed, progress),
        "label_quality": _label_quality(manifest, findings, table, other_labels, label_source),
        "shift": {
            "here": find_shift(manifest[manifest["split"] == "train"], manifest[manifest["split"] == "test"], findings),
            "table": _shift_of(table),
        },
    }


def audit_set(prepared: Prepared, progress: Progress = SILENT) -> dict[str, Any]:
    """Audit a prepared data set (see `run_audit`)."""
    return run_audit(
        collapse(prepared.manifest, prepared.reading),
        prepared.facts["findings"],
        # Of a volume its middle: every slab of one patient beside the others would look like a leak.
        prepared.reading.middle_rows(prepared.pixels),
        int(prepared.facts["options"]["seed"]),
        grouping=prepared.facts["grouping"],
        by_construction=prepared.facts["labelled_by_name"],
        table=prepared.table,
        other_labels=prepared.other_labels,
        label_source=prepared.facts["label_source"],
        progress=progress,
    )


def _label_quality(
    manifest: pd.DataFrame,
    findings: list[str],
    table: pd.DataFrame | None,
    other_labels: pd.DataFrame | None,
    label_source: str,
) -> list[dict[str, Any]]:
    if other_labels is None:
        return []
    labels = manifest[["image_id", *findings]] if table is None else table
    return label_quality(labels, other_labels, label_source)


def _shift_of(table: pd.DataFrame | None) -> dict[str, Any] | None:
    if table is None or "official" not in table:
        return None
    findings = [str(name) for name in table.columns if name not in _NO_FINDINGS]
    official = table["official"].astype("string").fillna("")
    return find_shift(table[official == "train_val"], table[official == "test"], findings, group="patient_id")


def _estimate(images: int, findings: list[str]) -> str:
    # Half as long again as one core alone needs for 112,120 images and fourteen findings (docs/audit.md).
    seconds = 60 + 4 * images / 1000 + 3 * len(findings)
    return (
        f"the audit compares all {images:,} images for duplicates and looks for shortcuts in {MOST_IMAGES:,} of them: "
        f"{math.ceil(seconds / 60)} min at most on 2 cores"
    )
