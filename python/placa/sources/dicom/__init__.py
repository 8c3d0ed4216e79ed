"""DICOM files, labelled by a table or by their folders; the output names no patient."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
from collections.abc import Iterable
from pathlib import Path

from placa.core.arguments import positive_integer
from placa.core.errors import require_known
from placa.core.files import explain_os_errors
from placa.core.progress import SILENT, Progress
from placa.core.text import as_list
from placa.images.listing import list_folder, skipped_notes
from placa.records.reading import SQUARES, WINDOWS, slabs, stretch
from placa.sources.dicom.labels import MATCHES, read_labels
from placa.sources.dicom.patient_key import PatientKey, read_patient_key
from placa.sources.dicom.scan import FileScan
from placa.sources.dicom.series_scan import SeriesScan
from placa.sources.errors import InvalidWindowError, MissingOptionError
from placa.sources.source import SPLIT_HELP, TEMPORAL, Source, require_dates, require_directory
from placa.sources.table.labels import LabelValues
from placa.sources.views import VIEWS_HELP, view_names

#: Computed and digital radiography.
MODALITIES = ("CR", "DX")
#: Computed tomography.
VOLUME_MODALITIES = ("CT",)
_SPLITS = ("seeded", TEMPORAL)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare dicom``."""
    add = parser.add_argument
    add("root", type=Path, metavar="ROOT", help="directory of DICOM files, in any folders, with any names")
    add("--labels", type=Path, metavar="TABLE", help="CSV, TSV or parquet (default: each folder in ROOT is a class)")
    add("--label", nargs="+", metavar="COLUMN", help="label column of TABLE; several columns are findings of 0 and 1")
    add(
        "--positive",
        nargs="+",
        metavar="NAME",
        help="the positive folder, or the positive values of the label (default: 1, yes, true)",
    )
    add("--negative", nargs="+", metavar="NAME", help="folders or values of the comparison (default: all others)")
    add("--finding", metavar="NAME", help="the name of the finding")
    add("--separator", metavar="TEXT", help="what separates findings in a cell (default: detected; none: nothing)")
    add("--match", choices=list(MATCHES), help="what identifies the file of a row (default: the first that TABLE has)")
    add("--match-column", metavar="COLUMN", help="the column for --match (default: a usual name)")
    add("--views", nargs="+", metavar="VIEW", help=f"{VIEWS_HELP} (default: all)")
    add(
        "--modalities",
        nargs="+",
        metavar="CODE",
        help="modalities to use (default: CR DX; CT with --volumes or --window)",
    )
    add("--volumes", action="store_true", help="read CT series as volumes, one per study")
    add("--series", metavar="TEXT", help="prefer series of this number, or with TEXT in the description or kernel")
    add("--slices", type=positive_integer, metavar="N", help=f"number of slabs per volume (default: {SQUARES})")
    add(
        "--window",
        metavar="WINDOW",
        help="window of all CT slices or volumes in HU: lung, mediastinum, or --window=CENTER,WIDTH (default: that of "
        "each file; lung for volumes)",
    )
    add("--split", choices=_SPLITS, default="seeded", help=f"{SPLIT_HELP} (default: %(default)s)")
    add("--key", type=Path, metavar="FILE", help="secret key for patient ids (default: your own, created once)")


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Read the source that the command line names."""
    names = [
        *("labels", "label", "positive", "negative", "finding", "separator", "match", "match_column"),
        *("views", "modalities", "volumes", "series", "slices", "window", "split"),
    ]
    given = {name: getattr(options, name) for name in names}
    return read_dicom(options.root, **given, key=read_patient_key(options.key), progress=progress)


def read_dicom(
    root: str | Path,
    labels: str | Path | None = None,
    label: str | Iterable[str] | None = None,
    positive: str | Iterable[str] | None = None,
    negative: str | Iterable[str] | None = None,
    finding: str | None = None,
    match: str | None = None,
    match_column: str | None = None,
    views: str | Iterable[str] | None = None,
    modalities: str | Iterable[str] | None = None,
    key: PatientKey | None = None,
    progress: Progress = SILENT,
    separator: str | None = None,
    volumes: bool = False,
    series: str | None = None,
    slices: int | None = None,
    window: str | tuple[float, float] | None = None,
    split: str = "seeded",
) -> Source:
    """Read the headers of DICOM files, and assign their labels.

    ``patient_id`` is a keyed hash of PatientID and its issuer, ``site`` of InstitutionName. In ``image_id`` a hash
    replaces each part of the path that may identify the patient (see `placa.sources.dicom.names.public_name`).
    ``path`` is not changed, because the files must be found; a note counts the files with such a path.

    Args:
        root: A directory. Every file in it is read, whatever its name.
        labels: A table of labels; by default each folder in `root` is a class.
        label: The label column of the table, or several, one per finding.
        positive: The positive class folder; or the label's positive values, by default 1, yes, true and similar.
        negative: The folders or values of the comparison; by default all others.
        finding: The name of the finding; by default the folder, or as in `placa.sources.table.read_table`.
        match: What identifies the file of a row: ``path`` (relative to `root` or to the table's directory), ``file``,
            ``SOPInstanceUID``, ``AccessionNumber`` or ``PatientID``; by default the first that the table has.
        match_column: The column for `match`, if it has no usual name.
        views: Views to use (``frontal``, ``PA``, ``AP``, ``lateral``, …); all by default.
        modalities: Modalities to use, by default CR and DX, or CT for volumes and windows; files without a modality
            are used too.
        key: The key of the hashes; by default the user's own.
        progress: Where the progress bar is shown.
        separator: What separates findings in a cell of the table; by default detected.
        volumes: Whether to read CT series as volumes, one per study (see `placa.images.ct.choose.choose`).
        series: The number of the series to prefer, or a part of its description or kernel.
        slices: The number of slabs per volume, 16 by default.
        window: The window of all CT slices or volumes: ``lung``, ``mediastinum``, or level and width in HU. By default
            the window of each file, and the lung for volumes.
        split: ``"seeded"`` (random, by patient), or ``"temporal"``: by the date of the study, which is not stored.

    Returns:
        One row per file, or per CT series with the column ``series``. Files without a PatientID are rejected; if no
        file has one, patients are unknown, and `prepare` searches for groups. ``age`` is PatientAge, otherwise the
        completed years between birth and study; ages above 89 are 90.

    Raises:
        MissingDirectoryError: `root` is not a directory.
        InvalidWindowError: `window` is not a window.
        MissingOptionError: An option is needed because of another, such as `volumes` for `series`.
        UnknownNameError: A folder, column or value is unknown.
        DatesUnknownError: `split` is temporal, and no file has a date.
        NoUsableFileError: No file can be used.
    """
    root, labels = Path(root), Path(labels) if labels else None
    require_directory(root, "the DICOM files")
    if not volumes and (series is not None or slices is not None):
        raise MissingOptionError(
            "--series and --slices need --volumes, which reads CT series as volumes.",
            option="--volumes",
            given=["--series" if series is not None else "--slices"],
        )
    require_known("split", split, _SPLITS)
    key = key or read_patient_key()
    given_lists = [as_list(names) for names in (label, positive, negative, views)]
    values = LabelValues(given_lists[1], given_lists[2], finding, separator)
    lookup = read_labels(root, labels, given_lists[0], values, match, match_column, key)
    levels = None if window is None else read_window(window)
    modalities = as_list(modalities) or list(VOLUME_MODALITIES if volumes or levels else MODALITIES)
    common = (root, lookup, view_names(given_lists[3]), {code.upper() for code in modalities})
    found: FileScan = SeriesScan(*common, series=series) if volumes else FileScan(*common)
    label_table = os.path.realpath(labels) if labels is not None else None
    with explain_os_errors():
        listing = list_folder(root, lambda file: os.path.realpath(file) != label_table)
    files = listing.files
    skipped = [one for one in listing.skipped if one.code != "other_kind"]
    with progress.bar("reading headers", len(files)) as advance:
        for file in files:
            found.add(file)
            advance()
    found.finish()
    missing, unlabelled_rows = lookup.unmatched_rows()
    images, notes = found.table(key)
    if not len(images):
        raise found.no_usable_file(len(files))
    images["label_source"] = lookup.name
    if split == TEMPORAL:
        images["date"] = found.dates()
        require_dates(images, str(root))
    windows = None if volumes or levels else found.windows(images, notes)
    return Source(
        kind="dicom",
        images=images,
        findings=lookup.findings,
        comparison=lookup.comparison,
        label_source=lookup.name,
        rows=len(files) - found.merged + missing + unlabelled_rows + len(lookup.rejected),
        unused=sum(found.unused.values()) + unlabelled_rows,
        missing=missing,
        rejected=found.rejected + lookup.rejected,
        skipped=[(str(one.path), one.reason) for one in skipped],
        grouped="patient_id" in images,
        labelled_by_name=labels is None,
        tables=[str(lookup.table)] if lookup.table else [],
        notes=[*key.notes, *lookup.notes, *skipped_notes(skipped), *notes],
        options={
            "root": str(root),
            "labels": str(labels) if labels else None,
            **dict(zip(("label", "positive", "negative", "views"), given_lists, strict=True)),
            "finding": finding,
            "match": lookup.kind if lookup.table else None,
            "match_column": lookup.column,
            "separator": separator,
            "modalities": modalities,
            **({} if levels is None else {"window": [*levels]}),
            **({"split": split} if split == TEMPORAL else {}),
            **({"volumes": True, "series": series, "slices": slices or SQUARES} if volumes else {}),
        },
        reading=slabs(slices or SQUARES, levels) if volumes else stretch(levels),
        acquisition=windows,
        temporal=split == TEMPORAL,
    )


def read_window(window: str | tuple[float, float]) -> tuple[float, float]:
    """Return level and width of a window in HU, by its name or from ``CENTER,WIDTH``.

    Raises:
        InvalidWindowError: It is neither, or the width is not above 0.
    """
    if isinstance(window, str) and window.strip().lower() in WINDOWS:
        return WINDOWS[window.strip().lower()]
    parts = window.split(",") if isinstance(window, str) else window
    with contextlib.suppress(ValueError, TypeError):
        level, width = (float(part) for part in parts)
        if math.isfinite(level) and 0 < width < math.inf:
            return level, width
    raise InvalidWindowError(
        f"A window must be {', '.join(WINDOWS)} or CENTER,WIDTH in HU with a width above 0, such as "
        f"--window=-600,1500, got {window!r}.",
        window=window,
    )
