"""STOIC2021: chest CT volumes with their RT-PCR result and outcome (Revel et al. 2021; Boulogne et al. 2024).

The two labels are the challenge's two tasks. ``COVID``: a positive RT-PCR against a negative one, over all patients.
``Severe``: intubation or death within one month, over the patients with COVID-19 alone, as the challenge ranks it; the
patients without COVID-19 are not used.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pandas as pd

from placa.core.arguments import whole_number
from placa.core.errors import unknown_name
from placa.core.progress import SILENT, Progress
from placa.images.ct.files import read_header
from placa.images.read import ImageRejected, natural_order
from placa.records.reading import SQUARES, slabs
from placa.sources.errors import ImagesNotFoundError, MissingDirectoryError
from placa.sources.source import Source
from placa.sources.tables import Rows, read_rows
from placa.sources.tables.cells import read_ages, read_sexes
from placa.sources.tables.repeats import reject_repeats

_COLUMNS = ("PatientID", "probCOVID", "probSevere")
#: For each label its column, and what it is told apart from.
_LABELS = {
    "COVID": ("probCOVID", "a negative RT-PCR"),
    "Severe": ("probSevere", "COVID-19 without intubation or death within one month"),
}
_SOURCE = "STOIC2021 reference.csv"
_AGES = "ages are STOIC's categories of ten years: 35 stands for all below 40, 45 for 40 to 50, …, 85 for all above 80"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare stoic``."""
    parser.add_argument("root", type=Path, metavar="ROOT", help="holds data/mha/*.mha and metadata/reference.csv")
    parser.add_argument(
        "--positive",
        default="COVID",
        metavar="LABEL",
        help="COVID (RT-PCR), or Severe (intubation or death within a month, among those with COVID-19; "
        "default: %(default)s)",
    )
    parser.add_argument(
        "--slices", type=whole_number, default=SQUARES, help="slabs a volume becomes (default: %(default)s)"
    )


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Make the source that the command line asks for."""
    return read_stoic(options.root, options.positive, options.slices, progress)


def read_stoic(root: Path, positive: str = "COVID", slices: int = SQUARES, progress: Progress = SILENT) -> Source:
    """Read STOIC's table, and find the volumes that are there.

    Args:
        root: A directory with ``metadata/reference.csv`` and ``data/mha/PatientID.mha``.
        positive: ``"COVID"`` or ``"Severe"``.
        slices: How many slabs a volume becomes.
        progress: Where to show the bar.

    Returns:
        One row a volume, each a patient of its own. ``age`` and ``sex`` come from the volumes' headers; STOIC gives the
        age as a category of ten years.

    Raises:
        PlacaError: There is no table, a column is missing, the label is unknown, or no volume is there.
    """
    if positive not in _LABELS:
        raise unknown_name("STOIC label", positive, _LABELS)
    if not root.is_dir():
        raise MissingDirectoryError(
            f"{root} is not a directory: name the one that holds data/mha and metadata.", directory=str(root)
        )
    rows = read_rows(root / "metadata" / "reference.csv", _COLUMNS)
    table, rejected = _sound(rows, positive)
    files = _volumes(root / "data" / "mha")
    column, comparison = _LABELS[positive]
    wanted = table[table["probCOVID"] == "1"] if positive == "Severe" else table
    there = wanted[wanted["PatientID"].isin(files.keys())]
    named = set(rows.frame["PatientID"])
    strays = [path for name, path in files.items() if name not in named]
    rejected += [(path, "reference.csv has no row for it, so its label is unknown") for path in strays]
    if not len(there):
        raise ImagesNotFoundError(
            f"None of the {len(wanted):,} volumes that {rows.path} names for {positive} is in {root}/data/mha: put "
            "PatientID.mha there.",
            images=len(wanted),
            searched=[str(root / "data" / "mha")],
        )
    images = pd.DataFrame(
        {
            "image_id": there["PatientID"],
            "path": there["PatientID"].map(files),
            "patient_id": there["PatientID"],
            positive: there[column].astype(int),
            "label_source": _SOURCE,
        }
    ).reset_index(drop=True)
    notes = [*rows.notes, _AGES]
    images["age"], images["sex"] = _ages_and_sexes(images["path"], notes, progress)
    return Source(
        kind="stoic",
        images=images,
        findings=[positive],
        positive=positive,
        comparison=comparison,
        label_source=_SOURCE,
        rows=len(rows) + len(strays),
        unused=len(table) - len(wanted),
        missing=len(wanted) - len(there),
        rejected=rejected,
        tables=[str(rows.path)],
        notes=notes,
        options={"root": str(root), "positive": positive, "slices": slices},
        reading=slabs(slices),
    )


def _sound(rows: Rows, positive: str) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """The rows whose labels can be used, as ``"0"`` and ``"1"``, and why the others cannot."""
    table = rows.frame[list(_COLUMNS)].copy()
    for name in _COLUMNS[1:]:
        # A table that went through a spreadsheet or pandas says 1.0 for 1.
        table[name] = table[name].str.replace(r"^([01])\.0*$", r"\1", regex=True)
    cells = zip(table["PatientID"], table["probCOVID"], table["probSevere"], strict=True)
    reasons = [_why_not(patient, covid, severe, positive) for patient, covid, severe in cells]
    rejected = rows.rejected + [(rows.where(row), reason) for row, reason in enumerate(reasons) if reason]
    table = table[[not reason for reason in reasons]]
    keep, repeated = reject_repeats(rows, table["PatientID"], table[list(_COLUMNS[1:])], "the patient")
    return table[keep], rejected + repeated


def _why_not(patient: str, covid: str, severe: str, positive: str) -> str:
    """Why a row's label cannot be used, or nothing if it can."""
    if not patient:
        return "it has no PatientID, so nobody can tell its volume"
    if covid not in {"0", "1"}:
        return f"0 or 1 was expected as probCOVID, and {covid!r} stands there"
    if (covid, severe) == ("0", "1"):
        return "it calls the patient severe and the RT-PCR negative, and severe is COVID-19 that became so"
    if positive == "Severe" and covid == "1" and severe not in {"0", "1"}:
        return f"0 or 1 was expected as probSevere, and {severe!r} stands there"
    return ""


def _volumes(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise MissingDirectoryError(
            f"{folder} is not there: STOIC's volumes, PatientID.mha, were expected in it.", directory=str(folder)
        )
    # One listing, not one question a file: a network disk answers thousands of those slowly.
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.lower().endswith(".mha") and entry.name[0] != "."]
    return {name[: -len(".mha")]: os.path.abspath(folder / name) for name in sorted(names, key=natural_order)}


def _ages_and_sexes(paths: pd.Series, notes: list[str], progress: Progress) -> tuple[pd.Series, pd.Series]:
    headers = []
    with progress.bar("reading headers", len(paths)) as advance:
        for path in paths:
            try:
                headers.append(read_header(Path(path)))
            except ImageRejected:
                # Whoever reads the voxels says what is wrong with the file.
                headers.append({})
            advance()
    age, sex = (
        pd.Series([header.get(name, "").strip() for header in headers], index=paths.index, dtype=object)
        for name in ("PatientAge", "PatientSex")
    )
    return read_ages(age, notes), read_sexes(sex, notes)
