"""Read identifiers of patients: placeholders mean unknown, and spellings of the same number are one patient."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.text import INVISIBLE
from placa.records.codes import Note
from placa.sources.errors import LossyIdentifierError
from placa.sources.tables.words import DASHES, UNKNOWN, fold, shown, shown_counts

_PLACEHOLDER = re.compile(
    r"anon|anon[iy]m\w*|anonimo|anonima|de-?identified|de-?identificad[oa]|desidentificad[oa]|redacted|removed|masked"
    r"|hidden|confidential|confidencial|private|privado|oculto|eliminado|borrado|censored|patient|paciente|subject"
    r"|test|prueba|noid|no[ _-]?id|no[ _-]?name|sin[ _-]?id|sin[ _-]?nombre|sin identificar|unidentified|nn|n\.n\."
    r"|x+|0+|-1|[*?.#_-]+"
)
_NUMBERED = re.compile(
    r"(?:anon|anon[iy]m\w*|unknown|noid|desconocid[oa]|patient|paciente|test|no[ _-]?name)[\s^_-]*\d+"
)
#: A patient with this many rows, who is the only one, is a placeholder.
_MANY_ROWS = 5
#: Doubles store all integers up to this one.
_LARGEST_EXACT = 2**53
_PATH_PART = re.compile(r"(?:patient|person|subject|sub|paciente|sujeto|pat)[-_ ]?(\d+)", re.I)


def is_placeholder(text: str) -> bool:
    """Return whether an identifier means that the patient is unknown: ``anonymous``, ``N/A``, ``000``."""
    plain = _plain(text)
    return plain in UNKNOWN or _PLACEHOLDER.fullmatch(plain) is not None


def unknown_patients(cells: pd.Series) -> pd.Series:
    """Return whether each identifier of a column means that the patient is unknown.

    A placeholder with a number (``ANON^001``) is an identifier if the column has several of them. A zero is an
    identifier if the column also has ``1``, and no more rows of ``0`` than of another patient.
    """
    plain = {cell: _plain(cell) for cell in map(str, cells.unique())}
    counts = cells.value_counts()
    unknown = {cell: is_placeholder(cell) for cell in plain}
    numbered = [cell for cell, text in plain.items() if _NUMBERED.fullmatch(text)]
    if len({plain[cell] for cell in numbered}) == 1 and sum(counts[cell] for cell in numbered) > 1:
        unknown.update(dict.fromkeys(numbered, True))
    known = [int(counts[cell]) for cell in plain if not unknown[cell]]
    zeros = [cell for cell in plain if re.fullmatch(r"0+(\.0+)?", plain[cell])]
    if (
        known
        and zeros
        and any(_number(cell) == "1" for cell in plain)
        and sum(counts[cell] for cell in zeros) <= max(known)
    ):
        unknown.update(dict.fromkeys(zeros, False))
    return cells.map(unknown).astype(bool)


def read_patients(cells: pd.Series, column: str, file: Path, notes: list[Note]) -> pd.Series:
    """Read a column of patients.

    Args:
        cells: The cells.
        column: The column's name, for messages.
        file: The table, for messages.
        notes: Receives a remark on placeholders and on spellings that are the same patient.

    Returns:
        One text per patient, ``""`` where the patient is unknown. Spellings that differ by case, spaces, leading zeros
        or a final ``.0`` are the same patient.

    Raises:
        LossyIdentifierError: Identifiers were stored as numbers and have lost digits (``1.23457E+17``).
    """
    cells = cells.astype(str).map(clean_identifier)
    lossy = sorted(cell for cell in cells.unique() if has_lost_digits(cell))
    if lossy:
        raise LossyIdentifierError(
            f"Column {column!r} of {file} has patients such as {shown(lossy[0])}: they were saved as numbers and have "
            "lost digits, so different patients may have the same one. Save the column as text from the original "
            f"data, or pass --patient-column none.",
            file=str(file),
            column=column,
            value=lossy[0],
        )
    unknown = unknown_patients(cells)
    words = cells[unknown & (cells != "")].value_counts()
    if len(words):
        counts = {str(word): int(count) for word, count in words.items()}
        text = f"column {column!r}: placeholders, which mean that the patient is unknown: {shown_counts(counts)}"
        notes.append(
            Note(text, "patient_placeholders", column=column, rows=int(words.sum()), shown=shown_counts(counts))
        )
    if cells[~unknown].nunique() == 1 and (~unknown).sum() >= _MANY_ROWS:
        only = str(cells[~unknown].iloc[0])
        count = int((~unknown).sum())
        text = f"column {column!r}: {shown(only)} is the only patient ({count:,} rows), so patients are unknown"
        notes.append(Note(text, "patient_placeholders", column=column, rows=count, shown=shown(only)))
        unknown = pd.Series(True, index=cells.index)
    known = sorted({str(cell) for cell in cells[~unknown]}, key=lambda cell: (len(cell), cell))
    names: dict[str, str] = {}
    for cell in known:
        # The shortest spelling gives the name: `7` for `007` and `7.0`.
        names.setdefault(_key(cell), re.sub(r"^(\d+)\.0+$", r"\1", " ".join(cell.split())))
    merged = len(known) - len(names)
    if merged:
        example = next(cell for cell in reversed(known) if names[_key(cell)] != cell)
        text = (
            f"column {column!r}: {merged:,} spellings of other patients were joined with them, such as "
            f"{shown(example)} with {shown(names[_key(example)])}"
        )
        notes.append(Note(text, "patient_spellings", column=column, spellings=merged))
    return cells.map({cell: names[_key(cell)] for cell in known}).fillna("").where(~unknown, "")


def clean_identifier(text: str) -> str:
    """Return an identifier without what programs add: invisible characters, ``="007"`` and ``'007`` of spreadsheets."""
    if text.isascii() and text.isalnum():
        return text
    visible = "".join(" " if letter.isspace() else letter for letter in INVISIBLE.sub("", text))
    plain = " ".join(visible.translate(DASHES).split())
    quoted = re.fullmatch(r'="(.*)"', plain)
    return quoted[1].strip() if quoted else re.sub(r"^'(?=[^'])|(?<=[^'])'$", "", plain)


