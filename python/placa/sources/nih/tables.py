"""Read NIH's tables: the entries, the official lists, the lesion boxes, and the adjudicated labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from placa.core.errors import PlacaError
from placa.records.codes import Note
from placa.sources.errors import MissingColumnError, MissingFileError
from placa.sources.nih.findings import canonical, read_labels
from placa.sources.source import require_directory
from placa.sources.tables import TextTable, follow_link, read_text_table
from placa.sources.tables.cells import by_value, read_ages, read_sexes, read_views
from placa.sources.tables.duplicates import reject_duplicates, select_usable

_SEX = "Patient Gender"
COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "Patient Age", _SEX, "View Position")
#: The order of a patient's images in time; the number in the file's name is not.
FOLLOW_UP = "Follow-up #"
BOXES = "BBox_List_2017.csv"
ADJUDICATED = "adjudicated_labels_google2019.csv"
VERSIONS = ("v2017", "v2020")
LISTS = ("train_val_list.txt", "test_list.txt")
#: The adjudicated findings, and the source of their labels (Majkowska et al. 2020, Radiology 294:421).
ADJUDICATED_FINDINGS = ("Pneumothorax", "Nodule or mass", "Airspace opacity", "Fracture")
ADJUDICATED_SOURCE = "Majkowska et al. 2020"
#: Boxed labels that identify the version of a table.
_ENOUGH_BOXES = 100
#: Side of NIH's images in pixels, the unit of the boxes.
_SIDE = 1024.0


@dataclass
class Entries:
    """Hold NIH's table of entries.

    Attributes:
        rows: The table as text.
        table: One row per usable entry, numbered as in `rows`: ``image_id``, ``patient_id``, ``sex``, ``age`` (years),
            ``view``, ``official``, and 1 or 0 for each label, ``Any Finding`` and ``Nodule or mass``.
        rejected: ``(row, reason)`` of the others.
    """

    rows: TextTable
    table: pd.DataFrame
    rejected: list[tuple[str, str]] = field(default_factory=list)


def find_table(root: Path, version: str | None = None) -> Path:
    """Find NIH's table of entries.

    Args:
        root: Its directory.
        version: ``"v2017"`` or ``"v2020"``; by default the newest found.

    Raises:
        MissingDirectoryError: `root` is not a directory.
        MissingFileError: `root` has no table, or not that version.
    """
    require_directory(root, "NIH's Data_Entry_2017*.csv and images")
    named = [*root.glob("Data_Entry_2017*.csv"), *root.glob("Data_Entry_2017*.csv.gz")]
    tables = sorted((path for path in named if path.is_file()), key=lambda path: path.name.split(".")[0])
    if not tables:
        raise MissingFileError(
            f"{root} has no Data_Entry_2017*.csv. Put NIH's table there, beside the images, or name it with --table.",
            directory=str(root),
            file="Data_Entry_2017*.csv",
            found=[],
        )
    newest = version or table_version(max(tables, key=table_version))
    # A copy, "Data_Entry_2017 (1).csv", sorts after the table itself.
    fitting = [path for path in tables if table_version(path) == newest]
    if not fitting:
        found = ", ".join(path.name for path in tables)
        raise MissingFileError(
            f"{root} has no NIH table {version} (found: {found}). Add it, or omit --table.",
            directory=str(root),
            file="Data_Entry_2017_v2020.csv" if version == "v2020" else "Data_Entry_2017.csv",
            found=[path.name for path in tables],
        )
    return follow_link(fitting[0])


def plain_or_compressed(path: Path) -> Path:
    """Return the path of a file, or with ``.gz`` if only that exists."""
    compressed = path.with_name(f"{path.name}.gz")
    return compressed if compressed.is_file() and not path.is_file() else path


def table_version(path: Path) -> str:
    """Return ``"v2020"`` or ``"v2017"``, from the file's name."""
    return "v2020" if "2020" in path.name else "v2017"


