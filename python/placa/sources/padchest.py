"""PadChest (Bustos et al. 2020): 160,861 images, labels of physicians (24 %) or of a model, as lists in a cell.

Entries of a list may begin with a space. ``exclude``, ``unchanged``, empty entries and the cell ``nan`` do not state
which findings are present. Physicians and model never labelled the same study, so their labels cannot be compared.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from placa.core.progress import Progress
from placa.records.codes import Note
from placa.sources.public.arguments import functions_of
from placa.sources.public.files import find_table
from placa.sources.public.labels import from_lists
from placa.sources.public.records import UNKNOWN, Choice, PublicSet, Records
from placa.sources.tables import read_text_table
from placa.sources.tables.cells import OLDEST, read_dates, read_sexes
from placa.sources.tables.duplicates import select_usable
from placa.sources.tables.label_cells import parse_list

_TABLE = "PADCHEST_chest_x_ray_images_labels*.csv"
#: The table of BIMCV's sample.
_SAMPLE = "*chest_x_ray_images_labels*.csv"
_COLUMNS = ("ImageID", "StudyID", "PatientID", "PatientBirth", "Projection", "MethodLabel", "Labels")
_OTHERS = ("StudyDate_DICOM", "PatientSex_DICOM", "Manufacturer_DICOM")
_LABELLERS = {"physician": "Physician", "model": "RNN_model"}
NORMAL = "normal"
#: Entries that are no findings.
_STATES = frozenset({NORMAL, "exclude", "unchanged", "suboptimal study", ""})
#: A list of these alone does not state which findings are present.
_SILENT = frozenset({"unchanged", "suboptimal study", ""})
_VIEWS = {"PA": "PA", "AP": "AP", "AP_horizontal": "AP_HORIZONTAL", "L": "LATERAL", "COSTAL": "COSTAL"}
#: Files that are missing, truncated or damaged in the published archives, as other projects report.
_DAMAGED = frozenset(
    {
        "216840111366964012819207061112010307142602253_04-014-084",
        "216840111366964012989926673512011074122523403_00-163-058",
        "216840111366964012959786098432011033083840143_00-176-115",
        "216840111366964012558082906712009327122220177_00-102-064",
        "216840111366964012339356563862009072111404053_00-043-192",
        "216840111366964012373310883942009117084022290_00-064-025",
        "216840111366964012283393834152009033102258826_00-059-087",
        "216840111366964012373310883942009170084120009_00-097-074",
        "216840111366964012819207061112010315104455352_04-024-184",
        "216840111366964012819207061112010306085429121_04-020-102",
        "216840111366964012989926673512011083134050913_00-168-009",
        "216840111366964012373310883942009152114636712_00-102-045",
        "216840111366964012819207061112010281134410801_00-129-131",
        "216840111366964012487858717522009280135853083_00-075-001",
        "216840111366964012989926673512011151082430686_00-157-045",
        "216840111366964013076187734852011291090445391_00-196-188",
        "216840111366964013686042548532013208193054515_02-026-007",
        "216840111366964013590140476722013058110301622_02-056-111",
        "216840111366964013590140476722013043111952381_02-065-198",
        "216840111366964013829543166512013353113303615_02-092-190",
        "216840111366964013962490064942014134093945580_01-178-104",
    }
)


def _read(root: Path, choices: dict[str, str], progress: Progress) -> Records:
    path = find_table(root, "PadChest", _TABLE, _SAMPLE)
    rows = read_text_table(path, _COLUMNS, only={*_COLUMNS, *_OTHERS})
    frame, notes = rows.frame, list(rows.notes)
    stems = frame["ImageID"].str.replace(r"\.png$", "", regex=True)
    reasons = rows.reasons(
        {
            "it has no image": frame["ImageID"] == "",
            "it has no patient, so it cannot be split by patient": frame["PatientID"] == "",
            "the published file is damaged or missing": stems.isin(_DAMAGED),
        }
    )
    usable, rejected = select_usable(rows, reasons, frame["ImageID"], frame[["PatientID", "Labels", "Projection"]])
    labels = _labels(usable["Labels"], notes)
    chosen = (usable["MethodLabel"] == _LABELLERS.get(choices["labels"])) | (choices["labels"] == "all")
    counts = usable["MethodLabel"].value_counts()
    text = ", ".join(f"{name}: {n:,}" for name, n in counts.items())
    text = f"labels by {text}; no study has both, so they cannot be compared (--labels physician or model)"
    notes.append(Note(text, "labellers"))
    return Records(
        _images(usable[chosen], notes),
        labels[chosen],
        tables=[rows.path],
        rejected=rejected,
        unused=int((~chosen).sum()),
        notes=notes,
    )


def _labels(cells: pd.Series, notes: list[Note]) -> pd.DataFrame:
    numbers, distinct = pd.factorize(cells)
    lists = [parse_list(str(cell)) for cell in distinct]
    entries = [list(dict.fromkeys(entry.strip() for entry in listed or [])) for listed in lists]
    silent = np.array([_says_nothing(listed, found) for listed, found in zip(lists, entries, strict=True)])
    mixed = np.array([NORMAL in found and len(found) > 1 for found in entries])
    labels = from_lists(entries, numbers, cells.index)
    labels = labels.drop(columns=["", "exclude", "unchanged"], errors="ignore")
    if NORMAL in labels:
        # A list with something else, if only a lost entry, is not surely normal.
        labels.loc[mixed[numbers], NORMAL] = 0
    labels[silent[numbers]] = UNKNOWN
    unread, both = int(silent[numbers].sum()), int(mixed[numbers].sum())
    text = f"images without a usable label (exclude, unchanged alone, empty, nan): {unread:,}; their truth is unknown"
    notes.append(Note(text, "labels_without_finding", images=unread))
    if both:
        text = f"images labelled normal with other entries: {both:,}; they are not used as normal"
        notes.append(Note(text, "normal_with_others", images=both))
    return labels


def _says_nothing(listed: list[str] | None, entries: list[str]) -> bool:
    return listed is None or "exclude" in entries or set(entries) <= _SILENT


def _images(usable: pd.DataFrame, notes: list[Note]) -> pd.DataFrame:
    years = pd.to_numeric(usable["StudyDate_DICOM"].str[:4], errors="coerce") if "StudyDate_DICOM" in usable else np.nan
    born = pd.to_numeric(usable["PatientBirth"], errors="coerce")
    ages = years - born
    several = born.groupby(usable["PatientID"]).nunique()
    if (several > 1).any():
        text = f"patients with several years of birth: {int((several > 1).sum()):,}; ages are those of each row"
        notes.append(Note(text, "several_births", patients=int((several > 1).sum())))
    images = pd.DataFrame(
        {
            "image_id": usable["ImageID"],
            "file": usable["ImageID"],
            "patient_id": usable["PatientID"],
            "study_id": usable["StudyID"],
            "age": ages.where((ages >= 0) & (ages <= OLDEST)),
            "view": usable["Projection"].map(_VIEWS).astype("string"),
            "label_source": "PadChest " + usable["MethodLabel"],
        }
    )
    if "PatientSex_DICOM" in usable:
        images["sex"] = read_sexes(usable["PatientSex_DICOM"], notes, "dicom")
    if "Manufacturer_DICOM" in usable:
        images["maker"] = usable["Manufacturer_DICOM"]
    if "StudyDate_DICOM" in usable:
        images["date"] = read_dates(usable["StudyDate_DICOM"], "StudyDate_DICOM")
        # Days since the first date of the set, so that no date is stored.
        images["days"] = (images["date"] - images["date"].min()).dt.days
    return images


PADCHEST = PublicSet(
    kind="padchest",
    title="PadChest",
    layout=f"{_TABLE} (or .csv.gz) and the folders 0 to 54 of PNGs",
    read=_read,
    negative=NORMAL,
    views=("frontal",),
    not_findings=_STATES,
    normal=NORMAL,
    choices=(Choice("labels", ("all", "physician", "model"), "whose labels to use"),),
)
add_arguments, from_options, read_padchest = functions_of(PADCHEST)
