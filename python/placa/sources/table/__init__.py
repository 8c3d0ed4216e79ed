"""A table, CSV or parquet, with a path and a label for each image; what else it knows is taken along."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from placa.core.errors import unknown_name
from placa.core.progress import Progress
from placa.records.manifest import FIXED
from placa.sources.errors import (
    ImagesNotFoundError,
    MissingColumnError,
    NoUsableRowError,
    ReservedNameError,
    SingleClassError,
)
from placa.sources.source import Source, listed
from placa.sources.table.labels import Labels, label_columns, read_truth
from placa.sources.tables import Rows, read_rows
from placa.sources.tables.cells import UNKNOWN, find_column, read_ages, read_sexes, read_views
from placa.sources.tables.repeats import reject_repeats

#: The usual names of each column, the first there is taken; capitals, spaces and underscores do not matter.
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
    parser.add_argument("table", type=Path, metavar="TABLE", help="CSV, TSV or parquet, one row an image")
    parser.add_argument(
        "--label", required=True, nargs="+", metavar="COLUMN", help="the label; several, each a finding of 0 and 1"
    )
    parser.add_argument(
        "--positive", nargs="+", metavar="VALUE", help="what the label says of a positive image (default: 1, yes, true)"
    )
    parser.add_argument(
        "--negative", nargs="+", metavar="VALUE", help="what it says of the comparison (default: anything else)"
    )
    parser.add_argument("--finding", metavar="NAME", help="what to call the finding")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where paths begin (default: where TABLE lies)")
    for name, usual in COLUMNS.items():
        parser.add_argument(
            f"--{name}-column",
            metavar="COLUMN",
            help=f"(default: {usual[0]}{' and the like' if len(usual) > 1 else ''}, if there; none: not to be used)",
        )


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Make the source that the command line asks for."""
    progress.say(f"reading {options.table}")
    given = {name: getattr(options, f"{name}_column") for name in COLUMNS}
    columns = {name: column for name, column in given.items() if column is not None}
    return read_table(
        options.table, options.label, options.positive, options.negative, options.finding, options.root, columns
    )


