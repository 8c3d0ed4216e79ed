"""CheXpert (Irvin et al. 2019), the full set or CheXpert-small: labels of a study, with uncertain and blank ones.

The labels of the training set are those of a labeler of reports: 1, 0, -1 (uncertain) and blank (not mentioned). Those
of the validation and test sets are the majority of radiologists. All images of a study have the same labels.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from placa.core.progress import Progress
from placa.records.codes import Note
from placa.sources.public.arguments import functions_of
from placa.sources.public.files import find_table, find_tables
from placa.sources.public.labels import read_codes
from placa.sources.public.records import BLANK, POSITIVE, UNCERTAIN, PublicSet, Records
from placa.sources.tables import TextTable, read_text_table
from placa.sources.tables.cells import by_value, read_ages, read_sexes
from placa.sources.tables.duplicates import select_usable

NORMAL, DEVICES = "No Finding", "Support Devices"
#: The labels of CheXpert and MIMIC-CXR-JPG.
FOURTEEN = (
    NORMAL,
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    DEVICES,
)
#: The tables, their split, and the origin of their labels.
_TABLES = (
    (("train.csv", "train_visualCheXbert.csv"), "train", "CheXpert labeler"),
    (("valid.csv", "val_labels.csv"), "validation", "CheXpert radiologists"),
    (("test.csv", "test_labels.csv"), "test", "CheXpert radiologists"),
)
_PATH = r"(?P<patient>patient\d+)/(?P<study>study\d+)/(?P<file>[^/]+)$"
#: Columns that the tables of labels alone lack.
_FACTS = ("Sex", "Age", "Frontal/Lateral", "AP/PA")
#: Number of parts of a path that identify an image: patient, study, file.
_PARTS = 3
#: Ages above this are written as this.
_CAP = 90


def _read(root: Path, choices: dict[str, str], progress: Progress) -> Records:
    find_table(root, "CheXpert", *(name for names, _, _ in _TABLES for name in names))
    parts, tables, notes, rejected = [], [], [], []
    for names, split, source in _TABLES:
        found = find_tables(root, *names)
        if not found:
            continue
        rows = read_text_table(found[0], ("Path", *FOURTEEN), optional=_FACTS)
        tables.append(rows.path)
        notes += rows.notes
        part, problems = _read_table(rows, notes)
        rejected += problems
        parts.append(part.assign(split=split, label_source=source))
    table = pd.concat(parts, ignore_index=True)
    labels = table[list(FOURTEEN)]
    notes += _remarks(table, labels)
    return Records(
        table.drop(columns=list(FOURTEEN)), labels, tables=tables, parts=_PARTS, rejected=rejected, notes=notes
    )


def _read_table(rows: TextTable, notes: list[Note]) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    frame = rows.frame
    paths = frame["Path"].str.replace("\\", "/")
    parsed = paths.str.extract(_PATH)
    codes, invalid = read_codes(frame[list(FOURTEEN)])
    reasons = invalid.map(lambda cell: f"its label {cell!r} is not 1, 0, -1 or blank" if cell else "")
    reasons = reasons.mask(parsed["patient"].isna(), "its path has no patient and study, so it cannot be split")
    frame, rejected = select_usable(rows, reasons, paths, frame[list(FOURTEEN)])
    parsed, codes = parsed.loc[frame.index], codes.loc[frame.index]
    ending = parsed["patient"] + "/" + parsed["study"] + "/" + parsed["file"]
    images = pd.DataFrame(
        {
            "image_id": ending,
            "file": ending,
            "patient_id": parsed["patient"],
            "study_id": parsed["patient"] + "/" + parsed["study"],
            "view": _views(frame, parsed["file"]),
        }
    )
    if "Age" in frame:
        ages = read_ages(frame["Age"], notes)
        # Nobody of age 0 is in CheXpert: it means unknown.
        images["age"] = ages.where(ages > 0)
    if "Sex" in frame:
        images["sex"] = read_sexes(frame["Sex"], notes)
    return images.join(codes), rejected


def _views(frame: pd.DataFrame, files: pd.Series) -> pd.Series:
    """Return PA, AP, LATERAL or others; the tables of labels alone have the side in the name of the file."""
    if "Frontal/Lateral" not in frame:
        lateral = files.str.contains("lateral", case=False)
        return lateral.map({True: "LATERAL", False: "FRONTAL"}).astype("string")
    side = frame["Frontal/Lateral"].str.upper().str.strip()
    # LL and RL of frontal images are decubitus views: neither PA nor AP.
    projection = frame["AP/PA"].str.upper().replace({"LL": "LL DECUBITUS", "RL": "RL DECUBITUS", "": "FRONTAL"})
    return by_value(side + "|" + projection, lambda cells: cells.map(_view)).astype("string")


def _view(cell: str) -> str:
    side, projection = cell.split("|")
    return "LATERAL" if side == "LATERAL" else projection


def _remarks(table: pd.DataFrame, labels: pd.DataFrame) -> list[Note]:
    findings = labels[[name for name in FOURTEEN if name not in (NORMAL, DEVICES)]]
    shown = (labels[NORMAL] == POSITIVE) | findings.isin([POSITIVE, UNCERTAIN]).any(axis=1)
    nothing, blank = int((~shown).sum()), int((labels == BLANK).all(axis=1).sum())
    notes = []
    if nothing:
        text = (
            f"rows that show nothing: neither No Finding nor a positive or uncertain finding: {nothing:,}, of which "
            f"{blank:,} have no label at all; --blank decides about them"
        )
        notes.append(Note(text, "rows_that_show_nothing", rows=nothing, blank=blank))
    with_devices = int(((labels[NORMAL] == POSITIVE) & (labels[DEVICES] == POSITIVE)).sum())
    if with_devices:
        text = f"No Finding with Support Devices: {with_devices:,} of {int((labels[NORMAL] == POSITIVE).sum()):,} rows"
        notes.append(Note(text, "no_finding_with_devices", rows=with_devices))
    capped = int((table["age"] == _CAP).sum()) if "age" in table else 0
    if capped:
        text = f"ages above {_CAP} are written as {_CAP}: {capped:,} images"
        notes.append(Note(text, "ages_capped", images=capped, cap=_CAP))
    studies = table["study_id"].nunique()
    text = f"{len(table):,} images of {studies:,} studies and {table['patient_id'].nunique():,} patients"
    notes.append(Note(text, "studies", studies=int(studies), patients=int(table["patient_id"].nunique())))
    return notes


CHEXPERT = PublicSet(
    kind="chexpert",
    title="CheXpert",
    layout="train.csv, valid.csv, test.csv and the folders train/, valid/, test/",
    read=_read,
    uncertain="unknown",
    blank="negative",
    views=("frontal",),
    not_findings=frozenset({NORMAL, DEVICES}),
    normal=NORMAL,
)
add_arguments, from_options, read_chexpert = functions_of(CHEXPERT)