def version_by_boxes(entries: Entries, boxes: pd.DataFrame | None) -> str | None:
    """Return the version of a table by its labels of the images with lesion boxes; None if it has too few of them.

    In v2020 each boxed finding is a label of its image; v2017 lacks 188 of the 984.
    """
    if boxes is None:
        return None
    table = entries.table[entries.table["image_id"].isin(boxes["image_id"])]
    names = [name for name in boxes["finding"].unique() if name in table]
    labels = table.melt("image_id", names, var_name="finding", value_name="label")
    found = boxes.merge(labels, on=["image_id", "finding"])["label"]
    if len(found) < _ENOUGH_BOXES:
        return None
    return "v2020" if (found == 1).all() else "v2017"


def read_entries(path: Path) -> Entries:
    """Read NIH's table of entries, v2017 (ages like ``058Y``) or v2020.

    Raises:
        MissingColumnError: A column is missing.
        NoUsableRowError: No row can be used.
    """
    rows = read_text_table(path, [name for name in COLUMNS if name != _SEX])
    # NIH's current table has "Patient Sex", the copies in circulation have "Patient Gender".
    rows.frame.rename(columns={"Patient Sex": _SEX}, inplace=True)
    if _SEX not in rows.frame:
        raise MissingColumnError(
            f"No column {_SEX!r} or 'Patient Sex' in {path}. Use NIH's own table.",
            file=str(path),
            column=_SEX,
            accepted=[_SEX, "Patient Sex"],
            columns=list(rows.frame.columns),
        )
    frame = rows.frame
    labels, reasons = read_labels(frame["Finding Labels"])
    patients = read_patients(frame["Patient ID"])
    reasons = reasons.mask(patients == "", "it has no patient, so it cannot be split by patient")
    reasons = reasons.mask(frame["Image Index"] == "", "it has no image index")
    # One image may have two names, a.png and a.PNG; the order of its labels is irrelevant.
    cells_to_compare = frame[list(COLUMNS[1:])].assign(**{"Patient ID": patients})
    cells_to_compare["Finding Labels"] = by_value(frame["Finding Labels"], lambda cells: cells.map(_in_order))
    usable, rejected = select_usable(rows, reasons, file_stems(frame["Image Index"]), cells_to_compare)
    rows.require_usable(not usable.empty, rejected)
    ignored_notes: list[Note] = []
    table = pd.DataFrame(
        {
            "image_id": usable["Image Index"],
            "patient_id": patients[usable.index],
            "sex": read_sexes(usable[_SEX], ignored_notes, "dicom"),
            "age": read_ages(usable["Patient Age"], ignored_notes),
            "view": read_views(usable["View Position"]),
            "official": pd.Series(pd.NA, index=usable.index, dtype="string"),
        }
    )
    if FOLLOW_UP in usable:
        table["follow_up"] = pd.to_numeric(usable[FOLLOW_UP], errors="coerce")
    table = table.join(labels.loc[usable.index])
    table[ADJUDICATED_FINDINGS[1]] = table["Nodule"] | table["Mass"]
    return Entries(rows, table, rejected)


def file_stems(names: pd.Series) -> pd.Series:
    """Return file names in lower case without extension, the key of an image."""
    return names.str.lower().str.replace(r"\.[a-z]+$", "", regex=True)


def _in_order(labels: str) -> str:
    return "|".join(sorted(canonical(label) or label for label in labels.split("|")))


def read_patients(text: pd.Series) -> pd.Series:
    """Normalize NIH's patient numbers: 13, 013 and 13.0 are one patient."""
    return by_value(text, lambda cells: cells.str.replace(r"^0*(\d+)(?:\.0*)?$", r"\1", regex=True))