def read_table(
    table: Path,
    label: str | Sequence[str],
    positive: str | Sequence[str] | None = None,
    negative: str | Sequence[str] | None = None,
    finding: str | None = None,
    root: Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> Source:
    """Read a table of images and labels.

    One label column: its value says whether an image is positive; images without a label are not used. Several: each
    is a finding, an empty cell means unknown, and images with no label at all are not used. An uncertain label, ``-1``
    as CheXpert writes it (Irvin et al. 2019), counts as unknown.

    Args:
        table: A CSV, TSV or parquet file, one row an image.
        label: The label column, or several.
        positive: The values of a positive image; by default 1, yes, true and the like.
        negative: The values of a comparison image; by default every other value. Images with neither are not used.
        finding: What to call the finding; by default the positive value, or the column where that is a plain yes.
        root: Where relative paths begin; by default the table's own directory.
        columns: Which column is the ``path``, ``id``, ``patient``, ``group``, ``split``, ``sex``, ``age``, ``view`` and
            ``site``, by name; by default those of the usual names, and ``"none"`` for none although there is one.

    Returns:
        The images that are there. Where neither patients nor groups are known, `prepare` looks for groups.

    Raises:
        PlacaError: The table cannot be read, a column is not there, the labels cannot be told apart, or no image is
            there.
    """
    asked = dict(columns or {})
    odd = sorted(set(asked) - set(COLUMNS))
    if odd:
        raise unknown_name("kind of column", odd[0], COLUMNS)
    rows = read_rows(table)
    table = rows.path
    named = {kind: find_column(rows, asked.get(kind), usual) for kind, usual in COLUMNS.items()}
    if named["path"] is None:
        raise MissingColumnError(
            f"{table} has no column 'path'; it has {', '.join(map(repr, rows.frame.columns[:12]))}: name the one with "
            "the image files by --path-column.",
            file=str(table),
            column="path",
            accepted=list(COLUMNS["path"]),
            columns=list(map(str, rows.frame.columns)),
        )
    columns_of_labels = label_columns(rows, listed(label))
    notes = list(rows.notes)
    truth = read_truth(rows, columns_of_labels, listed(positive), listed(negative), finding, notes)
    taken = sorted(set(truth.findings) & set(FIXED))
    if taken:
        raise ReservedNameError(
            f"A finding cannot be called {taken[0]!r}, as the manifest calls a column: say --finding NAME.",
            name=taken[0],
        )
    cells = {kind: rows.frame[column] for kind, column in named.items() if column is not None}
    for kind in set(cells) & {"patient", "group", "split", "site"}:
        cells[kind] = cells[kind].mask(cells[kind].str.lower().isin(UNKNOWN), "")
    places = _paths(cells["path"], Path(root) if root is not None else table.parent)
    kept, rejected = _usable(rows, cells, named, truth, places)
    if not kept.any():
        first = f"; the first, {rejected[0][0]}: {rejected[0][1]}" if rejected else ""
        raise NoUsableRowError(
            f"None of the {len(rows)} rows of {table} can be used{first}.",
            file=str(table),
            rows=len(rows),
            row=rejected[0][0] if rejected else None,
            reason=rejected[0][1] if rejected else None,
        )
    wanted = truth.values[kept & truth.values.notna().any(axis=1)]
    paths = places[wanted.index]
    there = paths.map(os.path.isfile).astype(bool)
    if not there.any():
        looked = f"; the first was looked for at {paths.iloc[0]}: is --root right?" if len(paths) else "."
        raise ImagesNotFoundError(
            f"None of the {len(paths):,} images with a label that {table} names is there{looked}",
            images=len(paths),
            searched=paths.iloc[:1].tolist(),
        )
    _require_both(wanted[there], truth, table, notes)
    images = _images(wanted[there], paths[there], cells, notes)
    images["label_source"] = table.name
    return Source(
        kind="table",
        images=images.reset_index(drop=True),
        findings=truth.findings,
        positive=truth.positive,
        comparison=truth.comparison,
        label_source=table.name,
        rows=len(rows),
        unused=int(kept.sum()) - len(wanted),
        missing=int((~there).sum()),
        rejected=rejected,
        grouped="patient_id" in images or "group_id" in images,
        given_split=f"the column {named['split']!r} of {table.name}",
        tables=[str(table)],
        notes=notes,
        options={
            "table": str(table),
            "label": columns_of_labels,
            "positive": listed(positive),
            "negative": listed(negative),
            "finding": finding,
            "root": str(root) if root is not None else None,
            "columns": {kind: column for kind, column in named.items() if column is not None},
        },
    )


def _require_both(values: pd.DataFrame, truth: Labels, table: Path, notes: list[str]) -> None:
    for finding in truth.findings:
        for value in (1, 0):
            if not (values[finding] == value).any():
                words = f"no image that is there is {'positive' if value else 'negative'} for {finding}"
                if len(truth.findings) == 1:
                    raise SingleClassError(
                        f"By {table}, {words}, so there is nothing to learn: look at --label, --positive.",
                        finding=finding,
                        missing=value,
                    )
                notes.append(f"{words}, so its column teaches nothing")


def _usable(
    rows: Rows, cells: dict[str, pd.Series], named: dict[str, str | None], truth: Labels, places: pd.Series
) -> tuple[pd.Series, list[tuple[str, str]]]:
    """Tell the rows that can be used from those that are set aside, with the reasons."""
    reasons = truth.reasons.copy()

    def reject(bad: pd.Series, reason: str | pd.Series) -> None:
        reasons.update(pd.Series(reason, index=reasons.index, dtype=object)[bad & (reasons == "")])

    reject(cells["path"] == "", f"its column {named['path']!r} names no file")
    if "id" in cells:
        reject(cells["id"] == "", f"its column {named['id']!r} is empty")
    units = [kind for kind in ("patient", "group") if kind in cells and (cells[kind] != "").any()]
    if units:
        # An image of unknown patient may be of a patient on the other side: no split with it would be honest.
        known = pd.concat([cells[kind] != "" for kind in units], axis=1).any(axis=1)
        advice = f"fill it in, or say --{units[0]}-column none, and groups are looked for"
        reject(~known, f"its {units[0]} is not known (column {named[units[0]]!r} is empty): {advice}")
    if "split" in cells:
        split = cells["split"].str.lower()
        reject(
            (split != "") & ~split.isin(_SPLITS),
            "its split " + cells["split"].map(repr) + " is none of train, validation and test: mend it",
        )
    rejected = rows.set_aside(reasons)
    keep = reasons == ""
    said = pd.concat([truth.values.astype("string"), *(cells[kind].rename(named[kind]) for kind in cells)], axis=1)
    said = said.loc[:, ~said.columns.duplicated()]
    for keys, noun in ((cells.get("id", cells["path"]), "the image"), (places, "the file")):
        at = keep.index[keep]
        # Two names for one file are no contradiction; two labels are.
        own = [named["path"], named["id"]] if noun == "the file" else [named["id"]]
        unique, repeats = reject_repeats(rows, keys[at], said.loc[at].drop(columns=own, errors="ignore"), noun)
        keep[at] = unique
        rejected += repeats
    return keep, rows.rejected + rejected


def _paths(text: pd.Series, root: Path) -> pd.Series:
    base = os.path.abspath(root)

    def place(name: str) -> str:
        path = os.path.normpath(os.path.join(base, name))
        if "\\" in name and not os.path.exists(path):
            # The table was written on Windows.
            return os.path.normpath(os.path.join(base, name.replace("\\", "/")))
        return path

    return text.map(place)


def _images(wanted: pd.DataFrame, paths: pd.Series, cells: dict[str, pd.Series], notes: list[str]) -> pd.DataFrame:
    at = wanted.index
    out = pd.DataFrame({"image_id": cells.get("id", cells["path"])[at], "path": paths})
    for kind, column in (("patient", "patient_id"), ("group", "group_id"), ("site", "site")):
        text = cells[kind][at] if kind in cells else None
        if text is not None and (text != "").any():
            out[column] = text.where(text != "")
    if "group_id" in out and "patient_id" in out:
        out["group_id"] = _join_groups(out["group_id"].fillna(out["patient_id"]), out["patient_id"])
    if "sex" in cells:
        out["sex"] = read_sexes(cells["sex"][at], notes)
    if "age" in cells:
        out["age"] = read_ages(cells["age"][at], notes)
    if "view" in cells:
        out["view"] = read_views(cells["view"][at])
    if "split" in cells:
        out["split"] = cells["split"][at].str.lower().map(_SPLITS).astype("string")
        unit = out.get("group_id", out.get("patient_id"))
        if unit is not None:
            # An image without a split goes where its patient's other images are.
            out["split"] = out["split"].fillna(out["split"].groupby(unit).transform("first"))
    return out.join(wanted)


def _join_groups(groups: pd.Series, patients: pd.Series) -> pd.Series:
    """Join the groups that share a patient, for neither may be cut; each joined one is called by its first group."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    left, right = pd.factorize(groups)[0], pd.factorize(patients)[0]
    known = right >= 0
    ends = left[known], right[known] + left.max() + 1
    nodes = left.max() + right.max() + 2
    ties = coo_matrix((np.ones(len(ends[0]), dtype=bool), ends), shape=(nodes, nodes))
    _, joined = connected_components(ties, directed=False)
    return groups.groupby(joined[left]).transform("first")
