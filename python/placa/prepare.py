"""From a source to a prepared data set: manifest, splits, pixel cache and audit, whole or not at all."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import placa
from placa.audit import audit_manifest
from placa.cache import build_cache, pixels_path
from placa.errors import PlacaError
from placa.files import fingerprint, require_writable, whole_directory, write_json, write_rejected
from placa.groups import (
    DUPLICATE_CORRELATION,
    NEIGHBOUR_CORRELATION,
    NEIGHBOUR_REACH,
    find_groups,
    thumbnails,
)
from placa.images import RESIZE_RULE
from placa.manifest import SPLITS, complete, write_manifest
from placa.progress import SILENT, Progress
from placa.sources import Source
from placa.splits import FRACTIONS, assert_disjoint, assign_splits

#: Side of the squares in the pixel cache, in pixels: what the network `small` takes.
DEFAULT_SIZE = 96


def prepare(
    source: Source | Callable[[Path], Source],
    out: Path,
    size: int = DEFAULT_SIZE,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Write a prepared data set.

    Args:
        source: What `placa.sources.nih.read_nih` and its like return; or a function that draws its images under the
            directory that it is given, which will be `out`, and returns such a source.
        out: The directory to make.
        size: Side of the squares in the pixel cache, in pixels.
        seed: Seed of the splits.
        overwrite: Whether a prepared data set already there is replaced.
        progress: Where to show what goes on.

    Returns:
        The manifest, as written.

    Raises:
        PlacaError: `out` is there or cannot be written, the disk is full, no image could be read, or the source
            brings a split that cuts a patient.
    """
    started = time.perf_counter()
    with whole_directory(out, overwrite) as partial:
        require_writable(partial)
        if not isinstance(source, Source):
            source = source(partial)
        return _fill(partial, out.absolute(), source, size, seed, progress, started)


def _fill(
    directory: Path, final: Path, source: Source, size: int, seed: int, progress: Progress, started: float
) -> pd.DataFrame:
    cache = pixels_path(directory, size)
    kept, reasons = build_cache(source.images["path"].tolist(), cache, size, progress)
    rejected = source.rejected + [
        (path, reason) for path, reason in zip(source.images["path"], reasons, strict=True) if reason
    ]
    if not kept.any():
        raise PlacaError(
            f"None of the {len(kept)} images could be read; the first, {rejected[0][0]}: {rejected[0][1]}."
        )
    images = source.images[kept].reset_index(drop=True)
    groups: dict[str, Any] = {"rule": "patient", "groups": 0}
    if not source.grouped:
        images, groups = _group(images, np.load(cache, mmap_mode="r"))
    manifest = complete(images, source.findings)
    manifest["path"] = manifest["path"].str.replace(str(directory), str(final), regex=False)
    groups["groups"] = int(manifest["group_id"].nunique())
    manifest["split"], method = _split(manifest, source, seed)
    assert_disjoint(manifest)
    audit = audit_manifest(manifest, source.findings, seed)
    audit["grouping"] = groups
    write_manifest(manifest, directory / "manifest.parquet")
    write_rejected(directory / "rejected.csv", rejected)
    write_json(directory / "audit.json", audit)
    facts = {
        "schema_version": 1,
        "placa_version": placa.__version__,
        "kind": source.kind,
        "options": {**source.options, "size": size, "seed": seed},
        "findings": source.findings,
        "positive": source.positive,
        "comparison": source.comparison,
        "label_source": source.label_source,
        "image_size": size,
        "resize": RESIZE_RULE,
        "split_method": method,
        "found": len(source.images) + len(source.rejected),
        "rejected": len(rejected),
        "missing": source.missing,
        "notes": source.notes,
        "fingerprint": fingerprint(directory / "manifest.parquet", cache),
        "tables": {Path(table).name: fingerprint(Path(table)) for table in source.tables},
        "versions": {"python": sys.version.split()[0], "pillow": version("pillow"), "numpy": np.__version__},
        "seconds": round(time.perf_counter() - started, 2),
    }
    write_json(directory / "source.json", facts)
    _tell(manifest, source, rejected, method, progress)
    return manifest


def _group(images: pd.DataFrame, pixels: NDArray[np.uint8]) -> tuple[pd.DataFrame, dict[str, Any]]:

    folders = pd.factorize(images["path"].map(lambda path: str(Path(path).parent)))[0]
    found = find_groups(thumbnails(pixels), folders)
    sizes = np.bincount(found.codes)
    facts = {
        "rule": f"neighbours within {NEIGHBOUR_REACH} in file order above correlation {NEIGHBOUR_CORRELATION}, "
        f"and near-duplicates anywhere above {DUPLICATE_CORRELATION}",
        "neighbour_pairs": found.neighbour_pairs,
        "duplicate_pairs": found.duplicate_pairs,
        "largest": int(sizes.max()),
    }
    return images.assign(group_id=[f"group-{code:05d}" for code in found.codes]), facts


def _split(manifest: pd.DataFrame, source: Source, seed: int) -> tuple[pd.Series, str]:
    unit = "patient-wise" if source.grouped else "by group"
    if "split" not in source.images:
        return assign_splits(manifest, source.findings, seed), f"{unit}, stratified by finding, seed {seed}"
    split = manifest["split"].copy()
    open_rows = split.isna()
    if open_rows.any():
        dealt = assign_splits(
            manifest[open_rows], source.findings, seed, fractions=FRACTIONS[:2], names=("train", "validation")
        )
        split[open_rows] = dealt
    return split, f"official test list; training and validation {unit}, stratified by finding, seed {seed}"


def _tell(
    manifest: pd.DataFrame, source: Source, rejected: list[tuple[str, str]], method: str, progress: Progress
) -> None:
    if source.missing:
        progress.warn(f"{source.missing:,} images that the table names are not there")
    if rejected:
        noun = "image was" if len(rejected) == 1 else "images were"
        progress.warn(
            f"{len(rejected)} {noun} set aside, see rejected.csv; the first: {rejected[0][0]}: {rejected[0][1]}"
        )
    for note in source.notes:
        progress.say(note)
    units = "patients" if source.grouped else "groups"
    progress.say(f"{len(manifest):,} images, {manifest['group_id'].nunique():,} {units}; {method}")
    for name in SPLITS:
        rows = manifest[manifest["split"] == name]
        counts = ", ".join(f"{int((rows[finding] == 1).sum()):,} {finding}" for finding in source.findings)
        progress.say(f"{name}: {len(rows):,} images, {counts}")
