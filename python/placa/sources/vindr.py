"""VinDr-CXR (Nguyen et al. 2022), from PhysioNet or Kaggle: three readers per training image, a consensus for testing.

A training image has many rows, one per reader and finding. Which readers looked at an image depends on its findings, so
the readers predict them: the audit has a probe for it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from placa.core.progress import Progress
from placa.records.codes import Note
from placa.sources.public.arguments import functions_of
from placa.sources.public.files import find_table, find_tables
from placa.sources.public.records import Choice, PublicSet, Records
from placa.sources.tables import TextTable, read_text_table

NORMAL = "No finding"
CONSENSUS = "consensus"
_KEYS = ("image_id", "rad_id")
_BOX = ("x_min", "y_min", "x_max", "y_max")
_TRAIN, _TEST, _KAGGLE = "image_labels_train.csv", "image_labels_test.csv", "train.csv"


def _read(root: Path, choices: dict[str, str], progress: Progress) -> Records:
    first = find_table(root, "VinDr-CXR", _TRAIN, _TEST, _KAGGLE)
    # Kaggle's table has the labels and the boxes; PhysioNet's are four tables.
    kaggle = first.name.startswith(_KAGGLE)
    splits = {_KAGGLE: "train"} if kaggle else {_TRAIN: "train", _TEST: "test"}
    columns = ("image_id", "rad_id", "class_name") if kaggle else ("image_id",)
    tables, notes, rejected, parts = [], [], [], []
    for name, split in splits.items():
        for path in find_tables(root, name)[:1]:
            rows = read_text_table(path, columns, optional=("rad_id",))
            tables.append(path)
            notes += rows.notes
            read, problems = _kaggle_labels(rows) if kaggle else _wide_labels(rows)
            rejected += problems
            parts.append(_join(read, len(rows), split, choices["readers"], notes))
    images = pd.concat([part[0] for part in parts], ignore_index=True)
    labels = pd.concat([part[1] for part in parts], ignore_index=True).fillna(0).astype("int8")
    boxed = [first] if kaggle else find_tables(root, "annotations_train.csv", "annotations_test.csv")
    tables += [path for path in boxed if path not in tables]
    boxes = pd.concat([_boxes(path) for path in boxed], ignore_index=True) if boxed else None
    text = "VinDr-CXR names no patients, so groups of similar images are found"
    notes.append(Note(text, "patients_unknown_in_set"))
    return Records(images, labels, tables=tables, rejected=rejected, notes=notes, boxes=boxes)


def _kaggle_labels(rows: TextTable) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Return one row per image, reader and finding, and the rejected rows."""
    frame = rows.frame[["image_id", "rad_id", "class_name"]].rename(columns={"class_name": "label"})
    reasons = rows.reasons({"it has an empty cell": (frame == "").any(axis=1)})
    return frame[reasons == ""].drop_duplicates(), rows.reject(reasons)


def _wide_labels(rows: TextTable) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    frame = rows.frame
    reader = frame["rad_id"] if "rad_id" in frame else pd.Series(CONSENSUS, index=frame.index)
    columns = [name for name in frame if name not in _KEYS]
    # The test table of version 1.0.0 writes "Other disease", the training table "Other diseases".
    names = [{"Other disease": "Other diseases"}.get(name, name) for name in map(str, columns)]
    cells = frame[columns].apply(lambda column: column.str.replace(r"\.0*$", "", regex=True))
    reasons = rows.reasons({"a label is not 0 or 1": (~cells.isin(["0", "1"])).any(axis=1)})
    usable = np.flatnonzero(reasons == "")
    row, column = np.nonzero(cells.to_numpy()[usable] == "1")
    kept = usable[row]
    long = pd.DataFrame(
        {
            "image_id": frame["image_id"].to_numpy()[kept],
            "rad_id": reader.to_numpy()[kept],
            "label": np.asarray(names, dtype=object)[column],
        }
    )
    # A reader without any 1 still looked at the image.
    silent = np.setdiff1d(usable, kept)
    none = pd.DataFrame({"image_id": frame["image_id"].to_numpy()[silent], "rad_id": reader.to_numpy()[silent]})
    return pd.concat([long, none.assign(label="")], ignore_index=True), rows.reject(reasons)


