"""Names of DICOM files in outputs: a keyed hash replaces every part of a path that may identify a patient."""

from __future__ import annotations

import re
from pathlib import Path

from placa.sources.dicom.patient_key import PatientKey
from placa.sources.dicom.tags import contains_identifier

#: Extensions that are kept.
_EXTENSIONS = {".dcm", ".dicom", ".ima"}
#: A counter, alone or after a word of DICOM media and archives.
_COUNTER = re.compile(
    r"(?:im|img|image|ima|i|file|fil|f|slice|frame|se|ser|series|s|st|sty|study|exam|view|dcm|dicom)?[-_ ]?0*(\d{1,3})"
)
#: Words that describe an image and no patient.
_WORDS = {
    *("dicom", "dcm", "images", "image", "series", "study", "studies", "data", "files", "train", "validation", "test"),
    *("pa", "ap", "lat", "lateral", "frontal", "cr", "dx", "xray", "cxr", "chest", "thorax", "torax"),
}


def public_name(path: Path, identifiers: frozenset[str], key: PatientKey, classes: int = 0) -> str:
    """Return the name of a DICOM file for outputs, as a relative path.

    Args:
        path: The path, relative to the directory of the data.
        identifiers: Texts of the header that identify the patient or the study.
        key: The key of the hashes.
        classes: The number of leading parts that are class folders; they are kept unless they contain an identifier.

    Returns:
        The path, with a hash for every part that is not a counter, such as ``IM0012``, or a usual word.
    """
    parts = []
    for place, part in enumerate(path.parts):
        stem, extension = (part, "") if place + 1 < len(path.parts) else (Path(part).stem, Path(part).suffix)
        if extension.lower() not in _EXTENSIONS:
            stem, extension = part, ""
        kept = not contains_identifier(part, identifiers) and (place < classes or _is_harmless(stem, identifiers))
        parts.append(part if kept else f"{key.pseudonym('path', part, 12)}{extension}")
    return "/".join(parts)


def _is_harmless(stem: str, identifiers: frozenset[str]) -> bool:
    counter = _COUNTER.fullmatch(stem.lower())
    if counter is None:
        return stem.lower() in _WORDS
    numbered = (re.fullmatch(r"[^\W\d]{0,3}[-_ ]?0*(\d{1,3})", text) for text in identifiers)
    numbers = {found[1] for found in numbered if found}
    return counter[1].isascii() and (counter[1].lstrip("0") or "0") not in numbers
