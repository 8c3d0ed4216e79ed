"""The labels of DICOM files: from the rows of a table, or from the class folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd

from placa.core.errors import unknown_name
from placa.records.codes import Note
from placa.records.source import Comparison, compared_with
from placa.sources.dicom.patient_key import PatientKey
from placa.sources.dicom.tags import DicomTags
from placa.sources.errors import (
    MissingColumnError,
    MissingOptionError,
    PositiveNegativeOverlapError,
    TooFewClassesError,
)
from placa.sources.folders import class_folders
from placa.sources.table.labels import Labels, LabelValues, label_columns, read_truth
from placa.sources.tables import TextTable, read_text_table
from placa.sources.tables.cells import find_column
from placa.sources.tables.duplicates import select_usable

#: What can identify the file of a row, and the usual names of that column; the first in the table is used.
MATCHES = {
    "path": ("path", "image_path", "file_path"),
    "file": ("file", "file_name", "image", "image_id", "image_index"),
    "SOPInstanceUID": ("SOPInstanceUID", "sop_uid", "instance_uid", "uid"),
    "SeriesInstanceUID": ("SeriesInstanceUID", "series_uid"),
    "StudyInstanceUID": ("StudyInstanceUID", "study_uid"),
    "AccessionNumber": ("AccessionNumber", "accession"),
    "PatientID": ("PatientID", "patient", "subject_id", "subject"),
}


@dataclass
class LabelOptions:
    """Hold the options about labels.

    Attributes:
        table: The table of labels; None for class folders.
        label: Its label columns.
        positive: Values of a positive image, or the positive folder.
        negative: Values or folders of the comparison; empty for all others.
        finding: The name of the finding.
        match: One of `MATCHES`; None for the first that the table has.
        match_column: The column for `match`; None for a usual name.
        separator: What separates findings in a cell; None to detect it.
    """

    table: Path | None
    label: list[str]
    positive: list[str]
    negative: list[str]
    finding: str | None
    match: str | None
    match_column: str | None
    separator: str | None = None


class FileLabels(Protocol):
    """Look up the labels of files.

    Attributes:
        name: The name of the table, or ``"folders"``.
        findings: The findings.
        comparison: The images that findings are compared with.
        tables: The files that the labels were read from.
        rejected: ``(row, reason)`` of each rejected row.
        notes: Remarks for the user.
    """

    name: str
    findings: list[str]
    comparison: Comparison
    tables: list[Path]
    rejected: list[tuple[str, str]]
    notes: list[Note]

    def label_of(self, file: Path, tags: DicomTags) -> dict[str, int | None] | None:
        """Return a file's label per finding: 1, 0 or None; None if it has no requested label."""

    def unmatched_rows(self) -> tuple[int, int]:
        """Count the rows without a file: those with a requested label, and those without."""


class FolderLabels:
    """Take labels from class folders: each folder of `root` is a class.

    Raises:
        MissingOptionError: ``positive`` is not one folder, or an option needs a table.
        TooFewClassesError: `root` has fewer than two folders.
        UnknownNameError: A name is not one of them.
        PositiveNegativeOverlapError: A folder is positive and negative.
    """

    def __init__(self, root: Path, options: LabelOptions) -> None:
        if options.label or options.match or options.match_column:
            raise MissingOptionError(
                "--label, --match and --match-column need a table of labels. Name it with --labels.",
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
                f"Without --labels, --positive must be one folder in {root} ({', '.join(classes) or 'none found'}).",
                option="--positive",
                given=options.positive,
            )
        if len(classes) < 2:
            raise TooFewClassesError(
                f"{root} must have at least two class folders, found {len(classes)}. Or name a table with --labels.",
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
                f"--positive and --negative are both {positive!r}. Name two different folders.", name=positive
            )
        self._root, self._folder, self._comparison = root, positive, set(others)
        self.name = "folders"
        self.findings = [options.finding or positive]
        self.comparison = compared_with(*others)
        self.tables: list[Path] = []
        self.rejected: list[tuple[str, str]] = []
        self.notes: list[Note] = []

    def label_of(self, file: Path, tags: DicomTags) -> dict[str, int | None] | None:
        """See `FileLabels`."""
        folder = file.relative_to(self._root).parts[0]
        if folder != self._folder and folder not in self._comparison:
            return None
        return {self.findings[0]: int(folder == self._folder)}

    def unmatched_rows(self) -> tuple[int, int]:
        """See `FileLabels`."""
        return 0, 0


