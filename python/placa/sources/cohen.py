"""The covid-chestxray-dataset (Cohen et al. 2020) and its relatives: Figure 1 and Actualmed.

Findings are a path in a tree, ``Pneumonia/Viral/COVID-19``; each node is a label. CT slices and volumes are left out.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from placa.core.progress import Progress
from placa.records.codes import Note
from placa.sources.public.arguments import functions_of
from placa.sources.public.files import find_table
from placa.sources.public.labels import from_lists
from placa.sources.public.records import UNKNOWN, PublicSet, Records
from placa.sources.tables import TextTable, read_text_table
from placa.sources.tables.cells import find_column, read_ages, read_sexes, read_views
from placa.sources.tables.duplicates import reject_duplicates
from placa.sources.tables.words import UNKNOWN as UNKNOWN_WORDS
from placa.sources.tables.words import fold

NORMAL = "No Finding"
_FILE_COLUMNS = ("filename", "imagename", "image", "file")
_VOLUMES = (".nii", ".nii.gz", ".gz")
#: Views of CT.
_PLANES = frozenset({"ct", "axial", "coronal", "sagittal"})
#: Values of the column that do not name a finding.
_SILENT = UNKNOWN_WORDS | {"todo", "inconclusive"}
#: Letters that number the images of one person: COVID-00015a and COVID-00015b.
_LETTER = re.compile(r"(?<=\d)[a-z]$")


def _read(root: Path, choices: dict[str, str], progress: Progress) -> Records:
    table = find_table(root, "the covid-chestxray-dataset", "metadata.csv")
    rows = read_text_table(table, ("patientid", "finding"), optional=("sex", "age", "view", "modality"))
    frame, notes = rows.frame, list(rows.notes)
    files = _files(rows, notes)
    radiograph = _is_radiograph(frame, files)
    if not radiograph.all():
        text = f"rows of CT: {int((~radiograph).sum()):,}; they are not used"
        notes.append(Note(text, "ct_not_used", rows=int((~radiograph).sum())))
    usable = frame[radiograph]
    reasons = rows.reasons({"it names no file": (files == "") & radiograph})
    usable = usable[reasons[usable.index] == ""]
    keep, repeats = reject_duplicates(rows, files[usable.index], usable[["patientid", "finding"]])
    usable = usable[keep]
    images = pd.DataFrame(
        {
            "image_id": files[usable.index],
            "file": files[usable.index],
            "patient_id": _people(usable["patientid"], notes).replace("", pd.NA),
        }
    )
    for name, read in (("sex", read_sexes), ("age", read_ages)):
        if name in usable:
            images[name] = read(usable[name], notes)
    if "view" in usable:
        # "AP Supine" and "AP erect" are AP; "L" is lateral.
        images["view"] = read_views(usable["view"])
    return Records(
        images,
        _labels(usable["finding"], notes),
        tables=[rows.path],
        rejected=rows.reject(reasons) + repeats,
        unused=int((~radiograph).sum()),
        notes=notes,
    )


def _files(rows: TextTable, notes: list[Note]) -> pd.Series:
    """Return the file of each row; Figure 1 has no such column: its files are named by ``patientid``."""
    column = find_column(rows, None, _FILE_COLUMNS)
    if column is None:
        text = "the table has no column of files, so the file of a row is its patientid"
        notes.append(Note(text, "files_by_patient"))
        return rows.frame["patientid"]
    return rows.frame[column]


def _is_radiograph(frame: pd.DataFrame, files: pd.Series) -> pd.Series:
    volume = files.str.casefold().str.endswith(_VOLUMES)
    # Older tables have no modality; they write CT, or the plane, as the view.
    volume |= frame["view"].map(fold).isin(_PLANES) if "view" in frame else False
    if "modality" not in frame:
        return ~volume
    modality = frame["modality"].map(fold)
    return modality.isin(["x-ray", "xray", "x ray", "cr", "dx", ""]) & ~volume


def _people(patients: pd.Series, notes: list[Note]) -> pd.Series:
    people = patients.str.replace(_LETTER, "", regex=True)
    if people.nunique() < patients.nunique():
        text = f"{patients.nunique():,} patientid are {people.nunique():,} people: letters number images of a person"
        notes.append(Note(text, "letters_of_patients", ids=int(patients.nunique()), people=int(people.nunique())))
    return people


def _labels(cells: pd.Series, notes: list[Note]) -> pd.DataFrame:
    numbers, distinct = pd.factorize(cells)
    entries = [_entries(str(cell)) for cell in distinct]
    labels = from_lists(entries, numbers, cells.index)
    silent = np.array([not entry for entry in entries])[numbers]
    labels[silent] = UNKNOWN
    if silent.any():
        text = f"images whose finding is blank, unknown or inconclusive: {int(silent.sum()):,}; their truth is unknown"
        notes.append(Note(text, "labels_without_finding", images=int(silent.sum())))
    return labels


def _entries(cell: str) -> list[str]:
    """Return the nodes of a path: ``Pneumonia/Viral/COVID-19``, or older ``COVID-19, ARDS``."""
    if fold(cell) in _SILENT:
        return []
    parts = [part.strip() for part in re.split(r"[/,;]", cell) if part.strip()]
    named = [NORMAL if fold(part) in ("no finding", "normal") else part for part in parts if fold(part) not in _SILENT]
    # The older tables write COVID-19 without its branch.
    branch = ["Pneumonia", "Viral"] if "COVID-19" in named and "Pneumonia" not in named else []
    return list(dict.fromkeys([*branch, *named]))


COHEN = PublicSet(
    kind="cohen",
    title="covid-chestxray-dataset",
    layout="metadata.csv and images/",
    read=_read,
    not_findings=frozenset({NORMAL}),
    normal=NORMAL,
)
add_arguments, from_options, read_cohen = functions_of(COHEN)