def _join(read: pd.DataFrame, rows: int, split: str, rule: str, notes: list[Note]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join the rows of each image by the rule of ``--readers``."""
    ids, names = pd.factorize(read["image_id"])
    labels, columns = pd.factorize(read["label"])
    pairs = read[["image_id", "rad_id"]].drop_duplicates()
    count = np.bincount(names.get_indexer(pd.Index(pairs["image_id"])), minlength=len(names))
    votes = np.zeros((len(names), len(columns)), dtype=np.int16)
    np.add.at(votes, (ids, labels), 1)
    votes = np.minimum(votes, count[:, None])
    present = {"any": votes > 0, "majority": 2 * votes > count[:, None], "all": votes == count[:, None]}
    who = pairs.sort_values(["image_id", "rad_id"]).groupby("image_id")["rad_id"].agg(" ".join)
    images = pd.DataFrame({"image_id": names, "file": names, "split": split})
    images["reader"] = images["image_id"].map(who)
    images["label_source"] = "VinDr-CXR " + (CONSENSUS if split == "test" else rule)
    # A reader without a finding has the label "".
    tables = {
        name: pd.DataFrame(found, columns=columns).drop(columns="", errors="ignore") for name, found in present.items()
    }
    if (count > 1).any():
        notes += _agreement(rows, tables, rule)
    return images, tables[rule].astype("int8")


def _agreement(rows: int, present: dict[str, pd.DataFrame], rule: str) -> list[Note]:
    """Describe how often the readers agree, from the labels that each rule gives."""
    images = len(present[rule])
    counts = pd.DataFrame({how: table.sum() for how, table in present.items()})
    shown = [f"{name} {some:,}, {most:,}, {every:,}" for name, some, most, every in counts.sort_index().itertuples()]
    findings = counts.drop(index=NORMAL, errors="ignore")
    agreed = findings["all"].sum() / max(findings["any"].sum(), 1)
    text = (
        f"{rows:,} rows are {images:,} images, read by several readers each; positive by any, majority, all: "
        f"{'; '.join(shown)} (--readers {rule})"
    )
    agreement = f"all readers agree on {agreed:.0%} of the findings that one of them reports"
    return [
        Note(text, "reader_agreement", rows=rows, images=images),
        Note(agreement, "agreement_of_positives", share=float(agreed)),
    ]


def _boxes(path: Path) -> pd.DataFrame:
    frame = read_text_table(path, ("image_id", "class_name", *_BOX), optional=("width", "height")).frame
    left, top, right, bottom = (pd.to_numeric(frame[name], errors="coerce") for name in _BOX)
    boxes = pd.DataFrame(
        {
            "image_id": frame["image_id"],
            "label": frame["class_name"],
            "x": left,
            "y": top,
            "width": right - left,
            "height": bottom - top,
        }
    )
    boxes = boxes.dropna()
    if {"width", "height"} <= set(frame):
        # Copies with resized images have the size of the original, to which the boxes refer.
        for side in ("width", "height"):
            boxes[f"image_{side}"] = pd.to_numeric(frame.loc[boxes.index, side], errors="coerce")
    return boxes


VINDR = PublicSet(
    kind="vindr",
    title="VinDr-CXR",
    layout="annotations/image_labels_train.csv and others, or Kaggle's train.csv, and train/, test/ (DICOM or PNG)",
    read=_read,
    negative=NORMAL,
    not_findings=frozenset({NORMAL}),
    normal=NORMAL,
    choices=(Choice("readers", ("majority", "any", "all"), "how many of the readers must report a finding"),),
)
add_arguments, from_options, read_vindr = functions_of(VINDR)
