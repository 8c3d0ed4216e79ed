"""Open-I, the chest radiographs of Indiana University (Demner-Fushman et al. 2016): XML reports with MeSH terms.

The DICOM field View Position is wrong for many laterals and blank for others, so it is not trusted alone. The images
may be used for non-commercial purposes without changes (CC BY-NC-ND 4.0), as each report states.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from placa.core.progress import Progress
from placa.records.codes import Note
from placa.sources.errors import MissingFileError
from placa.sources.public.arguments import functions_of
from placa.sources.public.files import find_table, find_tables
from placa.sources.public.labels import from_lists
from placa.sources.public.records import UNKNOWN, PublicSet, Records
from placa.sources.tables import read_text_table
from placa.sources.tables.cells import read_views

NORMAL = "normal"
#: Headings that are no findings.
_SILENT = frozenset({"no indexing", "technical quality of image unsatisfactory", ""})
#: The processing code of a lateral view; many have PA in View Position.
_LATERAL_CODE = "60003"
#: The tables of Kaggle's copy, which has no XML.
_REPORTS, _PROJECTIONS = "indiana_reports.csv", "indiana_projections.csv"
_VIEW, _CODE = "View Position", "Acquisition Device Processing Code"


@dataclass(frozen=True)
class _Report:
    """The terms of a report, and its images: id and end of the file's path."""

    patient: str
    major: list[str]
    automatic: list[str]
    images: list[tuple[str, str]]


def _read(root: Path, choices: dict[str, str], progress: Progress) -> Records:
    rejected: list[tuple[str, str]] = []
    views: dict[str, str] = {}
    tables = find_tables(root, _REPORTS)
    paths = sorted(path for path in root.rglob("*.xml") if not path.name.startswith("."))
    if paths:
        reports = _read_xml(paths, rejected)
    elif tables:
        reports = _read_tables(root, tables, views)
    else:
        raise MissingFileError(
            f"{root} has no XML reports. Unpack NLMCXR_reports.tgz there, beside the images.",
            directory=str(root),
            file="ecgen-radiology/1.xml",
            found=sorted(part.name for part in root.iterdir())[:12],
        )
    rows: list[tuple[str, str, str, int]] = []
    entries: list[list[str]] = []
    counts = {"reports": 0, "without_images": 0, "normal": 0, "no_automatic_term": 0, "neither": 0}
    for report in reports:
        named = {name.split("/")[0].strip() for name in report.major} | set(report.automatic)
        normal = any(name.casefold() == NORMAL for name in named)
        counts["reports"] += 1
        counts["without_images"] += not report.images
        counts["normal"] += normal
        counts["no_automatic_term"] += not report.automatic
        counts["neither"] += not normal and not report.automatic
        kept = (name for name in named if name.casefold() not in _SILENT)
        rows += [(image, file, report.patient, len(entries)) for image, file in report.images]
        entries.append(sorted({NORMAL if name.casefold() == NORMAL else name for name in kept}))
    table = pd.DataFrame(rows, columns=["image_id", "file", "patient_id", "report"])
    text = (
        f"{counts['reports']:,} reports, {counts['without_images']:,} without images; {counts['normal']:,} normal, "
        f"{counts['no_automatic_term']:,} without an automatic term, {counts['neither']:,} neither"
    )
    notes = [Note(text, "reports", **counts)]
    labels = from_lists(entries, table["report"].to_numpy(), table.index)
    silent = np.array([not named for named in entries])[table["report"].to_numpy()]
    labels[silent] = UNKNOWN
    table["study_id"] = table["patient_id"]
    if views:
        table["view"] = read_views(table["image_id"].map(views))
    else:
        tables += _add_views(root, table, notes)
    return Records(table.drop(columns="report"), labels, tables=tables, rejected=rejected, notes=notes)


def _read_xml(paths: list[Path], rejected: list[tuple[str, str]]) -> Iterator[_Report]:
    """Read the reports as the library publishes them; damaged ones are rejected."""
    for path in paths:
        try:
            report = ElementTree.parse(path).getroot()
        except ElementTree.ParseError as error:
            rejected.append((path.name, f"it is not valid XML ({error}): copy it again"))
            continue
        patient = report.find("uId")
        images = [str(node.get("id", "")) for node in report.iterfind("parentImage")]
        yield _Report(
            str(patient.get("id")) if patient is not None and patient.get("id") else path.stem,
            [(node.text or "").strip() for node in report.iterfind("MeSH/major")],
            [(node.text or "").strip() for node in report.iterfind("MeSH/automatic")],
            [(image, image) for image in images],
        )


def _read_tables(root: Path, tables: list[Path], views: dict[str, str]) -> Iterator[_Report]:
    """Read Kaggle's copy: a table of reports, and one of images with frontal or lateral."""
    reports = read_text_table(tables[0], ("uid", "MeSH", "Problems"), only=set()).frame
    found = find_table(root, "Open-I's images", _PROJECTIONS)
    tables[:] = [tables[0], found]
    listed = read_text_table(found, ("uid", "filename", "projection")).frame
    # The ids are those of the reports: CXR1_1_IM-0001-4001.
    stems = listed["filename"].str.replace(r"(\.dcm)?\.png$", "", regex=True)
    listed["image_id"] = "CXR" + listed["uid"] + "_" + stems
    views |= dict(zip(listed["image_id"], listed["projection"], strict=True))
    images = listed.groupby("uid")[["image_id", "filename"]]
    by_report = {uid: list(part.itertuples(index=False, name=None)) for uid, part in images}
    for uid, major, problems in reports[["uid", "MeSH", "Problems"]].itertuples(index=False, name=None):
        automatic = [name.strip() for name in problems.split(";") if name.casefold() not in {*_SILENT, NORMAL}]
        yield _Report(f"CXR{uid}", [name.strip() for name in major.split(";")], automatic, by_report.get(uid, []))


def _add_views(root: Path, table: pd.DataFrame, notes: list[Note]) -> list[Path]:
    """Add the view from a table of DICOM headers, if one is there; the processing code decides about laterals."""
    found = find_tables(root, "*dicom_metadata*.csv")
    if not found:
        text = "the view of the images is unknown, because there is no table of their DICOM headers"
        notes.append(Note(text, "views_unknown"))
        return []
    rows = read_text_table(found[0], ("imageid", _VIEW, _CODE), only=set())
    frame = rows.frame.drop_duplicates("imageid").set_index("imageid").reindex(table["image_id"]).fillna("")
    view = read_views(frame[_VIEW].replace("LARGE LATERAL", "LATERAL")).reset_index(drop=True)
    lateral = (frame[_CODE] == _LATERAL_CODE).to_numpy()
    wrong, blank = int((lateral & (view == "PA").fillna(False)).sum()), int(view.isna().sum())
    table["view"] = view.mask(lateral, "LATERAL")
    text = f"images with PA in View Position that are laterals by their processing code: {wrong:,}; blank: {blank:,}"
    notes.append(Note(text, "views_corrected", laterals=wrong, blank=blank))
    return [rows.path]


OPENI = PublicSet(
    kind="openi",
    title="Open-I",
    layout="ecgen-radiology/*.xml and the images (PNG or DICOM)",
    read=_read,
    negative=NORMAL,
    not_findings=frozenset({NORMAL}),
    normal=NORMAL,
)
add_arguments, from_options, read_openi = functions_of(OPENI)
