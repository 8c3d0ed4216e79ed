"""Read the tags of a DICOM file about patient and image, and detect identifiers in paths."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from placa.images.dicom.header import quiet
from placa.images.dicom.tables import decimals
from placa.sources.tables.cells import OLDEST
from placa.sources.tables.identifiers import is_placeholder

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_UIDS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
_WORDS = ("SeriesDescription", "ProtocolName", "StudyDescription")
#: All tags that `read_tags` and `placa.images.dicom.header.refuse` read.
TAGS = [
    *("PatientID", "IssuerOfPatientID", "OtherPatientIDs", "PatientName", "PatientSex", "PatientAge"),
    *("PatientBirthDate", "Modality", "ViewPosition", "ViewCodeSequence", "InstitutionName", "AccessionNumber"),
    *("Rows", "Columns", "NumberOfFrames", "BitsStored", "PresentationIntentType", "SOPClassUID"),
    *("WindowCenter", "WindowWidth", "ImageType", "BurnedInAnnotation"),
    *(*_UIDS, *_DATES, *_WORDS),
]
_VIEW_PATTERNS = {
    "PA": re.compile(r"\bp ?a\b|\bpostero ?anterior\b"),
    "AP": re.compile(r"\ba ?p\b|\bantero ?posterior\b"),
    "LATERAL": re.compile(r"\blat\b|\blateral\b|\bll\b|\brl\b"),
}


@dataclass(frozen=True)
class DicomTags:
    """Hold the tags of a file. Those up to `institution` identify the patient and must not be exported.

    Attributes:
        patient: PatientID; ``""`` if missing or a placeholder (``ANONYMOUS``).
        issuer: IssuerOfPatientID.
        uid: SOPInstanceUID.
        series: SeriesInstanceUID.
        study: StudyInstanceUID.
        accession: AccessionNumber.
        institution: InstitutionName.
        identifiers: All texts that identify the patient or the study, in lower case.
        modality: ``CR``, ``DX``, …, or ``""``.
        sex: ``F``, ``M`` or None.
        age: PatientAge, such as ``045Y``, or ``""``.
        years: The completed years between birth and study, or None.
        date: The date of the study, or None.
        view: ``PA``, ``AP``, ``LATERAL``, another ViewPosition, or None.
        window: The first WindowCenter and WindowWidth, such as ``-600,1500``, or None.
        scout: Whether it is the scout of a CT (LOCALIZER).
        burnt_text: Whether BurnedInAnnotation states that the pixels identify the patient.
    """

    patient: str
    issuer: str
    uid: str
    series: str
    study: str
    accession: str
    institution: str
    identifiers: frozenset[str]
    modality: str
    sex: str | None
    age: str
    years: float | None
    date: datetime.date | None
    view: str | None
    window: str | None
    scout: bool
    burnt_text: bool = False


@quiet()
def read_tags(header: Dataset) -> DicomTags:
    """Read the tags of a header; a damaged tag counts as missing."""
    patient = _text(header, "PatientID")
    names = re.split(r"[\^=,\s]+", _text(header, "PatientName"))
    others = (_text(header, name) for name in ("OtherPatientIDs", "AccessionNumber", *_UIDS))
    window = [number for name in ("WindowCenter", "WindowWidth") for number in decimals(header, name)[:1]]
    age, sex, date = _text(header, "PatientAge"), _text(header, "PatientSex").upper(), _date(header, _DATES)
    return DicomTags(
        patient="" if is_placeholder(patient) and not re.fullmatch(r"0+", patient) else patient,
        issuer=_text(header, "IssuerOfPatientID"),
        uid=_text(header, "SOPInstanceUID"),
        series=_text(header, "SeriesInstanceUID"),
        study=_text(header, "StudyInstanceUID"),
        accession=_text(header, "AccessionNumber"),
        institution=_text(header, "InstitutionName"),
        identifiers=frozenset(text.lower() for text in (patient, *others, *names) if text and not is_placeholder(text)),
        modality=_text(header, "Modality").upper(),
        sex=sex if sex in {"F", "M"} else None,
        age=age if re.fullmatch(r"\d{1,3} ?[DWMY]?", age, re.I) else "",
        years=_years(_date(header, ["PatientBirthDate"]), date),
        date=date,
        view=_view(header),
        window=",".join(f"{number:g}" for number in window) if len(window) == 2 else None,
        scout="LOCALIZER" in str(header.get("ImageType") or "").upper(),
        burnt_text=_text(header, "BurnedInAnnotation").upper() == "YES",
    )


def contains_identifier(text: str, identifiers: Iterable[str]) -> bool:
    """Return whether a text contains an identifier, without regard to case, accents and punctuation.

    Identifiers of up to 4 letters must be separate words.

    Args:
        text: A part of a path, or a path.
        identifiers: Texts of the header that identify the patient or the study.
    """
    plain = _fold(text)
    joined = plain.replace(" ", "")
    for identifier in identifiers:
        folded = _fold(identifier)
        if len(folded) > 4 and folded.replace(" ", "") in joined:
            return True
        if folded and f" {folded} " in f" {plain} ":
            return True
    return False


def _text(header: Dataset, name: str) -> str:
    try:
        value = header.get(name)
        if value is not None and not isinstance(value, str) and hasattr(value, "__getitem__") and len(value):
            value = value[0]
        return "" if value is None else str(value).replace("\0", "").strip()
    except Exception:
        # Damaged bytes raise many kinds of errors in pydicom, and one tag is not worth an image.
        return ""


def _date(header: Dataset, names: Iterable[str]) -> datetime.date | None:
    for name in names:
        digits = re.sub(r"[^0-9]", "", _text(header, name))
        try:
            return datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
        except ValueError:
            continue
    return None


def _years(birth: datetime.date | None, study: datetime.date | None) -> float | None:
    # Completed years: with fractions and the date of the study, the date of birth could be computed.
    if birth is None or study is None:
        return None
    years = study.year - birth.year - ((study.month, study.day) < (birth.month, birth.day))
    return float(years) if 0 <= years <= OLDEST else None


def _view(header: Dataset) -> str | None:
    position = _text(header, "ViewPosition").upper()
    if re.fullmatch(r"[A-Z]{2,4}", position):
        # Left and right laterals count as one view, as in descriptions; decubitus and oblique views are separate.
        return "LATERAL" if position in {"LL", "RL"} else position
    try:
        code = str(header.ViewCodeSequence[0].CodeMeaning)
    except Exception:
        code = ""
    for text in (position, code, *(_text(header, name) for name in _WORDS)):
        plain = re.sub(r"[^a-z]+", " ", text.lower())
        found = [view for view, words in _VIEW_PATTERNS.items() if words.search(plain)]
        # "Chest PA and lateral" describes a study, not one image.
        if len(found) == 1:
            return found[0]
    return None


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", letters))
