"""Audit a data set before training: find what makes results too optimistic or not transportable.

One module per topic: `leakage` (with `names`, and `placa.dataset.groups.likeness` for duplicates), `shortcuts` (with
`probes`), `label_quality`, `shift` and `unusual`. `intervals` and `verdicts` are shared by them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from placa.audit.label_quality import count_policies, label_quality
from placa.audit.leakage import find_leakage
from placa.audit.shift import describe, find_shift
from placa.audit.shortcuts import MOST_IMAGES, find_shortcuts
from placa.audit.unusual import find_unusual
from placa.core.progress import SILENT, Progress
from placa.core.system import versions
from placa.dataset.errors import RowCountMismatchError
from placa.dataset.groups.likeness import find_duplicates
from placa.dataset.prepared import Prepared
from placa.records.audit import AUDIT_SCHEMA, BY_PATIENT, Audit, GroupRules, LabelQuality, Shift
from placa.records.reading import collapse
from placa.records.source import LabelPolicy

#: Columns of the table of a source that are not findings.
_NO_FINDINGS = frozenset({"image_id", "patient_id", "sex", "age", "view", "official"})


def run_audit(
    manifest: pd.DataFrame,
    findings: list[str],
    pixels: NDArray[Any] | None,
    seed: int = 0,
    *,
    grouping: GroupRules = BY_PATIENT,
    by_construction: bool = False,
    table: pd.DataFrame | None = None,
    other_labels: pd.DataFrame | None = None,
    label_source: str = "",
    acquisition: pd.DataFrame | None = None,
    label_policy: LabelPolicy | None = None,
    progress: Progress = SILENT,
    own_columns: Mapping[str, Collection[str]] | None = None,
    private_paths: bool = False,
) -> Audit:
    """Audit a data set.

    Args:
        manifest: A complete manifest with its splits.
        findings: The finding columns of `manifest`.
        pixels: Cached grey levels 0-255, shape ``(n, size, size)``, row i for row i of the manifest, usually a memory
            map; None skips the checks that need pixels.
        seed: Seed of all random draws.
        grouping: The rules that joined images to groups; patients by default.
        by_construction: Whether the labels are the folder names.
        table: All rows of the table of the source, also those without an image file (see
            `placa.sources.source.Source`).
        other_labels: Labels of a second source, in long format (see `placa.sources.source.Source`).
        label_source: Origin of the labels of the manifest, in words.
        acquisition: How images were acquired and read (see `placa.sources.source.Source`).
        label_policy: What uncertain and blank labels mean, and the labels as written.
        progress: Shows bars and messages.
        own_columns: By finding, those of ``view``, ``age`` and ``sex`` that are its own label.
        private_paths: Whether the paths may name patients, as those of DICOM archives do.

    Returns:
        The content of ``audit.json``: ``splits``, ``leakage``, ``shortcuts``, ``label_quality``, ``shift`` and,
        with enough images, ``unusual``.
        ``docs/audit.md`` has all rules and formulas.

    Raises:
        RowCountMismatchError: Manifest and pixels have different numbers of rows.
    """
    if pixels is not None and len(pixels) != len(manifest):
        raise RowCountMismatchError(
            f"The manifest has {len(manifest):,} rows but the pixels are of {len(pixels):,} images. Run placa prepare "
            "again.",
            rows=len(manifest),
            pixels=len(pixels),
        )
    if len(manifest) > MOST_IMAGES:
        progress.say(_estimate(len(manifest), findings))
    pairs = None if pixels is None else find_duplicates(pixels)
    audit: Audit = {
        "schema_version": AUDIT_SCHEMA,
        "splits": {
            "train": describe(manifest[manifest["split"] == "train"], findings),
            "validation": describe(manifest[manifest["split"] == "validation"], findings),
            "test": describe(manifest[manifest["split"] == "test"], findings),
        },
        "leakage": find_leakage(manifest, findings, pairs, seed, grouping, by_construction, private_paths),
        "shortcuts": find_shortcuts(manifest, findings, pixels, seed, progress, acquisition, own_columns),
        "label_quality": _label_quality(manifest, findings, table, other_labels, label_source),
        "shift": {
            "here": find_shift(manifest[manifest["split"] == "train"], manifest[manifest["split"] == "test"], findings),
            "table": _shift_of(table),
        },
        "versions": versions(),
    }
    if label_policy is not None:
        audit["label_policies"] = count_policies(label_policy)
    unusual = None if pixels is None else find_unusual(manifest, pixels)
    if unusual is not None:
        audit["unusual"] = unusual
    return audit


def audit_set(prepared: Prepared, progress: Progress = SILENT) -> Audit:
    """Audit a prepared data set (see `run_audit`)."""
    return run_audit(
        collapse(prepared.manifest, prepared.reading),
        prepared.facts["findings"],
        # The middle slab of each volume: slabs of one patient would be found as duplicates of each other.
        prepared.reading.middle_rows(prepared.pixels),
        int(prepared.facts["options"]["seed"]),
        grouping=prepared.facts["grouping"],
        by_construction=prepared.facts["labelled_by_name"],
        table=prepared.table,
        other_labels=prepared.other_labels,
        label_source=prepared.facts["label_source"],
        acquisition=prepared.acquisition,
        label_policy=prepared.facts.get("label_policy"),
        progress=progress,
        own_columns=_own_columns(prepared.facts["findings"], prepared.facts["options"]),
        private_paths=prepared.facts["kind"] == "dicom",
    )


def _own_columns(findings: list[str], options: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return, by finding, the columns of view, age and sex from which its label was read."""
    labels = options.get("label") or []
    if isinstance(labels, str):
        labels = [labels]
    kinds = {kind: options.get(f"{kind}_column") for kind in ("view", "age", "sex")}
    # Several label columns are findings of their own; the values of a single one are.
    return {
        finding: {kind for kind, column in kinds.items() if column in (labels if len(labels) == 1 else [finding])}
        for finding in findings
    }


def _label_quality(
    manifest: pd.DataFrame,
    findings: list[str],
    table: pd.DataFrame | None,
    other_labels: pd.DataFrame | None,
    label_source: str,
) -> list[LabelQuality]:
    if other_labels is None:
        return []
    labels = manifest[["image_id", *findings]] if table is None else table
    return label_quality(labels, other_labels, label_source)


def _shift_of(table: pd.DataFrame | None) -> Shift | None:
    if table is None or "official" not in table:
        return None
    findings = [str(name) for name in table.columns if name not in _NO_FINDINGS]
    official = table["official"].astype("string").fillna("")
    return find_shift(table[official == "train_val"], table[official == "test"], findings, group="patient_id")


def _estimate(images: int, findings: list[str]) -> str:
    # 1.5 times the duration on one core for 112,120 images and fourteen findings (docs/audit.md).
    seconds = 60 + 4 * images / 1000 + 3 * len(findings)
    return (
        f"the audit searches {images:,} images for duplicates and {MOST_IMAGES:,} of them for shortcuts: at most "
        f"{math.ceil(seconds / 60)} min on 2 cores"
    )
