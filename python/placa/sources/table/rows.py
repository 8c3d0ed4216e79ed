"""Join the rows of one image, reject contradictory rows, and check that both classes exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from placa.records.codes import Note
from placa.sources.errors import SingleClassError
from placa.sources.table.labels import Labels, truth_of_parts
from placa.sources.tables import TextTable
from placa.sources.tables.cells import read_splits
from placa.sources.tables.duplicates import reject_duplicates
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
    return keep, rows.rejected + rejected


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
