"""STOIC2021: chest CT volumes with their RT-PCR result and outcome (Revel et al. 2021; Boulogne et al. 2024).

The two labels are the two tasks of the challenge. ``COVID``: positive against negative RT-PCR, over all patients.
``Severe``: intubation or death within one month, among patients with COVID-19, as in the challenge's ranking; patients
without COVID-19 are not used.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pandas as pd

from placa.core.arguments import positive_integer
from placa.core.errors import require_known
from placa.core.progress import SILENT, Progress
from placa.images.ct.files import read_header
from placa.images.read import ImageRejected, natural_order
from placa.records.codes import Note
from placa.records.reading import SQUARES, slabs
from placa.records.source import compared_with
from placa.sources.errors import ImagesNotFoundError, MissingDirectoryError
from placa.sources.recognise import naming_another_source
from placa.sources.source import Source, require_directory
from placa.sources.tables import TextTable, read_text_table
from placa.sources.tables.cells import read_ages, read_sexes
from placa.sources.tables.duplicates import select_usable

_COLUMNS = ("PatientID", "probCOVID", "probSevere")
#: Each label's column, and its comparison.
_LABELS = {
    "COVID": ("probCOVID", compared_with("negative_rt_pcr")),
    "Severe": ("probSevere", compared_with("covid_not_severe")),
}
_SOURCE = "STOIC2021 reference.csv"
_AGES = Note(
    "ages are STOIC's ten-year categories: 35 means below 40, 45 means 40 to 50, …, 85 means above 80",
    "ages_in_decades",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare stoic``."""
    add = parser.add_argument
    add("root", type=Path, metavar="ROOT", help="directory with data/mha/*.mha and metadata/reference.csv")
    add(
        "--positive",
        default="COVID",
        metavar="LABEL",
        help="COVID (RT-PCR), or Severe (intubation or death within a month, among patients with COVID-19; "
        "default: %(default)s)",
    )
    add("--slices", type=positive_integer, default=SQUARES, help="number of slabs per volume (default: %(default)s)")


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Read the source that the command line names."""
    return read_stoic(options.root, options.positive, options.slices, progress)


def read_stoic(root: str | Path, positive: str = "COVID", slices: int = SQUARES, progress: Progress = SILENT) -> Source:
    """Read STOIC's table, and find the existing volumes.

    Args:
        root: A directory with ``metadata/reference.csv`` and ``data/mha/PatientID.mha``.
        positive: ``"COVID"`` or ``"Severe"``.
        slices: The number of slabs per volume, 1 or more.
        progress: Where the progress bar is shown.

    Returns:
        One row per volume; each volume is one patient. ``age`` and ``sex`` are read from the headers of the volumes;
        ``age`` is a ten-year category.

    Raises:
        UnknownNameError: The label is unknown.
        MissingDirectoryError: `root` or its ``data/mha`` is not a directory.
        MissingColumnError: The table lacks a column.
        ImagesNotFoundError: None of the volumes exists.
    """
    root = Path(root)
    require_known("STOIC label", positive, _LABELS)
    require_directory(root, "data/mha and metadata")
    with naming_another_source(root, "stoic"):
        rows = read_text_table(root / "metadata" / "reference.csv", _COLUMNS)
    table, rejected = _usable_labels(rows, positive)
    files = _volumes(root / "data" / "mha")
    column, comparison = _LABELS[positive]
    selected = table[table["probCOVID"] == "1"] if positive == "Severe" else table
    existing = selected[selected["PatientID"].isin(files.keys())]
    named = set(rows.frame["PatientID"])
    unlisted = [path for name, path in files.items() if name not in named]
    rejected += [(path, "reference.csv has no row for it, so its label is unknown") for path in unlisted]
    if not len(existing):
        raise ImagesNotFoundError(
            f"None of the {len(selected):,} volumes with a {positive} label in {rows.path} exists. Put PatientID.mha "
            f"in {root}/data/mha.",
            images=len(selected),
            searched=[str(root / "data" / "mha")],
        )
    images = pd.DataFrame(
        {
            "image_id": existing["PatientID"],
            "path": existing["PatientID"].map(files),
            "patient_id": existing["PatientID"],
            positive: existing[column].astype(int),
            "label_source": _SOURCE,
        }
    ).reset_index(drop=True)
    notes = [*rows.notes, _AGES]
    images["age"], images["sex"] = _ages_and_sexes(images["path"], notes, progress)
    return Source(
        kind="stoic",
        images=images,
        findings=[positive],
        comparison=comparison,
        label_source=_SOURCE,
        rows=len(rows) + len(unlisted),
        unused=len(table) - len(selected),
        missing=len(selected) - len(existing),
        missing_files=[
            (rows.location(int(str(row))), f"{name}.mha")
            for row, name in selected["PatientID"].items()
            if name not in files
        ],
        rejected=rejected,
        tables=[str(rows.path)],
        notes=notes,
        options={"root": str(root), "positive": positive, "slices": slices},
        reading=slabs(slices),
    )


def _usable_labels(rows: TextTable, positive: str) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Select the rows with usable labels, as ``"0"`` and ``"1"``; list the others with the reason."""
    table = rows.frame[list(_COLUMNS)].copy()
    for name in _COLUMNS[1:]:
        # Spreadsheets and pandas may write 1.0 for 1.
        table[name] = table[name].str.replace(r"^([01])\.0*$", r"\1", regex=True)
    cells = zip(table["PatientID"], table["probCOVID"], table["probSevere"], strict=True)
    reasons = [_label_problem(patient, covid, severe, positive) for patient, covid, severe in cells]
    labels = table[list(_COLUMNS[1:])]
    usable, rejected = select_usable(
        rows, pd.Series(reasons, table.index, dtype=object), table["PatientID"], labels, "the patient"
    )
    return table.loc[usable.index], rejected


def _label_problem(patient: str, covid: str, severe: str, positive: str) -> str:
    """Return the reason why a row's label cannot be used; ``""`` if it can."""
    if not patient:
        return "it has no PatientID, so its volume is unknown"
    if covid not in {"0", "1"}:
        return f"probCOVID must be 0 or 1, got {covid!r}"
    if (covid, severe) == ("0", "1"):
        return "it is severe with a negative RT-PCR: severe means severe COVID-19"
    if positive == "Severe" and covid == "1" and severe not in {"0", "1"}:
        return f"probSevere must be 0 or 1, got {severe!r}"
    return ""


def _volumes(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise MissingDirectoryError(
            f"{folder} is not a directory. Put STOIC's volumes, PatientID.mha, there.", directory=str(folder)
        )
    # One directory listing is faster on a network disk than thousands of single look-ups.
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.lower().endswith(".mha") and entry.name[0] != "."]
    return {name[: -len(".mha")]: os.path.abspath(folder / name) for name in sorted(names, key=natural_order)}


def _ages_and_sexes(paths: pd.Series, notes: list[Note], progress: Progress) -> tuple[pd.Series, pd.Series]:
    headers = []
    with progress.bar("reading headers", len(paths)) as advance:
        for path in paths:
            try:
                headers.append(read_header(Path(path)))
            except ImageRejected:
                # The reader of the voxels reports what is wrong with the file.
                headers.append({})
            advance()
    age, sex = (
        pd.Series([header.get(name, "").strip() for header in headers], index=paths.index, dtype=object)
        for name in ("PatientAge", "PatientSex")
    )
    return read_ages(age, notes), read_sexes(sex, notes, "dicom")
