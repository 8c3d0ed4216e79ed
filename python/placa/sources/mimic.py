"""MIMIC-CXR-JPG 2.x (Johnson et al. 2019): labels of a study by CheXpert's or NegBio's labeler.

The test set has a second source of labels: those of a radiologist for 687 studies (version 2.1.0). Dates are shifted
for each patient, so they are not used.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from placa.core.progress import Progress
from placa.records.codes import Note
from placa.sources.chexpert import DEVICES, FOURTEEN, NORMAL
from placa.sources.public.arguments import functions_of
from placa.sources.public.files import find_table, find_tables
from placa.sources.public.labels import read_codes
from placa.sources.public.records import UNKNOWN, Choice, PublicSet, Records
from placa.sources.tables import read_text_table
from placa.sources.tables.cells import read_splits, read_views
from placa.sources.tables.duplicates import select_usable
from placa.sources.vocabulary import resolve

_KEYS = ("dicom_id", "subject_id", "study_id")
_READERS = "MIMIC-CXR-JPG radiologist"


def _read(root: Path, choices: dict[str, str], progress: Progress) -> Records:
    rows = read_text_table(
        find_table(root, "MIMIC-CXR-JPG", "mimic-cxr-2*-metadata.csv"), (*_KEYS, "ViewPosition"), only={"ViewPosition"}
    )
    frame, notes, tables = rows.frame, list(rows.notes), [rows.path]
    reasons = rows.reasons({"it has no dicom_id, subject_id or study_id": (frame[list(_KEYS)] == "").any(axis=1)})
    usable, rejected = select_usable(rows, reasons, frame["dicom_id"], frame[["subject_id", "study_id"]])
    usable = usable.reset_index(drop=True)
    labeler = choices["labels"]
    images = pd.DataFrame(
        {
            "image_id": usable["dicom_id"],
            "file": usable["dicom_id"],
            "patient_id": usable["subject_id"],
            "study_id": usable["study_id"],
            # MIMIC's LL is a lateral view.
            "view": read_views(usable["ViewPosition"]),
            "label_source": f"MIMIC-CXR-JPG {labeler}",
        }
    )
    splits = read_text_table(find_table(root, "MIMIC-CXR-JPG", "mimic-cxr-2*-split.csv"), ("dicom_id", "split"))
    tables.append(splits.path)
    images["split"] = images["image_id"].map(splits.frame.set_index("dicom_id")["split"]).fillna("")
    images["split"] = read_splits(images["split"])
    labels, path = _study_labels(root, images["study_id"], labeler, notes)
    text = (
        f"{len(images):,} images of {images['study_id'].nunique():,} studies and "
        f"{images['patient_id'].nunique():,} patients; labels of a study by {labeler}"
    )
    notes.append(Note(text, "studies", studies=int(images["study_id"].nunique())))
    return Records(
        images,
        labels,
        tables=[*tables, path],
        rejected=rejected,
        notes=notes,
        other_labels=_reader_labels(root, images, tables, notes),
    )


def _study_labels(root: Path, studies: pd.Series, labeler: str, notes: list[Note]) -> tuple[pd.DataFrame, Path]:
    """Return the labels of each image's study; an image of a study without labels has unknown ones."""
    rows = read_text_table(find_table(root, "MIMIC-CXR-JPG", f"mimic-cxr-2*-{labeler}.csv"), ("study_id", *FOURTEEN))
    codes, invalid = read_codes(rows.frame[list(FOURTEEN)])
    codes[invalid != ""] = UNKNOWN
    if (invalid != "").any():
        count, first = int((invalid != "").sum()), rows.location(int((invalid != "").to_numpy().argmax()))
        text = f"rows whose labels are not 1, 0, -1 or blank: {count:,}, the first in {first}; their truth is unknown"
        notes.append(Note(text, "labels_invalid", rows=count))
    codes.index = pd.Index(rows.frame["study_id"])
    codes = codes[~codes.index.duplicated()]
    labels = codes.reindex(studies).reset_index(drop=True)
    without = int(labels.isna().any(axis=1).sum())
    if without:
        text = f"images of studies that {labeler} did not label: {without:,}; their truth is unknown"
        notes.append(Note(text, "studies_without_labels", images=without))
    return labels.fillna(UNKNOWN).astype("int8"), rows.path


def _reader_labels(root: Path, images: pd.DataFrame, tables: list[Path], notes: list[Note]) -> pd.DataFrame | None:
    """Read the radiologist's labels of test studies, as labels of a second source."""
    found = find_tables(root, "mimic-cxr-2*-test-set-labeled.csv")
    if not found:
        return None
    rows = read_text_table(found[0], ("study_id",))
    tables.append(rows.path)
    frame = rows.frame.rename(columns={"Airspace Opacity": "Lung Opacity"})
    names = [name for name in FOURTEEN if name in frame and name != NORMAL]
    codes, _ = read_codes(frame[names])
    long = codes.assign(study_id=frame["study_id"]).melt("study_id", var_name="label", value_name="truth")
    long = long[long["truth"].isin([0, 1])].merge(images[["study_id", "image_id", "patient_id"]], on="study_id")
    finding = {name: resolve("mimic", "MIMIC-CXR-JPG", name, FOURTEEN)[0] for name in names}
    text = f"labels of a radiologist for {frame['study_id'].nunique():,} studies: the second source of the audit"
    notes.append(Note(text, "reader_labels", studies=int(frame["study_id"].nunique())))
    return pd.DataFrame(
        {
            "image_id": long["image_id"].astype("string"),
            "patient_id": long["patient_id"].astype("string"),
            "finding": long["label"].map(finding).astype("string"),
            "label_source": pd.Series(_READERS, index=long.index, dtype="string"),
            "subset": pd.Series("test", index=long.index, dtype="string"),
            "truth": long["truth"].astype("Int8"),
        }
    )


MIMIC = PublicSet(
    kind="mimic",
    title="MIMIC-CXR-JPG",
    layout="mimic-cxr-2.0.0-metadata.csv.gz, -split.csv.gz, -chexpert.csv.gz and files/p10/…",
    read=_read,
    uncertain="unknown",
    blank="negative",
    views=("frontal",),
    not_findings=frozenset({NORMAL, DEVICES}),
    normal=NORMAL,
    choices=(Choice("labels", ("chexpert", "negbio"), "whose labeler of reports to use"),),
)
add_arguments, from_options, read_mimic = functions_of(MIMIC)
