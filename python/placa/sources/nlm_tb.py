"""The tuberculosis sets of the U.S. National Library of Medicine: Shenzhen and Montgomery (Jaeger et al. 2014).

The last digit of a file's name is the label. Each image is of another patient.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from placa.core.progress import Progress
from placa.records.codes import Note
from placa.sources.errors import MissingFileError
from placa.sources.public.arguments import functions_of
from placa.sources.public.files import find_tables, image_files
from placa.sources.public.records import Choice, PublicSet, Records
from placa.sources.tables import read_text_table
from placa.sources.tables.cells import read_ages, read_sexes

FINDING, NORMAL = "Tuberculosis", "Normal"
_NAME = re.compile(r"(CHNCXR|MCUCXR)_\d+_([01])", re.I)
_HOSPITALS = {"CHNCXR": "Shenzhen", "MCUCXR": "Montgomery"}
#: "male 45yrs", "female, 20 yrs", or "Patient's Sex: F" and "Patient's Age: 026Y".
_SEX = re.compile(r"\b(female|male|f|m)\b", re.I)
_AGE = re.compile(r"(\d+)\s*(?:-year|yrs?|years?|y|month|months|days?|m|d)", re.I)
_LARGEST_READING = 10_000


def _read(root: Path, choices: dict[str, str], progress: Progress) -> Records:
    files = image_files(root)
    named = {path: match for path in files if (match := _NAME.fullmatch(Path(path).stem))}
    if not named:
        raise MissingFileError(
            f"{root} has no CHNCXR_0001_0.png or MCUCXR_0001_0.png. Unpack NLM's archives there.",
            directory=str(root),
            file="CHNCXR_0001_0.png",
            found=[],
        )
    rejected = [(path, "its name is not one of NLM's: CHNCXR_0001_0.png") for path in files if path not in named]
    images = pd.DataFrame(
        [(Path(path).stem, path, _HOSPITALS[match[1].upper()], int(match[2])) for path, match in named.items()],
        columns=["image_id", "path", "site", "label"],
    )
    twice = images["image_id"].duplicated()
    rejected += [(path, "another folder has the same image") for path in images["path"][twice]]
    images = images[~twice].reset_index(drop=True)
    images["patient_id"] = images["image_id"]
    notes = [_counts(images)]
    _add_readings(root, images, notes)
    chosen = (images["site"].str.lower() == choices["hospital"]) | (choices["hospital"] == "both")
    unused = int((~chosen).sum())
    images = images[chosen].reset_index(drop=True)
    labels = pd.DataFrame({FINDING: images["label"].astype("int8"), NORMAL: (1 - images["label"]).astype("int8")})
    return Records(images.drop(columns="label"), labels, rejected=rejected, unused=unused, notes=notes)


def _counts(images: pd.DataFrame) -> Note:
    parts = [
        f"{site} {len(labels):,} ({int((labels == 0).sum()):,} normal, {int(labels.sum()):,} TB)"
        for site, labels in images.groupby("site")["label"]
    ]
    return Note("images: " + ", ".join(parts), "classes", images=len(images))


def _add_readings(root: Path, images: pd.DataFrame, notes: list[Note]) -> None:
    """Add sex and age from ``ClinicalReadings/*.txt``, or from the table that copies have instead.

    The two hospitals write them differently.
    """
    readings = {path.stem: path for path in root.rglob("*.txt") if _NAME.fullmatch(path.stem)}
    texts = {name: _reading(path) for name, path in readings.items()}
    for table in find_tables(root, "shenzhen_metadata.csv", "montgomery_metadata.csv"):
        frame = read_text_table(table, ("study_id", "sex", "age")).frame
        # In a cell of its own, a number of years has no unit.
        years = frame["age"].str.replace(r"^(\d+)(\.\d+)?$", r"\1 yrs", regex=True)
        names = frame["study_id"].str.replace(r"\.png$", "", case=False, regex=True)
        texts |= dict(zip(names, frame["sex"] + " " + years, strict=True))
    if not texts:
        text = "there is no ClinicalReadings/*.txt and no table, so sex and age are unknown"
        notes.append(Note(text, "readings_missing"))
        return
    found = [texts.get(name, "") for name in images["image_id"]]
    sexes = [match[1] if (match := _SEX.search(text)) else "" for text in found]
    ages = [match[0] if (match := _AGE.search(text)) else "" for text in found]
    images["sex"] = read_sexes(pd.Series(sexes, dtype=object), notes, "dicom")
    images["age"] = read_ages(pd.Series(ages, dtype=object).str.replace("-year", "y"), notes)


def _reading(path: Path) -> str:
    with path.open("rb") as file:
        text = file.read(_LARGEST_READING).decode("utf-8", errors="replace")
    return text.replace("Patient's Sex", " ").replace("Patient's Age", " ")


NLM_TB = PublicSet(
    kind="nlm-tb",
    title="NLM tuberculosis sets",
    layout="CXR_png/CHNCXR_*.png or MCUCXR_*.png, and ClinicalReadings/*.txt",
    read=_read,
    not_findings=frozenset({NORMAL}),
    choices=(Choice("hospital", ("both", "shenzhen", "montgomery"), "which hospital's images to use"),),
)
add_arguments, from_options, read_nlm_tb = functions_of(NLM_TB)
