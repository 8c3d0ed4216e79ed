"""Kermany's chest_xray (Kermany et al. 2018): children of one hospital, normal or with bacterial or viral pneumonia.

The copies in circulation have the folders of ``chest_xray`` twice, one in the other, and files of macOS. The labels are
the folders; the files name the pathogen and the patient. The numbers of the patients restart in each split.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd

from placa.core.progress import Progress
from placa.records.codes import Note
from placa.sources.errors import MissingFileError
from placa.sources.public.arguments import functions_of
from placa.sources.public.files import image_files, is_junk
from placa.sources.public.records import PublicSet, Records
from placa.sources.tables.cells import split_word

NORMAL, PNEUMONIA, BACTERIAL, VIRAL = "Normal", "Pneumonia", "Bacterial Pneumonia", "Viral Pneumonia"
_CLASSES = {"normal": NORMAL, "pneumonia": PNEUMONIA}
_PERSON = re.compile(r"person(\d+)_(bacteria|virus)_(\d+)", re.I)
_NORMAL = re.compile(r"((?:NORMAL\d*-)?IM-\d+)-\d+", re.I)
#: Depth at which the folders are searched: the archives have them in ZhangLabData/CellData/chest_xray.
_DEPTH = 3
#: Names in the archive of the authors' second version.
_NUMBERED = re.compile(r"(BACTERIA|VIRUS|NORMAL)-(\d+)-\d+", re.I)


def _read(root: Path, choices: dict[str, str], progress: Progress) -> Records:
    base = _base(root)
    files, copies = _files(base)
    rows = [_describe(path, base) for path in files]
    images = pd.DataFrame(rows, columns=["image_id", "path", "split", "class", "pathogen", "number"])
    known = images["class"] != ""
    rejected = [(path, "it is in no folder NORMAL or PNEUMONIA") for path in images["path"][~known]]
    images = images[known].reset_index(drop=True)
    notes = _name_patients(images)
    if copies:
        text = f"files of a second copy in {base.name}/chest_xray: {copies:,}; they are not used"
        notes.append(Note(text, "second_copy", files=copies))
    labels = pd.DataFrame({NORMAL: (images["class"] == NORMAL).astype("int8")})
    labels[PNEUMONIA] = (images["class"] == PNEUMONIA).astype("int8")
    labels[BACTERIAL] = (images["pathogen"] == "bacteria").astype("int8")
    labels[VIRAL] = (images["pathogen"] == "virus").astype("int8")
    counts = {str(name): int(labels[name].sum()) for name in labels}
    text = ", ".join(f"{n:,} {name}" for name, n in counts.items())
    notes.append(Note(f"classes: {text}", "classes", **counts))
    return Records(
        images.drop(columns=["class", "pathogen", "number"]), labels, rejected=rejected, unused=copies, notes=notes
    )


def _base(root: Path) -> Path:
    """Return the outermost directory that has the two classes, in folders of splits or not."""
    folders = [root]
    for _ in range(_DEPTH + 1):
        inner = {folder: _inner_folders(folder) for folder in folders}
        for folder, parts in inner.items():
            if _has_classes(folder) or any(_has_classes(part) for part in parts if split_word(part.name)):
                return folder
        folders = [part for parts in inner.values() for part in parts]
    raise MissingFileError(
        f"{root} has no folders NORMAL and PNEUMONIA, in train and test or not. Name the directory chest_xray.",
        directory=str(root),
        file="train/NORMAL",
        found=sorted(part.name for part in root.iterdir())[:12],
    )


def _inner_folders(folder: Path) -> list[Path]:
    return sorted(part for part in folder.iterdir() if part.is_dir() and not is_junk(part.name))


def _has_classes(folder: Path) -> bool:
    return folder.is_dir() and {part.name.casefold() for part in folder.iterdir()} >= set(_CLASSES)


def _files(base: Path) -> tuple[list[str], int]:
    """List the images, and count those of a copy of the set in it."""
    files = image_files(base)
    inner = os.path.abspath(base / "chest_xray") + os.sep
    outer = [path for path in files if not path.startswith(inner)]
    return outer, len(files) - len(outer)


def _describe(path: str, base: Path) -> tuple[str, str, str | None, str, str, str]:
    relative = Path(os.path.relpath(path, base))
    split = split_word(relative.parts[0])
    # Some copies have no folders of splits.
    inner = relative.parts[split is not None : -1]
    name = _CLASSES.get(inner[0].casefold(), "") if inner else ""
    stem = relative.stem
    person, numbered, normal = _PERSON.match(stem), _NUMBERED.match(stem), _NORMAL.match(stem)
    pathogen, number = "", ""
    if person:
        pathogen, number = person[2].lower(), f"person{person[1]}"
    elif numbered:
        pathogen, number = numbered[1].lower(), f"{numbered[1].upper()}-{numbered[2]}"
    elif normal:
        number = normal[1].upper()
    return relative.as_posix(), path, split, name, pathogen if pathogen != "normal" else "", number


def _name_patients(images: pd.DataFrame) -> list[Note]:
    """Add ``patient_id``: the number in the name, within its split."""
    known = images["number"] != ""
    splits = images[known].groupby("number")["split"].nunique()
    again = sorted(splits.index[splits > 1])
    patients = images["split"].fillna("") + "/" + images["number"]
    images["patient_id"] = patients.where(known)
    text = f"patients by name: {images['patient_id'].nunique():,}, in {int(known.sum()):,} of {len(images):,} images"
    notes = [Note(text, "patients_by_name", patients=int(images["patient_id"].nunique()), images=int(known.sum()))]
    if again:
        text = (
            f"numbers of patients that occur in several splits: {len(again):,}, such as {again[0]}; the numbers "
            "restart in each split, so they are different patients"
        )
        notes.append(Note(text, "numbers_restart", numbers=len(again)))
    return notes


KERMANY = PublicSet(
    kind="kermany",
    title="Kermany chest_xray",
    layout="chest_xray/{train,val,test}/{NORMAL,PNEUMONIA}",
    read=_read,
    negative=NORMAL,
    not_findings=frozenset({NORMAL}),
)
add_arguments, from_options, read_kermany = functions_of(KERMANY)
