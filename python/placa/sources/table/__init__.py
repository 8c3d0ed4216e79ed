"""A CSV or parquet table with a path and a label per image, and optional columns about patients and images."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from placa.core.errors import unknown_name
from placa.core.progress import Progress
from placa.records.codes import Note
from placa.records.manifest import FIXED
from placa.sources.errors import (
    ImagesNotFoundError,
    MissingColumnError,
    NoUsableRowError,
    ReservedNameError,
    SingleClassError,
)
from placa.sources.source import Source, as_list
from placa.sources.table.labels import Labels, label_columns, read_truth
from placa.sources.tables import TextTable, read_text_table
from placa.sources.tables.cells import UNKNOWN, find_column, read_ages, read_sexes, read_views
from placa.sources.tables.duplicates import reject_duplicates

#: The usual names of each column; the first found is used. Case, spaces, underscores, hyphens and dots are ignored.
COLUMNS = {
    "path": ("path", "image_path", "file_path", "file", "file_name", "image", "image_index"),
    "id": ("image_id", "image_name"),
    "patient": ("patient_id", "patient", "subject_id", "subject"),
    "group": ("group_id",),
    "split": ("split",),
    "sex": ("sex", "gender", "patient_sex", "patient_gender"),
    "age": ("age", "patient_age", "age_years"),
    "view": ("view", "view_position"),
    "site": ("site", "hospital", "institution"),
}
_SPLITS = {
    **dict.fromkeys(("train", "training", "entrenamiento"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "validación", "validacion"), "validation"),
    **dict.fromkeys(("test", "testing", "prueba"), "test"),
}


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
        options.table, options.label, options.positive, options.negative, options.finding, options.root, columns
    )


def read_table(
    table: str | Path,
    label: str | Sequence[str],
    positive: str | Sequence[str] | None = None,
    negative: str | Sequence[str] | None = None,
    finding: str | None = None,
    root: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> Source:
    """Read a table of images and labels.

    With one label column, its value defines whether an image is positive; images without a label are not used. With
    several, each is a finding and an empty cell means unknown; images without any label are not used. The uncertain
    label ``-1`` of CheXpert (Irvin et al. 2019) counts as unknown.

    Args:
        table: A CSV, TSV or parquet file, one row per image.
        label: The label column, or several.
        positive: The values of a positive image; by default 1, yes, true and similar.
        negative: The values of a comparison image; by default all others. Images with neither are not used.
        finding: The name of the finding; by default the positive value, or the column if its values are yes and no.
        root: The start of relative paths; by default the table's own directory.
        columns: The names of the columns ``path``, ``id``, ``patient``, ``group``, ``split``, ``sex``, ``age``,
            ``view`` and ``site``; by default a usual name. ``"none"`` ignores the column.

    Returns:
        The existing images. If neither patients nor groups are known, `prepare` searches for groups.

    Raises:
        MissingColumnError: The table has no column of paths.
        UnknownNameError: A column or value is unknown.
        LabelValuesError: The labels are words, and `positive` is not given.
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
    named = {kind: find_column(rows, given.get(kind), usual_names) for kind, usual_names in COLUMNS.items()}
    if named["path"] is None:
        raise MissingColumnError(
            f"No column 'path' in {table} (columns: {', '.join(map(str, rows.frame.columns[:12]))}). Name the image "
            "column with --path-column.",
            file=str(table),
            column="path",
            accepted=list(COLUMNS["path"]),
            columns=list(map(str, rows.frame.columns)),
        )
    columns_of_labels = label_columns(rows, as_list(label))
    notes = list(rows.notes)
    truth = read_truth(rows, columns_of_labels, as_list(positive), as_list(negative), finding, notes)
    reserved = sorted(set(truth.findings) & set(FIXED))
    if reserved:
        raise ReservedNameError(
            f"The name {reserved[0]!r} is reserved for a column of the manifest. Choose another with --finding.",
            name=reserved[0],
        )
    cells = {kind: rows.frame[column] for kind, column in named.items() if column is not None}
    for kind in set(cells) & {"patient", "group", "split", "site"}:
        cells[kind] = cells[kind].mask(cells[kind].str.lower().isin(UNKNOWN), "")
    files = _paths(cells["path"], root if root is not None else table.parent)
    kept, rejected = _usable(rows, cells, named, truth, files)
    if not kept.any():
        first = f" (first: {rejected[0][0]}: {rejected[0][1]})" if rejected else ""
        raise NoUsableRowError(
            f"None of the {len(rows)} rows of {table} can be used{first}. Correct the table.",
            file=str(table),
            rows=len(rows),
            row=rejected[0][0] if rejected else None,
            reason=rejected[0][1] if rejected else None,
        )
    labelled = truth.values[kept & truth.values.notna().any(axis=1)]
    paths = files[labelled.index]
    existing = paths.map(os.path.isfile).astype(bool)
    if not existing.any():
        searched = f" (first: {paths.iloc[0]}). Check --root." if len(paths) else "."
        raise ImagesNotFoundError(
            f"None of the {len(paths):,} labelled images of {table} exists{searched}",
            images=len(paths),
            searched=paths.iloc[:1].tolist(),
        )
    _require_both(labelled[existing], truth, table, notes)
    images = _images(labelled[existing], paths[existing], cells, notes)
    images["label_source"] = table.name
    return Source(
        kind="table",
        images=images.reset_index(drop=True),
        findings=truth.findings,
        comparison=truth.comparison,
        label_source=table.name,
        rows=len(rows),
        unused=int(kept.sum()) - len(labelled),
        missing=int((~existing).sum()),
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
            "columns": {kind: column for kind, column in named.items() if column is not None},
        },
    )


