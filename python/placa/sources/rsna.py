"""RSNA Pneumonia Detection Challenge (Shih et al. 2019): 26,684 images of NIH ChestX-ray14 with boxes of opacities.

``patientId`` identifies an image, not a patient. The patients are known only through the published mapping to NIH.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from placa.core.progress import Progress
from placa.records.codes import Note
from placa.sources.errors import MissingFileError
from placa.sources.public.arguments import functions_of
from placa.sources.public.files import find_table, find_tables
from placa.sources.public.mapping import map_to_nih
from placa.sources.public.records import UNKNOWN, PublicSet, Records
from placa.sources.tables import read_text_table
from placa.sources.tables.cells import read_ages, read_sexes, read_views

OPACITY, NORMAL, NOT_NORMAL = "Lung Opacity", "Normal", "No Lung Opacity / Not Normal"
_TABLE, _CLASSES = "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"
_SIDES = ["x", "y", "width", "height"]
#: Side of the images, in pixels: the unit of the boxes.
_SIDE = 1024.0


def _read(root: Path, choices: dict[str, str], progress: Progress) -> Records:
    rows = read_text_table(find_table(root, "RSNA", _TABLE), ("patientId", *_SIDES, "Target"))
    frame, notes = rows.frame, list(rows.notes)
    target = frame["Target"].str.replace(r"\.0*$", "", regex=True)
    reasons = rows.reasons(
        {"it has no patientId": frame["patientId"] == "", "its Target is not 0 or 1": ~target.isin(["0", "1"])}
    )
    usable = frame[reasons == ""].assign(Target=target.astype(str))
    by_image = usable.groupby("patientId", sort=False)["Target"]
    contradictory = usable["patientId"].map(by_image.nunique()) > 1
    rejected = rows.reject(reasons)
    rejected += [(rows.location(int(row)), "its image also has another Target") for row in usable.index[contradictory]]
    usable = usable[~contradictory]
    first = usable.drop_duplicates("patientId").reset_index(drop=True)
    images = pd.DataFrame({"image_id": first["patientId"], "file": first["patientId"]})
    joined = len(usable) - len(first)
    text = f"{len(usable):,} rows are {len(first):,} images: a row per box"
    notes.append(Note(text, "rows_joined", rows=len(usable), images=len(first), joined=joined))
    labels = pd.DataFrame({OPACITY: (first["Target"] == "1").astype("int8")})
    tables = [rows.path, *_add_classes(root, images, labels, notes), *map_to_nih(root, images, notes)]
    tables += _add_headers(root, images, notes)
    positive = usable[usable["Target"] == "1"]
    numbers = positive[_SIDES].apply(pd.to_numeric, errors="coerce")
    boxes = numbers.assign(image_id=positive["patientId"], label=OPACITY).dropna().reset_index(drop=True)
    return Records(images, labels, tables=tables, rejected=rejected, notes=notes, boxes=boxes, box_side=_SIDE)


def _add_classes(root: Path, images: pd.DataFrame, labels: pd.DataFrame, notes: list[Note]) -> list[Path]:
    """Add the detailed classes; without their table, ``Normal`` is unknown."""
    try:
        rows = read_text_table(find_table(root, "RSNA", _CLASSES), ("patientId", "class"))
    except MissingFileError:
        text = f"{_CLASSES} is missing: images without an opacity are not divided into normal and not normal"
        notes.append(Note(text, "classes_missing", file=_CLASSES))
        return []
    classes = rows.frame.drop_duplicates("patientId").set_index("patientId")["class"]
    found = images["image_id"].map(classes)
    for name in (NORMAL, NOT_NORMAL):
        labels[name] = (found == name).astype("int8").mask(found.isna(), UNKNOWN)
    unknown = int(found.isna().sum())
    if unknown:
        text = f"images without a class in {rows.path.name}: {unknown:,}; whether they are normal is unknown"
        notes.append(Note(text, "classes_unknown", images=unknown))
    counts = {str(name): int(n) for name, n in found.value_counts().items()}
    notes.append(Note("classes: " + ", ".join(f"{n:,} {name}" for name, n in counts.items()), "classes", **counts))
    return [rows.path]


def _add_headers(root: Path, images: pd.DataFrame, notes: list[Note]) -> list[Path]:
    """Add view, sex and age, if a table of the DICOM headers is there."""
    found = find_tables(root, "*dicom_headers*.csv", "*dicom_metadata*.csv")
    if not found:
        return []
    rows = read_text_table(found[0], ("PatientID", "ViewPosition", "PatientSex", "PatientAge"))
    frame = rows.frame.drop_duplicates("PatientID").set_index("PatientID").reindex(images["image_id"])
    frame = frame.fillna("").reset_index(drop=True)
    images["view"] = read_views(frame["ViewPosition"])
    images["sex"] = read_sexes(frame["PatientSex"], notes, "dicom")
    images["age"] = read_ages(frame["PatientAge"], notes)
    return [rows.path]


RSNA = PublicSet(
    kind="rsna",
    title="RSNA",
    layout=f"{_TABLE}, {_CLASSES} and stage_2_train_images/*.dcm",
    read=_read,
    not_findings=frozenset({NORMAL, NOT_NORMAL}),
    normal=NORMAL,
)
add_arguments, from_options, read_rsna = functions_of(RSNA)
