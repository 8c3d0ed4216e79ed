"""The label of a DICOM file: from the row of a table that names it, or from the folder that it lies in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd

from placa.core.errors import unknown_name
from placa.sources.dicom.patient_key import PatientKey
from placa.sources.dicom.tags import Described
from placa.sources.errors import (
    MissingColumnError,
    MissingOptionError,
    PositiveNegativeOverlapError,
    TooFewClassesError,
)
from placa.sources.folders import class_folders
from placa.sources.table.labels import Labels, label_columns, read_truth
from placa.sources.tables import Rows, read_rows
from placa.sources.tables.cells import find_column
from placa.sources.tables.repeats import reject_repeats

#: By what a row can name its file, and the usual names of such a column; the first that the table has is taken.
MATCHES = {
    "path": ("path", "image_path", "file_path"),
    "file": ("file", "file_name", "image", "image_id", "image_index"),
    "SOPInstanceUID": ("SOPInstanceUID", "sop_uid", "instance_uid", "uid"),
    "AccessionNumber": ("AccessionNumber", "accession"),
    "PatientID": ("PatientID", "patient", "subject_id", "subject"),
}


@dataclass
class LabelOptions:
    """What the user asked for.

    Attributes:
        table: The table of labels; none for class folders.
        label: Its label columns.
        positive: Values of a positive image, or the positive folder.
        negative: Values or folders of the comparison; none for all others.
        finding: What to call the finding.
        match: One of `MATCHES`; none for the first that the table has a column of.
        match_column: The column that names the files; none for the one of a usual name.
    """

    table: Path | None
    label: list[str]
    positive: list[str]
    negative: list[str]
    finding: str | None
    match: str | None
    match_column: str | None


class FileLabels(Protocol):
    """Where labels come from.

    Attributes:
        name: Its name, in words.
        findings: The findings.
        positive: What a positive image has, in words.
        comparison: What it is told apart from, in words.
        tables: The files that the labels were read from.
        rejected: ``(row, reason)`` of rows that were set aside.
        notes: Remarks that the user should read.
    """

    name: str
    findings: list[str]
    positive: str
    comparison: str
    tables: list[Path]
    rejected: list[tuple[str, str]]
    notes: list[str]

    def of(self, file: Path, described: Described) -> dict[str, int | None] | None:
        """A file's label, a finding each: 1, 0 or None; None where it has no label that was asked for."""

    def left_over(self) -> tuple[int, int]:
        """How many rows named no file: those with a label that was asked for, and those without."""


class FolderLabels:
    """Class folders: one folder of `root` a class.

    Raises:
        PlacaError: There are not two folders, none or several are positive, or a name is none of theirs.
    """

    def __init__(self, root: Path, options: LabelOptions) -> None:
        if options.label or options.match or options.match_column:
            raise MissingOptionError(
                "--label and --match speak of a table, and none came: name it by --labels.",
                option="--labels",
                given=[
                    option
                    for option, value in (
                        ("--label", options.label),
                        ("--match", options.match),
                        ("--match-column", options.match_column),
                    )
                    if value
                ],
            )
        classes = class_folders(root)
        if len(options.positive) != 1:
            raise MissingOptionError(
                f"Without --labels, --positive names one of the folders in {root}: {', '.join(classes)}.",
                option="--positive",
                given=options.positive,
            )
        if len(classes) < 2:
            raise TooFewClassesError(
                f"{root} was to hold a folder for each class, two at least, or --labels to name a table.",
                directory=str(root),
                classes=classes,
            )
        for name in options.positive + options.negative:
            if name not in classes:
                raise unknown_name("class folder", name, classes)
        (positive,) = options.positive
        others = options.negative or [name for name in classes if name != positive]
        if positive in others:
            raise PositiveNegativeOverlapError(
                f"--positive and --negative are both {positive!r}: two different folders were expected.", name=positive
            )
        self._root, self._folder, self._others = root, positive, set(others)
        self.name = "class folders"
        self.positive = options.finding or positive
        self.findings = [self.positive]
        self.comparison = " or ".join(others)
        self.tables: list[Path] = []
        self.rejected: list[tuple[str, str]] = []
        self.notes: list[str] = []

    def of(self, file: Path, described: Described) -> dict[str, int | None] | None:
        """See `FileLabels`."""
        folder = file.relative_to(self._root).parts[0]
        if folder != self._folder and folder not in self._others:
            return None
        return {self.positive: int(folder == self._folder)}

    def left_over(self) -> tuple[int, int]:
        """See `FileLabels`."""
        return 0, 0


