"""Join the rows of one image, reject contradictory rows, and check that patients are known and both classes exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from placa.records.codes import Note
from placa.sources.errors import SingleClassError
from placa.sources.source import require_dates
from placa.sources.table.labels import Labels, truth_of_parts
from placa.sources.tables import TextTable
from placa.sources.tables.cells import read_ages, read_dates, read_sexes, read_splits, read_views
from placa.sources.tables.duplicates import reject_duplicates
from placa.sources.tables.identifiers import join_groups, patients_in_paths
from placa.sources.tables.words import shown


@dataclass(frozen=True)
class JoinedRows:
    """Hold the rows of a table, in which those of one image are joined.

    Attributes:
        values: The labels; those of a first row include those of the rows that were joined with it.
        merged: Whether a row was joined with an earlier one.
        first: Whether other rows were joined with a row.
    """

    values: pd.DataFrame
    merged: pd.Series
    first: pd.Series

    @property
    def index(self) -> pd.Index:
        """Return the rows that were not joined with an earlier one."""
        return self.merged.index[~self.merged]


def join_rows(rows: TextTable, cells: Mapping[str, pd.Series], truth: Labels, files: pd.Series) -> JoinedRows:
    """Join the rows of one image that agree in all but the finding, such as one row per lesion or per reader.

    Rows are not joined, and are rejected later, if they contradict each other: in a fact about the image, in a label of
    0 and 1, or if one is positive and another belongs to the comparison that was named or is normal. Rows that are
    equal in all columns are repetitions, and not joined.
    """
    index = rows.frame.index
    merged = pd.Series(False, index=index)
    first = merged.copy()
    values = truth.values.copy()
    unchanged = JoinedRows(values, merged, first)
    keys = cells.get("id", cells["path"])
    candidates = (keys != "") & (truth.reasons == "") & keys.duplicated(keep=False)
    if not candidates.any():
        return unchanged
    facts = pd.concat([files.rename("file"), *(cells[kind].rename(kind) for kind in cells if kind != "path")], axis=1)
    used = facts[candidates].assign(key=keys[candidates])
    whole = rows.frame[candidates].assign(**{"": keys[candidates]})
    repeated = whole.duplicated(keep=False).groupby(used["key"]).transform("all")
    agree = (used.groupby("key").transform("nunique") == 1).all(axis=1) & ~repeated
    if truth.parts is None:
        same = truth.values[candidates].astype("string").fillna("").agg("|".join, axis=1)
        agree &= same.groupby(used["key"]).transform("nunique") == 1
        parts = None
    else:
        parts = truth.parts[candidates].groupby(used["key"]).transform("any")
        agree &= ~(parts["positive"] & parts["normal"]) | (
            truth.parts.loc[candidates, ["positive", "normal"]].all(axis=1).groupby(used["key"]).transform("any")
        )
    chosen = used.index[agree]
    if not len(chosen):
        return unchanged
    later = used.loc[chosen, "key"].duplicated(keep="first")
    merged[chosen] = later
    first[chosen] = ~later
    if parts is not None:
        values.loc[chosen, truth.findings[0]] = truth_of_parts(parts.loc[chosen])
    return JoinedRows(values, merged, first)


def usable_rows(
    rows: TextTable,
    cells: dict[str, pd.Series],
    named: dict[str, str | None],
    truth: Labels,
    files: pd.Series,
    images: pd.Index,
) -> tuple[pd.Series, list[tuple[str, str]]]:
    """Select the usable rows among `images`; list the others of them with the reasons."""
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
        reject(~known, f"its {units[0]} is unknown (column {named[units[0]]!r}): {advice}")
    if "split" in cells:
        reject(
            (cells["split"] != "") & read_splits(cells["split"]).isna(),
            "its split "
            + cells["split"].map(shown)
            + " is not train, validation or test: correct it, or use --split-column none",
        )
    keys = cells.get("id", cells["path"])
    left_out = (reasons != "") & (truth.reasons == "") & (keys != "")
    for finding in truth.findings:
        # A negative row must not hide the label of a rejected row of the same image.
        negative = (truth.values[finding] == 0).fillna(False).astype(bool)
        hidden = negative & keys.isin(keys[left_out & ~negative])
        reject(hidden, "another row of its image is rejected and has another label: correct both rows")
    is_image = pd.Series(reasons.index.isin(images), index=reasons.index)
    reasons = reasons.where(is_image, "")
    rejected = rows.reject(reasons)
    keep = (reasons == "") & is_image
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
    return keep, rejected


def require_both(
    labelled: pd.DataFrame,
    existing: pd.Series,
    truth: Labels,
    table: Path,
    rejected: list[tuple[str, str]],
    notes: list[Note],
) -> tuple[pd.DataFrame, list[str]]:
    """Leave out the findings that all existing images have, or that none has; require that one remains.

    Returns:
        The labels of the images that have a label of a remaining finding, and the remaining findings.
    """
    values, findings = labelled[existing], []
    for finding in truth.findings:
        lacking = [value for value in (1, 0) if not (values[finding] == value).any()]
        if not lacking:
            findings.append(finding)
            continue
        words = f"no existing image is {'positive' if lacking[0] else 'negative'} for {finding}"
        if len(truth.findings) > 1:
            text = f"{words}, so this finding is left out"
            notes.append(Note(text, "no_positive" if lacking[0] else "no_negative", finding=finding))
        if len(truth.findings) == 1 or (finding == truth.findings[-1] and not findings):
            read = next((f" {note[0].upper()}{note[1:]}." for note in notes if note.code == "labels_read"), "")
            reason = f" {len(rejected):,} rows were rejected (first: {rejected[0][1]})." if rejected else ""
            raise SingleClassError(
                f"In {table}, {words}.{read}{reason} Check --label, --positive and --negative.",
                finding=finding,
                missing=lacking[0],
            )
    remaining = labelled[findings]
    return remaining[remaining.notna().any(axis=1)], findings


def warn_of_patients(
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


def images_of(labelled: pd.DataFrame, paths: pd.Series, cells: dict[str, pd.Series], notes: list[Note]) -> pd.DataFrame:
    """Return the images with their labels and what the table has about patient and image."""
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


def dates_of(rows: TextTable, column: str | None, cells: Mapping[str, pd.Series], title: str) -> pd.Series:
    """Return the date of each row. Rows of one image with several dates have none.

    Raises:
        DatesUnknownError: No row has a date.
    """
    dates = pd.Series(pd.NaT, index=rows.frame.index) if column is None else read_dates(rows.frame[column], column)
    require_dates(pd.DataFrame({"date": dates}), title)
    return dates.mask(dates.groupby(cells.get("id", cells["path"])).transform("nunique") > 1)
