"""Write a prepared data set from a source, atomically: manifest, splits, pixel cache and audit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import placa
from placa.audit import audit_set
from placa.core.errors import require_range
from placa.core.executors import Executor
from placa.core.files import atomic_file, fingerprint, require_writable, write_rejected
from placa.core.places import public_path
from placa.core.progress import Progress, show
from placa.core.resumable import resumable_directory
from placa.core.system import versions
from placa.dataset.burnt_text import search_text
from placa.dataset.cache_journal import has_batches
from placa.dataset.copies import find_contradictions, inspect_cache
from placa.dataset.groups.group_images import group_images
from placa.dataset.pixel_cache import build_cache, drop_rows, pixels_path
from placa.dataset.prepared import OPTIONAL_TABLES, Prepared
from placa.dataset.scans import describe_scans
from placa.dataset.splits import (
    SplitMethod,
    SplitPlan,
    assert_disjoint,
    divide_groups,
    require_usable_splits,
    split_images,
)
from placa.dataset.temporal import split_set_by_date
from placa.images.errors import NoReadableImageError
from placa.records.audit import BY_PATIENT, Audit
from placa.records.codes import Note
from placa.records.files import write_record
from placa.records.manifest import complete, write_manifest
from placa.records.reading import collapse, expand
from placa.records.source import SOURCE_SCHEMA, SourceFacts
from placa.reporting.datasheet import write_datasheet
from placa.sources.source import WARNINGS, Source
from placa.sources.tables.identifiers import join_copies, join_groups
from placa.workflows.report_prepared import report_prepared

#: Default side of the squares in the pixel cache, in pixels, for the network `small`.
DEFAULT_SIZE = 96
SIZES = (16, 4096)
#: Smallest share of images that are nearly black or white which is worth a warning, and the number that is shown.
_UNIFORM_SHARE, _SHOWN_IMAGES = 0.01, 6
#: Journal of the decoded pixels of an incomplete data set (see `placa.dataset.cache_journal`).
_JOURNAL = ".decoded"
_PATHS = frozenset({"root", "labels", "table"})


def prepare(
    source: Source | Callable[[Path], Source],
    out: str | Path,
    size: int = DEFAULT_SIZE,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress | bool = True,
    plan: SplitPlan | None = None,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Write a prepared data set, or resume an interrupted preparation.

    After Ctrl-C, a kill, a full disk or a lost cluster, the decoded images remain in a hidden directory beside `out`.
    A second call with the same images, size and reading resumes from them.

    Args:
        source: A source, as from `placa.sources.nih.read_nih`; or a function that draws images in a given directory,
            which becomes `out`, and returns a source.
        out: The directory to create.
        size: Side of the squares in the pixel cache, in pixels.
        seed: Seed of the splits.
        overwrite: Whether to replace an existing prepared data set.
        progress: Progress display.
        plan: Split plan; by default the split of the source, or 70 % train, 15 % validation, 15 % test.
        executor: Executor for decoding; by default all cores of this machine (see `placa.core.executors`).

    Returns:
        The manifest, as written.

    Raises:
        NoReadableImageError: No image can be read.
        OutOfRangeError: `size` is not from 16 to 4,096, or `seed` is negative.
        PlacaError: `out` exists or cannot be written, the disk is full, the split of the source divides a patient, or
            the executor fails.
        KeyboardInterrupt: Ctrl-C; its message names the directory of the decoded images.
    """
    out, progress, plan = Path(out), show(progress), plan or SplitPlan(seed)
    started = time.perf_counter()
    require_range("size", size, *SIZES)
    require_range("seed", plan.seed, 0)
    # Drawn images are new at each call, and so are their pixels.
    kept = {pixels_path(out, size).name, _JOURNAL} if isinstance(source, Source) else set()
    with resumable_directory(
        out, overwrite, lambda found: found.name in kept, _resume_hint if kept else _no_hint
    ) as partial:
        require_writable(partial)
        if not isinstance(source, Source):
            source = source(partial)
        manifest, method, rejected = _fill(partial, out.absolute(), source, size, plan, progress, started, executor)
    (out / _JOURNAL).unlink(missing_ok=True)
    report_prepared(manifest, source, rejected, method, progress)
    return manifest