def has_lost_digits(text: str) -> bool:
    """Return whether a number was stored with fewer digits than it had: ``1.23457E+17``, or a float above 2^53."""
    if re.fullmatch(r"[+-]?\d+(?:[.,]\d+)?e\+?\d+", text, re.I):
        return True
    whole = re.fullmatch(r"[+-]?(\d{16,})[.,]0+", text)
    return whole is not None and int(whole[1]) > _LARGEST_EXACT


def patients_in_paths(paths: pd.Series) -> pd.Series:
    """Return the patient that a path names (``patient00001/study1/view1.jpg``), ``""`` where it names none."""

    def patient(path: str) -> str:
        for part in reversed(re.split(r"[/\\]", path)):
            found = re.search(rf"(?<![a-z]){_PATH_PART.pattern}", part, re.I)
            if found:
                return found[0].lower()
        return ""

    return paths.astype(str).map(patient)


def _plain(text: str) -> str:
    return " ".join((text if re.fullmatch(r"[\d.]+", text.strip()) else fold(text)).split())


def _number(text: str) -> str:
    match = re.fullmatch(r"0*(\d+)(?:\.0+)?", text.strip(), re.ASCII)
    return match[1] if match else ""


def _key(text: str) -> str:
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return _number(plain) or plain


def join_groups(groups: pd.Series, patients: pd.Series) -> pd.Series:
    """Join the groups that share a patient, because neither may be divided; the first group gives the name."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    left, right = pd.factorize(groups)[0], pd.factorize(patients)[0]
    known = right >= 0
    ends = left[known], right[known] + left.max() + 1
    nodes = left.max() + right.max() + 2
    ties = coo_matrix((np.ones(len(ends[0]), dtype=bool), ends), shape=(nodes, nodes))
    _, joined = connected_components(ties, directed=False)
    return groups.groupby(joined[left]).transform("first")


def join_copies(images: pd.DataFrame, copies: NDArray[np.int64]) -> tuple[pd.DataFrame, bool]:
    """Join the groups of images with the same pixels.

    Args:
        images: One row per image, with ``group_id`` or ``patient_id`` if known.
        copies: A number per row, equal for images with the same pixels.

    Returns:
        The images, with ``group_id`` if a group has changed, and whether one has.
    """
    repeated = pd.Series(copies, index=images.index).where(pd.Series(copies).duplicated(keep=False).to_numpy())
    units = images.get("group_id", images.get("patient_id"))
    if units is None or not (units[repeated.notna()].groupby(repeated.dropna()).nunique() > 1).any():
        return images, False
    return images.assign(group_id=join_groups(units, repeated)), True
