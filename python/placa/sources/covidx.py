"""COVIDx CXR (Wang et al. 2020): lists of images from several sources, in three forms.

A line has the patient, the file, the class and, in later versions, the source. A patient's id can hold a space, so
lines are read from the right. In some versions the source of a test image determines its label: such a test compares
scanners.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd

from placa.core.progress import Progress
from placa.images.read import EXTENSIONS, natural_order
from placa.records.codes import Note
from placa.sources.errors import MissingFileError, NoUsableRowError
from placa.sources.public.arguments import functions_of
from placa.sources.public.files import find_tables
from placa.sources.public.records import UNKNOWN, PublicSet, Records
from placa.sources.tables import read_list
from placa.sources.tables.cells import split_word

COVID, PNEUMONIA, NORMAL = "COVID-19", "Pneumonia", "Normal"
#: Words of the lists, and the classes that they mean; "negative" is normal or pneumonia.
_CLASSES = {"covid-19": COVID, "positive": COVID, "pneumonia": PNEUMONIA, "normal": NORMAL, "negative": ""}
_LIST = re.compile(r"(train|test|val)_?(?:split|COVIDx)?_?(.*?)\.txt", re.I)
#: Spellings of a source: some lists write rnsa.
_SOURCES = {"rnsa": "rsna"}


def _read(root: Path, choices: dict[str, str], progress: Progress) -> Records:
    lists, others = _lists(root)
    notes, rejected, parts = [], [], []
    if others:
        text = f"lists of other versions: {', '.join(path.name for path in others)}; the newest is used"
        notes.append(Note(text, "other_versions", files=len(others)))
    for path, split in lists.items():
        for number, line in enumerate(read_list(path), start=1):
            row = parse_line(line)
            if row is None:
                rejected.append((f"{path.name}, line {number}", "it is not: patient, file, class and source"))
            else:
                parts.append((split, *row))
    if not parts:
        first = next(iter(lists))
        raise NoUsableRowError(
            f"No line of {first} can be used: {rejected[0][1] if rejected else 'it is empty'}. Use COVIDx's lists.",
            file=str(first),
            rows=len(rejected),
            row=None,
            reason=None,
        )
    table = pd.DataFrame(parts, columns=["split", "patient_id", "file", "class", "site"])
    table["image_id"] = table["split"] + "/" + table["file"]
    twice = table["image_id"].duplicated()
    rejected += [(name, "the list has the image twice") for name in table["image_id"][twice]]
    table = table[~twice].reset_index(drop=True)
    table["file"] = table["image_id"].str.replace("validation/", "val/")
    labels = pd.DataFrame({name: (table["class"] == name).astype("int8") for name in (COVID, PNEUMONIA, NORMAL)})
    # "negative" says only that it is not COVID-19.
    labels.loc[table["class"] == "", [PNEUMONIA, NORMAL]] = UNKNOWN
    notes += _source_notes(table)
    return Records(table.drop(columns="class"), labels, tables=list(lists), parts=2, rejected=rejected, notes=notes)


def parse_line(line: str) -> tuple[str, str, str, str] | None:
    """Return patient, file, class (``""`` if only not COVID-19) and source of a line; None if it has another form."""
    words = line.split()
    source = ""
    if len(words) > 2 and words[-1].casefold() not in _CLASSES:
        source = words.pop().casefold()
    if len(words) < 2 or words[-1].casefold() not in _CLASSES:
        return None
    name = _CLASSES[words.pop().casefold()]
    # The file is the last word with an extension of an image; a patient may have several words.
    file = words.pop()
    if os.path.splitext(file)[1].lower() not in EXTENSIONS:
        return None
    return " ".join(words) or file, file, name, _SOURCES.get(source, source)


def _lists(root: Path) -> tuple[dict[Path, str | None], list[Path]]:
    """Return the lists of the newest version with their split, and the lists of other versions."""
    found = {path: match for path in find_tables(root, "*.txt") if (match := _LIST.fullmatch(path.name))}
    splits = {path: split_word(match[1]) for path, match in found.items()}
    if "train" not in splits.values():
        raise MissingFileError(
            f"{root} has no train_COVIDx*.txt or train_split.txt. Put COVIDx's lists there, beside train and test.",
            directory=str(root),
            file="train_COVIDx*.txt",
            found=[path.name for path in splits],
        )
    versions: dict[str, list[Path]] = {}
    for path, match in found.items():
        versions.setdefault(match[2].casefold(), []).append(path)
    newest = max(versions, key=lambda version: natural_order(Path(version)))
    others = [path for version, paths in versions.items() if version != newest for path in paths]
    return {path: splits[path] for path in versions[newest]}, others


def _source_notes(table: pd.DataFrame) -> list[Note]:
    if not (table["site"] != "").any():
        return []
    notes = []
    for split, part in table.groupby("split"):
        # In the lists of three classes, pneumonia and normal images may share a source.
        covid = (part["class"] == COVID).groupby(part["site"]).nunique()
        if len(covid) > 1 and (covid == 1).all() and (part["class"] == COVID).nunique() > 1:
            shown = ", ".join(
                f"{site}: {label or 'negative'} {len(rows):,}"
                for (site, label), rows in part.groupby(["site", "class"])
            )
            text = f"in the {split} list the source of an image determines its label ({shown}): it compares scanners"
            notes.append(Note(text, f"source_determines_label_{split}", images=len(part)))
    return notes


COVIDX = PublicSet(
    kind="covidx",
    title="COVIDx",
    layout="train_COVIDx*.txt, test_COVIDx*.txt, train/ and test/",
    read=_read,
    not_findings=frozenset({NORMAL}),
)
add_arguments, from_options, read_covidx = functions_of(COVIDX)