def _no_hint(partial: Path) -> str:
    return ""


def _resume_hint(partial: Path) -> str:
    if not has_batches(partial / _JOURNAL):
        return ""
    return f"Decoded images are kept in {partial}; run the same command again to continue."


def _fill(
    directory: Path,
    final: Path,
    source: Source,
    size: int,
    plan: SplitPlan,
    progress: Progress,
    started: float,
    executor: Executor | None,
) -> tuple[pd.DataFrame, SplitMethod, list[tuple[str, str]]]:
    for note in source.notes:
        (progress.warn if note.code in WARNINGS else progress.say)(note)
    cache = pixels_path(directory, size)
    paths = source.images["path"].tolist()
    kept, reasons = build_cache(paths, cache, size, progress, source.reading, executor, directory / _JOURNAL)
    rejected = source.rejected + [
        (path, reason) for path, reason in zip(source.images["path"], reasons, strict=True) if reason
    ]
    if source.rows != int(kept.sum()) + len(rejected) + source.missing + source.unused:
        raise AssertionError(f"{source.rows} rows were read, but not all are kept, rejected, missing or unused")
    if not kept.any():
        raise NoReadableImageError(
            f"None of the {len(kept)} images can be read. First image, {rejected[0][0]}: {rejected[0][1]}.",
            images=len(kept),
            path=rejected[0][0],
            reason=rejected[0][1],
        )
    files, copies, pixel_notes = _compare_pixels(source, kept, cache, rejected)
    files = describe_scans(files, np.load(cache, mmap_mode="r"), source.reading, pixel_notes)
    search_text(files, np.load(cache, mmap_mode="r"), source.reading, pixel_notes)
    images = expand(files, source.reading)
    grouping, divided = BY_PATIENT, 0
    if not source.grouped:
        codes, grouping = group_images(images["path"].tolist(), np.load(cache, mmap_mode="r"))
        groups = pd.Series([f"group-{code:05d}" for code in codes], index=images.index)
        if "patient_id" in images:
            # The patients of some images are known; their images belong together too.
            groups = join_groups(groups, images["patient_id"])
        images = images.assign(group_id=groups)
    images, joined = join_copies(images, np.repeat(copies, source.reading.squares))
    given = "split" in images and not plan.all_test
    if given and (joined if source.grouped else source.keeps_split):
        images["group_id"], divided = divide_groups(images)
    manifest = complete(images, source.findings)
    unit: Literal["patient", "group"] = "patient" if source.grouped else "group"
    if source.temporal:
        manifest, method = split_set_by_date(manifest, images["date"], plan, unit, cache, rejected)
    else:
        manifest["split"], method = split_images(manifest, source.findings, plan, source.given_split, unit)
    method.notes.extend(pixel_notes)
    if divided:
        option = "--split seeded" if source.kind == "folders" else "--split-column none"
        text = (
            f"the split of the source is kept, although it divides groups of similar images: {divided:,}; results may "
            f"be too optimistic; {option} keeps groups together"
        )
        method.notes.append(Note(text, "split_divides_groups", groups=divided))
    assert_disjoint(manifest)
    require_usable_splits(collapse(manifest, source.reading), source.findings, unit)
    facts: SourceFacts = {
        "schema_version": SOURCE_SCHEMA,
        "placa_version": placa.__version__,
        "kind": source.kind,
        "options": {
            **{name: public_path(one) if name in _PATHS and one else one for name, one in source.options.items()},
            "size": size,
            "seed": plan.seed,
            "fractions": list(plan.fractions) if plan.fractions != SplitPlan.fractions else None,
            "test_list": public_path(plan.test_list) if plan.test_list else None,
        },
        "findings": source.findings,
        "positive_alone": source.positive_alone,
        "comparison": source.comparison,
        "label_source": source.label_source,
        "labelled_by_name": source.labelled_by_name,
        "image_size": size,
        "resize": source.reading.rule,
        "reading": source.reading.as_record(),
        "split": method.facts,
        "grouping": grouping,
        "found": len(source.images) + len(source.rejected),
        "rows": source.rows or 0,
        "rejected": len(rejected),
        "missing": source.missing,
        "unused": source.unused,
        "notes": [note.as_record() for note in source.notes + method.notes],
        "tables": {Path(table).name: fingerprint(Path(table)) for table in source.tables},
        "versions": versions(),
        "fingerprint": "",
        "seconds": 0.0,
    }
    if source.label_policy is not None:
        facts["label_policy"] = source.label_policy
    # The audit reads the files at their current paths; drawn images get their final paths below.
    tables = {name: getattr(source, name) for name in OPTIONAL_TABLES}
    audit = audit_set(Prepared(manifest, np.load(cache, mmap_mode="r"), facts, **tables), progress)
    manifest["path"] = manifest["path"].str.replace(str(directory.absolute()), str(final), regex=False)
    write_manifest(manifest, directory / "manifest.parquet", method.facts)
    write_rejected(directory / "rejected.csv", rejected)
    if source.skipped:
        write_rejected(directory / "skipped.csv", source.skipped)
    if source.missing_files:
        write_rejected(directory / "missing.csv", source.missing_files, ("row", "path"))
    _write_tables(directory, source, manifest)
    facts["files"] = {path.name: fingerprint(path) for path in sorted(directory.glob("*.parquet"))}
    facts["fingerprint"] = audit["fingerprint"] = fingerprint(directory / "manifest.parquet", cache)
    write_record(directory / "audit.json", audit, Audit)
    facts["seconds"] = round(time.perf_counter() - started, 2)
    write_record(directory / "source.json", facts, SourceFacts)
    write_datasheet(directory)
    return manifest, method, rejected