@dataclass
class TableLabels:
    """Take labels from a table whose rows identify files."""

    root: Path
    path: Path
    kind: str
    column: str
    truth: Labels
    row_of: dict[str, int]
    rejected: list[tuple[str, str]]
    notes: list[Note]
    matched: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.name = self.path.name
        self.findings = self.truth.findings
        self.comparison = self.truth.comparison
        self.tables = [self.path]
        records = self.truth.values.to_dict("records")
        self._values = [{str(name): None if pd.isna(v) else int(v) for name, v in row.items()} for row in records]

    def label_of(self, file: Path, tags: DicomTags) -> dict[str, int | None] | None:
        """See `FileLabels`."""
        row = next((self.row_of[key] for key in self._keys(file, tags) if key in self.row_of), None)
        if row is None:
            return None
        self.matched.add(row)
        values = self._values[row]
        return values if any(value is not None for value in values.values()) else None

    def unmatched_rows(self) -> tuple[int, int]:
        """See `FileLabels`."""
        rows = [row for row in self.row_of.values() if row not in self.matched]
        labelled = int(self.truth.values.loc[rows].notna().any(axis=1).sum())
        return labelled, len(rows) - labelled

    def _keys(self, file: Path, tags: DicomTags) -> Sequence[str]:
        if self.kind == "path":
            absolute = os.path.abspath(file)
            starts = [os.path.abspath(start) for start in (self.root, self.path.parent)]
            # A row may name the folder of a series.
            named = [absolute, os.path.dirname(absolute)]
            return [os.path.relpath(one, start) for one in named for start in starts] + named
        if self.kind == "file":
            return [file.name, file.stem, file.parent.name]
        identifiers = {
            **{"SOPInstanceUID": tags.uid, "AccessionNumber": tags.accession},
            **{"SeriesInstanceUID": tags.series, "StudyInstanceUID": tags.study},
        }
        return [key for key in [identifiers.get(self.kind, tags.patient)] if key]


def read_labels(root: Path, options: LabelOptions, key: PatientKey) -> FileLabels:
    """Prepare the look-up of labels.

    Args:
        root: The directory of the files.
        options: The options about labels.
        key: The key for patient pseudonyms in reasons.

    Raises:
        MissingOptionError: An option is needed because of another.
        MissingColumnError: The table has no column that identifies files.
        UnknownNameError: A column, value, folder or match is unknown.
    """
    if options.table is None:
        return FolderLabels(root, options)
    if not options.label:
        raise MissingOptionError(
            f"--labels {options.table} needs --label. Name the column that has the label.",
            option="--label",
            given=["--labels"],
        )
    rows = read_text_table(options.table)
    kind, column = _column(rows, options.match, options.match_column)
    notes = list(rows.notes)
    columns = label_columns(rows, options.label)
    truth = read_truth(
        rows, columns, LabelValues(options.positive, options.negative, options.finding, options.separator), notes
    )
    cells = rows.frame[column]
    if kind == "path":
        cells = cells.map(lambda cell: os.path.normpath(cell.replace("\\", "/")) if cell else "")
    reasons = truth.reasons.mask((truth.reasons == "") & (cells == ""), f"its column {column!r} is empty")
    # Reasons are written to a file, so identifiers appear there as pseudonyms.
    public_names = cells if kind in {"path", "file"} else cells.map(lambda text: key.pseudonym(kind, text))
    usable, rejected = select_usable(rows, reasons, public_names, truth.values.astype("string"), f"the {kind}")
    row_of = {str(cells[row]): int(str(row)) for row in usable.index}
    return TableLabels(root, rows.path, kind, column, truth, row_of, rejected, notes)


def _column(rows: TextTable, match: str | None, column: str | None) -> tuple[str, str]:
    if match is not None and match not in MATCHES:
        raise unknown_name("way to match", match, MATCHES)
    kinds = [match] if match else list(MATCHES)
    chosen = find_column(rows, column, ()) if column is not None else None
    for kind in kinds:
        usual_column = find_column(rows, None, MATCHES[kind])
        if chosen is None and usual_column is not None:
            return kind, usual_column
        if chosen is not None and (match or chosen == usual_column):
            return kind, chosen
    if chosen is not None:
        raise MissingOptionError(
            f"It is unknown what column {chosen!r} of {rows.path.name} identifies. Add --match.",
            option="--match",
            given=["--match-column"],
        )
    accepted = [MATCHES[kind][0] for kind in kinds]
    raise MissingColumnError(
        f"{rows.path} has no column {' or '.join(accepted)} that identifies files (columns: "
        f"{', '.join(map(str, rows.frame.columns[:12]))}). Name one with --match and --match-column.",
        file=str(rows.path),
        column=accepted[0],
        accepted=accepted,
        columns=list(map(str, rows.frame.columns)),
    )
