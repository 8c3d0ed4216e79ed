"""What the tags of a DICOM file say of patient and image, and which of them say who it is."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from placa.images.dicom.header import quiet
from placa.sources.tables.cells import OLDEST

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_UIDS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
_WORDS = ("SeriesDescription", "ProtocolName", "StudyDescription")
#: All that `describe` and `placa.images.dicom.header.refuse` look at.
TAGS = [
    *("PatientID", "IssuerOfPatientID", "OtherPatientIDs", "PatientName", "PatientSex", "PatientAge"),
    *("PatientBirthDate", "Modality", "ViewPosition", "ViewCodeSequence", "InstitutionName", "AccessionNumber"),
    *("Rows", "Columns", "NumberOfFrames", "BitsStored", "PresentationIntentType", "SOPClassUID"),
    *(*_UIDS, *_DATES, *_WORDS),
]
#: What stands in PatientID where somebody took the patient out of it.
_NOBODY = re.compile(
    r"(anon(ym\w*)?|unknown|none|null|na|n/a|removed|de-?identified|redacted|patient|test|[0x*?.-]+)", re.I
)
_SEEN_FROM = {
    "PA": re.compile(r"\bp ?a\b|\bpostero ?anterior\b"),
    "AP": re.compile(r"\ba ?p\b|\bantero ?posterior\b"),
    "LATERAL": re.compile(r"\blat\b|\blateral\b|\bll\b|\brl\b"),
}


@dataclass(frozen=True)
class Described:
    """A file by its tags. Those up to `institution` identify the patient and must not leave the machine.

    Attributes:
        patient: PatientID, ``""`` where it is missing or stands for nobody (``ANONYMOUS``).
        issuer: Who gave that id.
        uid: SOPInstanceUID.
        accession: AccessionNumber.
        institution: InstitutionName.
        telling: Every text that identifies the patient or the study, in lower case.
        modality: ``CR``, ``DX``, …, or ``""``.
        sex: ``F``, ``M`` or None.
        age: As it is written, ``045Y``, or ``""``.
        years: Between birth and study, where both dates are there.
        view: ``PA``, ``AP``, ``LATERAL``, another ViewPosition, or None.
    """

    patient: str
    issuer: str
    uid: str
    accession: str
    institution: str
    telling: frozenset[str]
    modality: str
    sex: str | None
    age: str
    years: float | None
    view: str | None


def describe(header: Dataset) -> Described:
    """Read the tags of a header; one that is missing or damaged counts as not there."""
    with quiet():
        return _describe(header)


def _describe(header: Dataset) -> Described:
    patient = _text(header, "PatientID")
    names = re.split(r"[\^=,\s]+", _text(header, "PatientName"))
    others = (_text(header, name) for name in ("OtherPatientIDs", "AccessionNumber", *_UIDS))
    age, sex = _text(header, "PatientAge"), _text(header, "PatientSex").upper()
    return Described(
        patient="" if _NOBODY.fullmatch(patient) else patient,
        issuer=_text(header, "IssuerOfPatientID"),
        uid=_text(header, "SOPInstanceUID"),
        accession=_text(header, "AccessionNumber"),
        institution=_text(header, "InstitutionName"),
        telling=frozenset(
            text.lower() for text in (patient, *others, *names) if len(text) > 1 and not _NOBODY.fullmatch(text)
        ),
        modality=_text(header, "Modality").upper(),
        sex=sex if sex in {"F", "M"} else None,
        age=age if re.fullmatch(r"\d{1,3} ?[DWMY]?", age, re.I) else "",
        years=_years(_date(header, ["PatientBirthDate"]), _date(header, _DATES)),
        view=_view(header),
    )


def spelled(part: str, telling: Iterable[str]) -> bool:
    """Say whether a part of a path spells one of these texts; short ones count where they stand alone."""
    part = part.lower()
    return any(
        text in part if len(text) > 4 else re.search(rf"(?<![^\W_]){re.escape(text)}(?![^\W_])", part) is not None
        for text in telling
    )


def _text(header: Dataset, name: str) -> str:
    try:
        value = header.get(name)
        if value is not None and not isinstance(value, str) and hasattr(value, "__getitem__") and len(value):
            value = value[0]
        return "" if value is None else str(value).replace("\0", "").strip()
    except Exception:
        # What damaged bytes make pydicom raise is no one kind of error, and one tag is not worth an image.
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
    if birth is None or study is None:
        return None
    years = (study - birth).days / 365.25
    return years if 0 <= years <= OLDEST else None


def _view(header: Dataset) -> str | None:
    position = _text(header, "ViewPosition").upper()
    if re.fullmatch(r"[A-Z]{2,4}", position):
        # Left and right laterals are one view, as descriptions name it; decubitus and obliques are others.
        return "LATERAL" if position in {"LL", "RL"} else position
    try:
        code = str(header.ViewCodeSequence[0].CodeMeaning)
    except Exception:
        code = ""
    for text in (position, code, *(_text(header, name) for name in _WORDS)):
        plain = re.sub(r"[^a-z]+", " ", text.lower())
        found = [view for view, words in _SEEN_FROM.items() if words.search(plain)]
        # "Chest PA and lateral" is the name of a study and tells nothing of one image.
        if len(found) == 1:
            return found[0]
    return None