def _compare_pixels(
    source: Source, kept: NDArray[np.bool_], cache: Path, rejected: list[tuple[str, str]]
) -> tuple[pd.DataFrame, NDArray[np.int64], list[Note]]:
    """Set aside images with the same pixels and another label; warn of many that are nearly black or white.

    Returns:
        The images that remain, a number per image that is equal for the same pixels, and remarks.
    """
    files = source.images[kept].reset_index(drop=True)
    facts = inspect_cache(np.load(cache, mmap_mode="r"), source.reading)
    reasons = find_contradictions(files, source.findings, facts.copies)
    wrong = (reasons != "").to_numpy()
    notes = []
    if wrong.any():
        rejected += list(zip(files.loc[wrong, "path"], reasons[wrong], strict=True))
        text = f"{int(wrong.sum()):,} images have the same pixels as an image with another label, and are set aside"
        notes.append(Note(text, "copies_contradict", images=int(wrong.sum())))
        drop_rows(cache, np.repeat(~wrong, source.reading.squares))
        files = files[~wrong].reset_index(drop=True)
    if not len(files):
        raise NoReadableImageError(
            f"Each of the {len(wrong)} images has the pixels of an image with another label. First image, "
            f"{rejected[-1][0]}: {rejected[-1][1]}.",
            images=len(wrong),
            path=rejected[-1][0],
            reason=rejected[-1][1],
        )
    copies = facts.copies[~wrong]
    repeated = int(pd.Series(copies).duplicated().sum())
    if repeated:
        text = f"{repeated:,} images have the same pixels as another image, and form one group with it"
        notes.append(Note(text, "copies", images=repeated))
    uniform = files["image_id"][facts.uniform[~wrong]]
    if len(uniform) >= max(2, _UNIFORM_SHARE * len(files)):
        text = (
            f"{len(uniform):,} of {len(files):,} images are nearly black or white, such as {uniform.iloc[0]}: look at "
            "them, and check their depth, window and inversion"
        )
        shown = {f"image_{number}": str(name) for number, name in enumerate(uniform[:_SHOWN_IMAGES], 1)}
        notes.append(Note(text, "images_uniform", images=len(uniform), files=len(files), **shown))
    return files, copies, notes


def _write_tables(directory: Path, source: Source, manifest: pd.DataFrame) -> None:
    for name, file in OPTIONAL_TABLES.items():
        table: pd.DataFrame | None = getattr(source, name)
        if name in ("boxes", "acquisition") and table is not None:
            table = table[table["image_id"].isin(manifest["image_id"])]
        if table is not None and len(table):
            with atomic_file(directory / file) as partial:
                table.to_parquet(partial, index=False)
