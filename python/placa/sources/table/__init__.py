"""A CSV or parquet table with a path and a label per image, and optional columns about patients and images."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from placa.core.arguments import positive_integer
from placa.core.errors import unknown_name
from placa.core.progress import Progress
from placa.core.text import as_list
from placa.records.codes import Note
from placa.records.manifest import FIXED
from placa.records.reading import SQUARES, STRETCH
from placa.sources.errors import (
    ImagesNotFoundError,
    NoUsableRowError,
    ReservedNameError,
)
from placa.sources.source import Source
from placa.sources.table.columns import COLUMNS, columns_note
from placa.sources.table.labels import LabelValues, label_columns, read_truth
from placa.sources.table.paths import find_paths, name_path_column
from placa.sources.table.rows import join_rows, require_both, usable_rows
from placa.sources.table.volumes import find_volumes_of
from placa.sources.tables import TextTable, read_text_table
from placa.sources.tables.cells import find_column, find_columns, read_ages, read_sexes, read_splits, read_views
from placa.sources.tables.identifiers import join_groups, patients_in_paths, read_patients
from placa.sources.tables.words import UNKNOWN, fold
from placa.sources.views import VIEWS_HELP, select_views


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare table``."""
    parser.add_argument("table", type=Path, metavar="TABLE", help="CSV, TSV or parquet, one row per image")
    parser.add_argument(
        "--label",
        required=True,
        nargs="+",
        metavar="COLUMN",
        help="label column; several columns are findings of 0 and 1",
    )
    parser.add_argument(
        "--positive", nargs="+", metavar="VALUE", help="positive values of the label (default: 1, yes, true)"
    )
    parser.add_argument("--negative", nargs="+", metavar="VALUE", help="values of the comparison (default: all others)")
    parser.add_argument("--finding", metavar="NAME", help="the name of the finding")
    parser.add_argument(
        "--separator", metavar="TEXT", help="what separates findings in a cell (default: detected; none: nothing)"
    )
    parser.add_argument(
        "--slices", type=positive_integer, metavar="N", help=f"number of slabs per CT volume (default: {SQUARES})"
    )
    parser.add_argument("--views", nargs="+", default=["all"], metavar="VIEW", help=f"{VIEWS_HELP} (default: all)")
    parser.add_argument("--root", type=Path, metavar="DIR", help="start of relative paths (default: TABLE's directory)")
    for name, usual_names in COLUMNS.items():
        parser.add_argument(
            f"--{name}-column",
            metavar="COLUMN",
            help=f"(default: {usual_names[0]}{' or similar' if len(usual_names) > 1 else ''}; none: ignore the column)",
        )


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Read the source that the command line names."""
    progress.say(f"reading {options.table}")
    given = {name: getattr(options, f"{name}_column") for name in COLUMNS}
    columns = {name: column for name, column in given.items() if column is not None}
    return read_table(
        options.table,
        options.label,
        options.positive,
        options.negative,
        options.finding,
        options.root,
        columns,
        options.separator,
        options.slices,
        options.views,
    )


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
            ``view`` and ``site``; by default a usual name. ``"none"`` ignores the column. If the patient column is the
            path column, patients are taken from paths such as ``patient00001/study1/view1.jpg``.
        separator: What separates findings in a label cell; ``"none"`` for nothing; by default detected (see
            `placa.sources.tables.label_cells.read_entries`).
        slices: The number of slabs per CT volume, 16 by default.
        views: ``"PA"``, ``"AP"``, ``"lateral"``, ``"frontal"`` (PA and AP), ``"all"``, or several.

    Returns:
        The existing images. If neither patients nor groups are known, `prepare` searches for groups.

    Raises:
        MissingColumnError: The table has no column of paths.
        UnknownNameError: A column, value or view is unknown.
        ViewsUnknownError: `views` selects by view, and no view is known.
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
    files = find_paths(cells["path"], base, notes)
    joined = join_rows(rows, cells, truth, files)
    kept, rejected = usable_rows(rows, cells, named, truth, files, joined.index)
    kept &= ~joined.merged
    if joined.merged.any():
        count, images_joined = int(joined.merged.sum()), int(joined.first.sum())
        text = f"{count + images_joined:,} rows name findings of {images_joined:,} images, and were joined"
        notes.append(Note(text, "rows_joined", rows=count + images_joined, images=images_joined))
    if not kept.any():
        first = f" (first: {rejected[0][0]}: {rejected[0][1]})" if rejected else ""
        raise NoUsableRowError(
            f"None of the {len(rows):,} rows of {table} can be used{first}. Correct the table.",
            file=str(table),
            rows=len(rows),
            row=rejected[0][0] if rejected else None,
            reason=rejected[0][1] if rejected else None,
        )
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
    images = _images(labelled[existing], paths[existing], cells, notes)
    _warn_of_patients(rows, named, given, images, notes)
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
                if column is not None or kind in given
            },
            **({"slices": reading.squares} if reading != STRETCH else {}),
        },
        reading=reading,
    )


def _cells(
    rows: TextTable, named: dict[str, str | None], given: Mapping[str, str], notes: list[Note]
) -> dict[str, pd.Series]:
    """Return the cells of each kind; those of an unknown patient, group, split or site are ``""``."""
    cells = {kind: rows.frame[column] for kind, column in named.items() if column is not None}
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


def _warn_of_patients(
    rows: TextTable, named: Mapping[str, str | None], given: Mapping[str, str], images: pd.DataFrame, notes: list[Note]
) -> None:
    """Add a remark with the number of patients, or a warning if they are unknown."""
    if "patient_id" in images:
        count = int(images["patient_id"].nunique())
        notes.append(Note(f"patients: {count:,}, in {len(images):,} images", "patients_found", patients=count))
        return
    if given.get("patient", "").lower() == "none" or "group_id" in images:
        return
    columns = ", ".join(map(str, rows.frame.columns[:12]))
    consequence = (
        "PATIENTS ARE UNKNOWN: images of one patient may be in training and test, and results may be too optimistic. "
        "Related images are searched by similarity."
    )
    remedy = "Name the column of patients with --patient-column, or pass --patient-column none"
    if named["patient"] is None:
        if (patients_in_paths(images["path"]) != "").all():
            remedy = f"The paths name patients: pass --patient-column {named['path']!r} to use them"
        text = f"no column of patients was recognised (columns: {columns}). {consequence} {remedy}"
        notes.append(Note(text, "no_patient_column", columns=columns))
    else:
        text = f"column {named['patient']!r} names no patient. {consequence} {remedy}"
        notes.append(Note(text, "patients_unknown", column=str(named["patient"])))


def _images(labelled: pd.DataFrame, paths: pd.Series, cells: dict[str, pd.Series], notes: list[Note]) -> pd.DataFrame:
    index = labelled.index
    out = pd.DataFrame({"image_id": cells.get("id", cells["path"])[index], "path": paths})
    for kind, column in (("patient", "patient_id"), ("group", "group_id"), ("site", "site")):
        text = cells[kind][index] if kind in cells else None
        if text is not None and (text != "").any():
            out[column] = text.where(text != "")
    if "group_id" in out and "patient_id" in out:
        out["group_id"] = join_groups(out["group_id"].fillna(out["patient_id"]), out["patient_id"])
    if "sex" in cells:
        out["sex"] = read_sexes(cells["sex"][index], notes, column=cells["sex"])
    if "age" in cells:
        out["age"] = read_ages(cells["age"][index], notes)
    if "view" in cells:
        out["view"] = read_views(cells["view"][index])
    if "split" in cells:
        out["split"] = read_splits(cells["split"][index])
        unit = out.get("group_id", out.get("patient_id"))
        if unit is not None:
            # An image without a split is assigned to the split of its patient, if the others have only one.
            given = out["split"].groupby(unit)
            out["split"] = out["split"].fillna(given.transform("first").where(given.transform("nunique") == 1))
    return out.join(labelled)