def read_boxes(root: Path, notes: list[Note]) -> pd.DataFrame | None:
    """Read the lesion boxes as fractions of the image.

    Args:
        root: The directory of ``BBox_List_2017.csv``.
        notes: Receives a remark if boxes are left out.

    Returns:
        ``image_id``, ``finding``, and ``x``, ``y``, ``width``, ``height`` from 0 to 1; None without a list.
    """
    rows = _read_extra(root / BOXES, ("Image Index", "Finding Label"), notes)
    if rows is None:
        return None
    # The header spreads "Bbox [x,y,w,h]" over four columns.
    places = [name for name in rows.frame.columns if name not in ("Image Index", "Finding Label")][:4]
    if len(places) < 4:
        text = f"{rows.path.name} is not used: it needs four columns with x, y, width and height"
        notes.append(Note(text, "table_not_used", file=rows.path.name))
        return None
    numbers = rows.frame[places].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float) / _SIDE
    boxes = pd.DataFrame(numbers, columns=["x", "y", "width", "height"])
    boxes.insert(0, "image_id", rows.frame["Image Index"])
    boxes.insert(1, "finding", rows.frame["Finding Label"].map(canonical))
    x, y, width, height = numbers.T
    with np.errstate(invalid="ignore"):
        inside = (x >= 0) & (y >= 0) & (width > 0) & (height > 0) & (x + width <= 1) & (y + height <= 1)
    valid = inside & boxes["finding"].notna().to_numpy() & (boxes["image_id"] != "").to_numpy()
    left_out = int((~valid).sum()) + len(rows.rejected)
    if left_out:
        where = rows.location(int(np.flatnonzero(~valid)[0])) if not valid.all() else rows.rejected[0][0]
        text = (
            f"boxes without an image or a finding, or outside {_SIDE:.0f} × {_SIDE:.0f} pixels: {left_out:,}, "
            f"the first in {where}; they are left out"
        )
        notes.append(Note(text, "boxes_left_out", boxes=left_out))
    usable: pd.DataFrame = boxes[valid].reset_index(drop=True)
    return usable


def read_adjudicated(root: Path, notes: list[Note]) -> pd.DataFrame | None:
    """Read the labels that radiologists adjudicated for 4,376 images (Majkowska et al. 2020).

    Args:
        root: The directory of ``adjudicated_labels_google2019.csv``.
        notes: Receives a remark if labels are left out.

    Returns:
        One row per image and finding: ``image_id``, ``patient_id``, ``finding``, ``label_source``, ``subset``,
        ``truth`` (0 or 1); None without a table.
    """
    rows = _read_extra(root / ADJUDICATED, ("Image Index", "Patient ID"), notes)
    if rows is None:
        return None
    keep, repeats = reject_duplicates(rows, rows.frame["Image Index"], rows.frame)
    frame = rows.frame[keep]
    findings = [finding for finding in ADJUDICATED_FINDINGS if finding in frame]
    if not findings:
        remark = f"{rows.path.name} is not used: it has none of the columns {', '.join(ADJUDICATED_FINDINGS)}"
        notes.append(Note(remark, "table_not_used", file=rows.path.name))
        return None
    names = {"Image Index": "image_id", "Patient ID": "patient_id", "Set Id": "subset"}
    long = frame.reindex(columns=[*names, *findings]).rename(columns=names)
    labels = long.melt(list(names.values()), findings, var_name="finding", value_name="truth")
    labels["patient_id"] = read_patients(labels["patient_id"])
    labels["subset"] = labels["subset"].replace("", pd.NA)
    labels["truth"] = labels["truth"].str.upper().map({"YES": 1, "NO": 0, "1": 1, "0": 0})
    labels["label_source"] = ADJUDICATED_SOURCE
    unread = int(labels["truth"].isna().sum())
    left_out = len(repeats) + len(rows.rejected)
    if unread or left_out:
        remark = f"{rows.path.name}: left out because they cannot be read: rows {left_out:,}, labels {unread:,}"
        notes.append(Note(remark, "rows_left_out", file=rows.path.name, rows=left_out, labels=unread))
    text = ["image_id", "patient_id", "finding", "label_source", "subset"]
    labels = labels.loc[labels["truth"].notna(), [*text, "truth"]].reset_index(drop=True)
    return labels.astype({**dict.fromkeys(text, "string"), "truth": "Int8"})


def _read_extra(path: Path, columns: tuple[str, ...], notes: list[Note]) -> TextTable | None:
    """Read an optional table; a damaged one is reported, and the images are prepared without it."""
    path = plain_or_compressed(path)
    if not path.is_file():
        return None
    try:
        return read_text_table(path, columns)
    except PlacaError as error:
        notes.append(Note(f"not used: {error}", "table_not_used", file=path.name))
        return None
