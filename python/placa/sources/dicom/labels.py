"""The labels of DICOM files: from the rows of a table, or from the class folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from placa.core.errors import require_known
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
from placa.sources.table.labels import LabelValues, label_columns, read_truth
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


#: The kind of `FileLabels` that takes labels from class folders.
_FOLDER = "folder"


@dataclass
class FileLabels:
    """Look up the labels of files, by the class folder of each or by the row of a table that identifies it.

    Attributes:
        root: The directory of the files.
        kind: What identifies a file: one of `MATCHES`, or ``"folder"``.
        labels: The label per finding, 1, 0 or None, of each folder or of what a row identifies.
        findings: The findings.
        comparison: The images that findings are compared with.
        table: The table; None for class folders.
        column: Its column that identifies files.
        rejected: ``(row, reason)`` of each rejected row.
        notes: Remarks for the user.
    """

    root: Path
    kind: str
    labels: dict[str, dict[str, int | None]]
    findings: list[str]
    comparison: Comparison
    table: Path | None = None
    column: str | None = None
    rejected: list[tuple[str, str]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    _matched: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The name of the table, or ``"folders"``."""
        return self.table.name if self.table is not None else "folders"

    def label_of(self, file: Path, tags: DicomTags) -> dict[str, int | None] | None:
        """Return a file's label per finding: 1, 0 or None; None if it has no requested label."""
        key = next((key for key in self._keys(file, tags) if key in self.labels), None)
        if key is None:
            return None
        self._matched.add(key)
        return self.labels[key] if _is_labelled(self.labels[key]) else None

    def unmatched_rows(self) -> tuple[int, int]:
        """Count the rows of the table without a file: those with a requested label, and those without."""
        rows = [label for key, label in self.labels.items() if key not in self._matched and self.table is not None]
        labelled = sum(map(_is_labelled, rows))
        return labelled, len(rows) - labelled

    def _keys(self, file: Path, tags: DicomTags) -> Sequence[str]:
        if self.kind == _FOLDER:
            return [file.relative_to(self.root).parts[0]]
        if self.kind == "path" and self.table is not None:
            absolute = os.path.abspath(file)
            starts = [os.path.abspath(start) for start in (self.root, self.table.parent)]
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


def _is_labelled(label: dict[str, int | None]) -> bool:
    return any(value is not None for value in label.values())


def read_labels(
    root: Path,
    table: Path | None,
    label: list[str],
    values: LabelValues,
    match: str | None,
    match_column: str | None,
    key: PatientKey,
) -> FileLabels:
    """Prepare the look-up of labels.

    Args:
        root: The directory of the files.
        table: The table of labels; None for class folders.
        label: Its label columns.
        values: The options about values; without a table, names of folders.
        match: One of `MATCHES`; None for the first that the table has.
        match_column: The column for `match`; None for a usual name.
        key: The key for patient pseudonyms in reasons.

    Raises:
        MissingOptionError: An option is needed because of another.
        MissingColumnError: The table has no column that identifies files.
        UnknownNameError: A column, value, folder or match is unknown.
        TooFewClassesError: `root` has fewer than two folders, and there is no table.
        PositiveNegativeOverlapError: A folder is positive and negative.
    """
    if table is None:
        given = {"--label": label, "--match": match, "--match-column": match_column}
        if any(given.values()):
            raise MissingOptionError(
                "--label, --match and --match-column need a table of labels. Name it with --labels.",
                option="--labels",
                given=[option for option, value in given.items() if value],
            )
        return _folder_labels(root, values)
    if not label:
        raise MissingOptionError(
            f"--labels {table} needs --label. Name the column that has the label.",
            option="--label",
            given=["--labels"],
        )
    rows = read_text_table(table)
    kind, column = _column(rows, match, match_column)
    notes = list(rows.notes)
    truth = read_truth(rows, label_columns(rows, label), values, notes)
    cells = rows.frame[column]
    if kind == "path":
        cells = cells.map(lambda cell: os.path.normpath(cell.replace("\\", "/")) if cell else "")
    reasons = truth.reasons.mask((truth.reasons == "") & (cells == ""), f"its column {column!r} is empty")
    # Reasons are written to a file, so identifiers appear there as pseudonyms.
    public_names = cells if kind in {"path", "file"} else cells.map(lambda text: key.pseudonym(kind, text))
    usable, rejected = select_usable(rows, reasons, public_names, truth.values.astype("string"), f"the {kind}")
    labels = {
        str(cell): {str(name): None if pd.isna(value) else int(value) for name, value in row.items()}
        for cell, row in zip(cells[usable.index], truth.values.loc[usable.index].to_dict("records"), strict=True)
    }
    return FileLabels(root, kind, labels, truth.findings, truth.comparison, rows.path, column, rejected, notes)


def _folder_labels(root: Path, values: LabelValues) -> FileLabels:
    """Take labels from class folders: each folder of `root` is a class."""
    classes = class_folders(root)
    if len(values.positive) != 1:
        raise MissingOptionError(
            f"Without --labels, --positive must be one folder in {root} ({', '.join(classes) or 'none found'}).",
            option="--positive",
            given=values.positive,
        )
    if len(classes) < 2:
        raise TooFewClassesError(
            f"{root} must have at least two class folders, found {len(classes)}. Or name a table with --labels.",
            directory=str(root),
            classes=classes,
        )
    for name in values.positive + values.negative:
        require_known("class folder", name, classes)
    (positive,) = values.positive
    others = values.negative or [name for name in classes if name != positive]
    if positive in others:
        raise PositiveNegativeOverlapError(
            f"--positive and --negative are both {positive!r}. Name two different folders.", name=positive
        )
    finding = values.finding or positive
    labels: dict[str, dict[str, int | None]] = {name: {finding: int(name == positive)} for name in (positive, *others)}
    return FileLabels(root, _FOLDER, labels, [finding], compared_with(*others))


def _column(rows: TextTable, match: str | None, column: str | None) -> tuple[str, str]:
    if match is not None:
        require_known("way to match", match, MATCHES)
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