@dataclass
class TableLabels:
    """A table of labels, its rows to be found by what names a file in them."""

    root: Path
    path: Path
    kind: str
    column: str
    truth: Labels
    row_of: dict[str, int]
    rejected: list[tuple[str, str]]
    notes: list[str]
    asked_for: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.name = self.path.name
        self.findings = self.truth.findings
        self.positive, self.comparison = self.truth.positive, self.truth.comparison
        self.tables = [self.path]
        records = self.truth.values.to_dict("records")
        self._values = [{str(name): None if pd.isna(v) else int(v) for name, v in row.items()} for row in records]

    def of(self, file: Path, described: Described) -> dict[str, int | None] | None:
        """See `FileLabels`."""
        row = next((self.row_of[key] for key in self._keys(file, described) if key in self.row_of), None)
        if row is None:
            return None
        self.asked_for.add(row)
        values = self._values[row]
        return values if any(value is not None for value in values.values()) else None

    def left_over(self) -> tuple[int, int]:
        """See `FileLabels`."""
        rows = [row for row in self.row_of.values() if row not in self.asked_for]
        labelled = int(self.truth.values.loc[rows].notna().any(axis=1).sum())
        return labelled, len(rows) - labelled

    def _keys(self, file: Path, described: Described) -> Sequence[str]:
        if self.kind == "path":
            whole = os.path.abspath(file)
            return [os.path.relpath(whole, os.path.abspath(start)) for start in (self.root, self.path.parent)] + [whole]
        if self.kind == "file":
            return [file.name, file.stem]
        tags = {"SOPInstanceUID": described.uid, "AccessionNumber": described.accession}
        return [key for key in [tags.get(self.kind, described.patient)] if key]


def read_labels(root: Path, options: LabelOptions, key: PatientKey) -> FileLabels:
    """Make ready to look up labels.

    Args:
        root: Where the files are.
        options: What the user asked for.
        key: Under which patients are named in reasons.

    Raises:
        PlacaError: The table cannot be read or has no such columns, or the folders are not those named.
    """
    if options.table is None:
        return FolderLabels(root, options)
    if not options.label:
        raise MissingOptionError(
            f"--labels {options.table} came without --label: name the column that holds the label.",
            option="--label",
            given=["--labels"],
        )
    rows = read_rows(options.table)
    kind, column = _column(rows, options.match, options.match_column)
    notes = list(rows.notes)
    columns = label_columns(rows, options.label)
    truth = read_truth(rows, columns, options.positive, options.negative, options.finding, notes)
    cells = rows.frame[column]
    if kind == "path":
        cells = cells.map(lambda cell: os.path.normpath(cell.replace("\\", "/")) if cell else "")
    reasons = truth.reasons.mask((truth.reasons == "") & (cells == ""), f"its column {column!r} is empty")
    rejected = rows.set_aside(reasons)
    good = cells[reasons == ""]
    # Reasons are written down; a row is found by its number as well as by the name of a patient.
    shown = good if kind in {"path", "file"} else good.map(lambda text: key.name(kind, text))
    keep, repeats = reject_repeats(rows, shown, truth.values.loc[good.index].astype("string"), f"the {kind}")
    row_of = {str(text): int(str(row)) for row, text in good[keep].items()}
    return TableLabels(root, rows.path, kind, column, truth, row_of, rows.rejected + rejected + repeats, notes)


def _column(rows: Rows, match: str | None, column: str | None) -> tuple[str, str]:
    if match is not None and match not in MATCHES:
        raise unknown_name("way to match", match, MATCHES)
    kinds = [match] if match else list(MATCHES)
    asked = find_column(rows, column, ()) if column is not None else None
    for kind in kinds:
        usual = find_column(rows, None, MATCHES[kind])
        if asked is None and usual is not None:
            return kind, usual
        if asked is not None and (match or asked == usual):
            return kind, asked
    if asked is not None:
        raise MissingOptionError(
            f"What the column {asked!r} of {rows.path.name} names is not known: say --match as well.",
            option="--match",
            given=["--match-column"],
        )
    accepted = [MATCHES[kind][0] for kind in kinds]
    raise MissingColumnError(
        f"{rows.path} has no column {' or '.join(accepted)} by which a row could name its "
        f"file; it has {', '.join(map(repr, rows.frame.columns[:12]))}: name one by --match and --match-column.",
        file=str(rows.path),
        column=accepted[0],
        accepted=accepted,
        columns=list(map(str, rows.frame.columns)),
    )
