"""A CSV or parquet table with a path and a label per image, and optional columns about patients and images."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from placa.core.arguments import positive_integer
from placa.core.errors import require_known, unknown_name
from placa.core.progress import Progress
from placa.core.text import as_list
from placa.records.codes import Note
from placa.records.manifest import FIXED
from placa.records.reading import SQUARES, STRETCH
from placa.sources.errors import ImagesNotFoundError, ReservedNameError
from placa.sources.source import SPLIT_HELP, TEMPORAL, Source
from placa.sources.table.columns import COLUMNS, columns_note
from placa.sources.table.labels import LabelValues, label_columns, read_truth
from placa.sources.table.paths import find_paths, find_volumes_of, name_path_column
from placa.sources.table.rows import dates_of, images_of, join_rows, require_both, usable_rows, warn_of_patients
from placa.sources.tables import TextTable, read_text_table
from placa.sources.tables.cells import find_column, find_columns, read_views
from placa.sources.tables.identifiers import patients_in_paths, read_patients
from placa.sources.tables.words import UNKNOWN, fold
from placa.sources.views import VIEWS_HELP, select_views

_SPLITS = ("auto", "seeded", TEMPORAL)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare table``."""
    add = parser.add_argument
    add("table", type=Path, metavar="TABLE", help="CSV, TSV or parquet, one row per image")
    add(
        "--label",
        required=True,
        nargs="+",
        metavar="COLUMN",
        help="label column; several columns are findings of 0 and 1",
    )
    add("--positive", nargs="+", metavar="VALUE", help="positive values of the label (default: 1, yes, true)")
    add("--negative", nargs="+", metavar="VALUE", help="values of the comparison (default: all others)")
    add("--finding", metavar="NAME", help="the name of the finding")
    add("--separator", metavar="TEXT", help="what separates findings in a cell (default: detected; none: nothing)")
    add("--slices", type=positive_integer, metavar="N", help=f"number of slabs per CT volume (default: {SQUARES})")
    add("--views", nargs="+", default=["all"], metavar="VIEW", help=f"{VIEWS_HELP} (default: all)")
    add(
        "--split",
        choices=_SPLITS,
        default="auto",
        help=f"auto: that of TABLE, otherwise random; {SPLIT_HELP} (default: %(default)s)",
    )
    add("--root", type=Path, metavar="DIR", help="start of relative paths (default: TABLE's directory)")
    for name, usual_names in COLUMNS.items():
        add(
            f"--{name}-column",
            metavar="COLUMN",
            help=f"(default: {usual_names[0]}{' or similar' if len(usual_names) > 1 else ''}; none: ignore the column)",
        )


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Read the source that the command line names."""
    progress.say(f"reading {options.table}")
    given = {name: getattr(options, f"{name}_column") for name in COLUMNS}
    columns = {name: column for name, column in given.items() if column is not None}
    names = ("label", "positive", "negative", "finding", "root", "separator", "slices", "views", "split")
    return read_table(options.table, columns=columns, **{name: getattr(options, name) for name in names})


def read_table(
    table: str | Path,
    label: str | Sequence[str],
    positive: str | Sequence[str] | None = None,
    negative: str | Sequence[str] | None = None,
    finding: str | None = None,
    root: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    separator: str | None = None,
    slices: int | None = None,
    views: str | Sequence[str] = "all",
    split: str = "auto",
) -> Source:
    """Read a table of images and labels.

    With one label column, its value defines whether an image is positive; images without a label are not used. With
    several, each is a finding and an empty cell means unknown; images without any label are not used. The uncertain
    label ``-1`` of CheXpert (Irvin et al. 2019) counts as unknown. A cell may name several findings. Rows of one image
    that differ only in the finding are joined.

    Args:
        table: A CSV, TSV or parquet file, also compressed with gzip, one row per image or per finding.
        label: The label column, or several.
        positive: The values of a positive image; by default 1, yes, true and similar.
        negative: The values of a comparison image; by default all others. Images with neither are not used.
        finding: The name of the finding; by default the positive value, or the column if its values are yes and no.
        root: The start of relative paths; by default the table's own directory.
        columns: The names of the columns ``path``, ``id``, ``patient``, ``group``, ``split``, ``sex``, ``age``,
            ``view``, ``site`` and ``date``; by default a usual name. ``"none"`` ignores the column. If the patient
            column is the path column, patients are taken from paths such as ``patient00001/study1/view1.jpg``.
        separator: What separates findings in a label cell; ``"none"`` for nothing; by default detected (see
            `placa.sources.tables.label_cells.read_entries`).
        slices: The number of slabs per CT volume, 16 by default.
        views: ``"PA"``, ``"AP"``, ``"lateral"``, ``"frontal"`` (PA and AP), ``"all"``, or several.
        split: ``"auto"`` for the column of splits, or a random split without it; ``"seeded"`` for a random split;
            ``"temporal"`` for a split by date, which is not stored.

    Returns:
        The existing images. If neither patients nor groups are known, `prepare` searches for groups.

    Raises:
        MissingColumnError: The table has no column of paths.
        UnknownNameError: A column, value or view is unknown.
        ViewsUnknownError: `views` selects by view, and no view is known.
        DatesUnknownError: `split` is temporal, and the table has no dates.
        AmbiguousDatesError: The dates can be day and month, or month and day.
        LabelValuesError: The labels are words, and `positive` is not given.
        LabelSeparatorError: It is ambiguous whether a label cell has several findings.
        LossyIdentifierError: The patients have lost digits.
        NoUsableRowError: No row can be used.
        ImagesNotFoundError: None of the images exists.
        SingleClassError: All existing images have the same label.
    """
    table, root = Path(table), Path(root) if root else None
    given = dict(columns or {})
    unknown_kinds = sorted(set(given) - set(COLUMNS))
    if unknown_kinds:
        raise unknown_name("kind of column", unknown_kinds[0], COLUMNS)
    require_known("split", split, _SPLITS)
    # A column is ignored as by the name none.
    given |= {} if split == TEMPORAL else {"date": "none"}
    given |= {} if split == "auto" else {"split": "none"}
    rows = read_text_table(table)
    table = rows.path
    base = root if root is not None else table.parent
    columns_of_labels = label_columns(rows, as_list(label))
    named = {kind: find_column(rows, given.get(kind), usual_names) for kind, usual_names in COLUMNS.items()}
    name_path_column(rows, named, base)
    notes = list(rows.notes)
    notes.append(columns_note(named))
    options = LabelValues(as_list(positive), as_list(negative), finding, separator)
    truth = read_truth(rows, columns_of_labels, options, notes)
    reserved = sorted(set(truth.findings) & set(FIXED))
    if reserved:
        raise ReservedNameError(
            f"The name {reserved[0]!r} is reserved for a column of the manifest. Choose another with --finding.",
            name=reserved[0],
        )
    cells = _cells(rows, named, given, notes)
    dates = dates_of(rows, named["date"], cells, table.name) if split == TEMPORAL else None
    files = find_paths(cells["path"], base, notes)
    joined = join_rows(rows, cells, truth, files)
    kept, rejected = usable_rows(rows, cells, named, truth, files, joined.index)
    kept &= ~joined.merged
    if joined.merged.any():
        count, images_joined = int(joined.merged.sum()), int(joined.first.sum())
        text = f"{count + images_joined:,} rows name findings of {images_joined:,} images, and were joined"
        notes.append(Note(text, "rows_joined", rows=count + images_joined, images=images_joined))
    rows.require_usable(bool(kept.any()), rejected)
    labelled = joined.values[kept & joined.values.notna().any(axis=1)]
    known_views = read_views(cells["view"]) if "view" in cells else None
    labelled = labelled[select_views(known_views, as_list(views), labelled.index, notes)]
    paths = files[labelled.index]
    paths, reading = find_volumes_of(paths, slices, notes)
    existing = paths.map(os.path.exists if reading != STRETCH else os.path.isfile).astype(bool)
    if not existing.any():
        searched = f" (first: {paths.iloc[0]}). Check --root." if len(paths) else "."
        raise ImagesNotFoundError(
            f"None of the {len(paths):,} labelled images of {table} exists{searched}",
            images=len(paths),
            searched=paths.iloc[:1].tolist(),
        )
    labelled, findings = require_both(labelled, existing, truth, table, rejected, notes)
    existing = existing[labelled.index]
    paths = paths[labelled.index]
    images = images_of(labelled[existing], paths[existing], cells, notes)
    if dates is not None:
        images["date"] = dates[images.index]
    warn_of_patients(rows, named, given, images, notes)
    images["label_source"] = table.name
    return Source(
        kind="table",
        images=images.reset_index(drop=True),
        findings=findings,
        comparison=truth.comparison,
        label_source=table.name,
        rows=len(rows) - int(joined.merged.sum()),
        unused=int(kept.sum()) - len(labelled),
        missing=int((~existing).sum()),
        missing_files=[(rows.location(int(str(row))), path) for row, path in paths[~existing].items()],
        rejected=rejected,
        grouped="patient_id" in images or "group_id" in images,
        given_split={"by": "column", "name": named["split"]},
        temporal=split == TEMPORAL,
        tables=[str(table)],
        notes=notes,
        options={
            "table": str(table),
            "label": columns_of_labels,
            "positive": as_list(positive),
            "negative": as_list(negative),
            "finding": finding,
            "root": str(root) if root is not None else None,
            "separator": separator,
            "views": as_list(views),
            # "none" is kept, because a column could be found by its usual name otherwise.
            **{
                f"{kind}_column": "none" if column is None else column
                for kind, column in named.items()
                if column is not None or kind in (columns or {})
            },
            **({"split": split} if split != "auto" else {}),
            **({"slices": reading.squares} if reading != STRETCH else {}),
        },
        reading=reading,
    )


def _cells(
    rows: TextTable, named: dict[str, str | None], given: Mapping[str, str], notes: list[Note]
) -> dict[str, pd.Series]:
    """Return the cells of each kind; those of an unknown patient, group, split or site are ``""``."""
    # Dates are never shown, so they are not compared as the other cells.
    cells = {kind: rows.frame[column] for kind, column in named.items() if column is not None and kind != "date"}
    for kind in set(cells) & {"group", "split", "site"}:
        cells[kind] = cells[kind].mask(cells[kind].map(fold).isin(UNKNOWN), "")
    patient = named["patient"]
    if patient is not None and patient == named["path"] and given.get("patient") is not None:
        cells["patient"] = patients_in_paths(cells["path"])
    elif patient is not None:
        cells["patient"] = read_patients(cells["patient"], patient, rows.path, notes)
    if "view" in cells and "view" not in given:
        # CheXpert has the direction of frontal images in one column, and laterals in another.
        views = cells["view"].map(fold)
        for column in find_columns(rows, COLUMNS["view"])[1:]:
            other = rows.frame[column]
            cells["view"] = cells["view"].mask(views.isin(UNKNOWN), other)
            views = cells["view"].map(fold)
    return cells