def _require_both(values: pd.DataFrame, truth: Labels, table: Path, notes: list[Note]) -> None:
    for finding in truth.findings:
        for value in (1, 0):
            if not (values[finding] == value).any():
                words = f"no existing image is {'positive' if value else 'negative'} for {finding}"
                if len(truth.findings) == 1:
                    raise SingleClassError(
                        f"In {table}, {words}. Check --label and --positive.",
                        finding=finding,
                        missing=value,
                    )
                text = f"{words}, so this finding cannot be learned"
                notes.append(Note(text, "no_positive" if value else "no_negative", finding=finding))


def _usable(
    rows: TextTable, cells: dict[str, pd.Series], named: dict[str, str | None], truth: Labels, files: pd.Series
) -> tuple[pd.Series, list[tuple[str, str]]]:
    """Select the usable rows; list the others with the reasons."""
    reasons = truth.reasons.copy()

    def reject(bad: pd.Series, reason: str | pd.Series) -> None:
        reasons.update(pd.Series(reason, index=reasons.index, dtype=object)[bad & (reasons == "")])

    reject(cells["path"] == "", f"its column {named['path']!r} is empty")
    if "id" in cells:
        reject(cells["id"] == "", f"its column {named['id']!r} is empty")
    units = [kind for kind in ("patient", "group") if kind in cells and (cells[kind] != "").any()]
    if units:
        # An image of an unknown patient may leak into another split.
        known = pd.concat([cells[kind] != "" for kind in units], axis=1).any(axis=1)
        advice = f"fill it in, or use --{units[0]}-column none to search for groups"
        reject(~known, f"its {units[0]} is unknown (column {named[units[0]]!r} is empty): {advice}")
    if "split" in cells:
        split = cells["split"].str.lower()
        reject(
            (split != "") & ~split.isin(_SPLITS),
            "its split " + cells["split"].map(repr) + " is not train, validation or test: correct it",
        )
    rejected = rows.reject(reasons)
    keep = reasons == ""
    compared = pd.concat([truth.values.astype("string"), *(cells[kind].rename(named[kind]) for kind in cells)], axis=1)
    compared = compared.loc[:, ~compared.columns.duplicated()]
    for keys, noun in ((cells.get("id", cells["path"]), "the image"), (files, "the file")):
        index = keep.index[keep]
        # Two names for one file do not contradict each other; two labels do.
        own = [named["path"], named["id"]] if noun == "the file" else [named["id"]]
        unique, repeats = reject_duplicates(
            rows, keys[index], compared.loc[index].drop(columns=own, errors="ignore"), noun
        )
        keep[index] = unique
        rejected += repeats
    return keep, rows.rejected + rejected


def _paths(text: pd.Series, root: Path) -> pd.Series:
    base = os.path.abspath(root)

    def resolve(name: str) -> str:
        path = os.path.normpath(os.path.join(base, name))
        if "\\" in name and not os.path.exists(path):
            # The table has Windows paths.
            return os.path.normpath(os.path.join(base, name.replace("\\", "/")))
        return path

    return text.map(resolve)


def _images(labelled: pd.DataFrame, paths: pd.Series, cells: dict[str, pd.Series], notes: list[Note]) -> pd.DataFrame:
    index = labelled.index
    out = pd.DataFrame({"image_id": cells.get("id", cells["path"])[index], "path": paths})
    for kind, column in (("patient", "patient_id"), ("group", "group_id"), ("site", "site")):
        text = cells[kind][index] if kind in cells else None
        if text is not None and (text != "").any():
            out[column] = text.where(text != "")
    if "group_id" in out and "patient_id" in out:
        out["group_id"] = _join_groups(out["group_id"].fillna(out["patient_id"]), out["patient_id"])
    if "sex" in cells:
        out["sex"] = read_sexes(cells["sex"][index], notes)
    if "age" in cells:
        out["age"] = read_ages(cells["age"][index], notes)
    if "view" in cells:
        out["view"] = read_views(cells["view"][index])
    if "split" in cells:
        out["split"] = cells["split"][index].str.lower().map(_SPLITS).astype("string")
        unit = out.get("group_id", out.get("patient_id"))
        if unit is not None:
            # An image without a split is assigned to the split of its patient.
            out["split"] = out["split"].fillna(out["split"].groupby(unit).transform("first"))
    return out.join(labelled)


def _join_groups(groups: pd.Series, patients: pd.Series) -> pd.Series:
    """Join the groups that share a patient, because neither may be divided; the first group gives the name."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    left, right = pd.factorize(groups)[0], pd.factorize(patients)[0]
    known = right >= 0
    ends = left[known], right[known] + left.max() + 1
    nodes = left.max() + right.max() + 2
    ties = coo_matrix((np.ones(len(ends[0]), dtype=bool), ends), shape=(nodes, nodes))
    _, joined = connected_components(ties, directed=False)
    return groups.groupby(joined[left]).transform("first")
