"""Parse the cells that all tables share: ages, sexes, views, splits; and find columns by their usual names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from placa.core.errors import unknown_name
from placa.records.codes import Note
from placa.sources.errors import AmbiguousDatesError
from placa.sources.tables import TextTable
from placa.sources.tables.words import SHOWN_LETTERS, UNKNOWN, fold, shown_counts

#: The oldest documented person died at the age of 122; NIH's first table has ages up to 414.
OLDEST = 122.0
#: Usual names of a column of sexes, as `bare_name` returns them.
SEX_COLUMNS = frozenset(
    {"sex", "gender", "patientsex", "patientgender", "sexo", "genero", "sexopaciente", "patientsexdicom", "sexdicom"}
)
_FEMALE = frozenset(
    {"f", "female", "femenino", "femenina", "fem", "fem.", "♀", "mujer", "hembra", "woman", "girl", "nina"}
)
_MALE = frozenset({"v", "male", "masculino", "masc", "masc.", "♂", "hombre", "varon", "macho", "man", "boy", "nino"})
#: Sexes that are known and neither F nor M (DICOM's O).
_OTHER = frozenset({"o", "other", "otro", "otra", "u"})
#: `M` is male in a column with one of the first words, and female (mujer) in a column with one of the second.
_M_IS_MALE = frozenset({"f", "female", "femenino", "femenina", "fem", "male", "masculino", "hembra", "mujer", "woman"})
_M_IS_FEMALE = frozenset({"h", "v", "hombre", "varon"})
_VIEWS = {
    **dict.fromkeys(("pa", "p.a.", "posteroanterior", "postero-anterior", "postero anterior"), "PA"),
    **dict.fromkeys(("ap", "a.p.", "anteroposterior", "antero-posterior", "antero posterior"), "AP"),
    **dict.fromkeys(("l", "ll", "rl", "lat", "lateral", "lateral izquierda", "lateral derecha", "perfil"), "LATERAL"),
    **dict.fromkeys(("frontal", "front"), "FRONTAL"),
}
_SPLITS = {
    **dict.fromkeys(("train", "training", "tr", "entrenamiento", "entreno"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "dev", "development", "tune", "tuning"), "validation"),
    **dict.fromkeys(("validacion",), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "prueba", "pruebas", "holdout", "hold-out"), "test"),
}


def read_ages(text: pd.Series, notes: list[Note]) -> pd.Series:
    """Parse ages in years: ``58``, ``58.5``, ``58,5``, ``45 años``, ``6 months``, or DICOM's ``058Y``, ``006M``.

    Args:
        text: The cells.
        notes: Receives a remark with the number of cells that are not a plausible age; these become missing.
    """
    years = by_value(text, _years)
    _note(text, years.isna(), f"ages that are not a number from 0 to {OLDEST:.0f} years", "ages_invalid", notes)
    return years


def _years(text: pd.Series) -> pd.Series:
    words = text.map(lambda cell: fold(str(cell)))
    parts = words.str.extract(
        r"^(\d+(?:[.,]\d+)?)\s*(?:(anos?|a|years?(?:[ -]old)?|y/?o|yrs?|y)|(meses|mes|months?|mo|m)"
        r"|(semanas?|sem|weeks?|w)|(dias?|days?|d))?\.?$"
    )
    unit = pd.Series(1.0, index=text.index)
    for column, factor in ((2, 1 / 12), (3, 7 / 365.25), (4, 1 / 365.25)):
        unit = unit.mask(parts[column].notna(), factor)
    years = pd.to_numeric(parts[0].str.replace(",", "."), errors="coerce") * unit
    return years.where(years <= OLDEST)


def read_sexes(
    text: pd.Series,
    notes: list[Note],
    coding: Literal["words", "dicom"] = "words",
    column: pd.Series | None = None,
) -> pd.Series:
    """Parse sexes as ``F``, ``M`` or missing.

    The meaning of ``M`` (male, or mujer) and ``H`` (hombre, or hembra) depends on the other values of the column. If
    these do not decide it, the sex is missing.

    Args:
        text: The cells.
        notes: Receives a remark with the number of cells that are not a sex.
        coding: ``"dicom"`` if ``M`` is always male.
        column: All cells of the column, if `text` is a part of it.
    """
    words = {fold(str(cell)) for cell in (text if column is None else column).unique()}
    sexes = {**dict.fromkeys(_FEMALE, "F"), **dict.fromkeys(_MALE, "M")}
    male, female = bool(words & _M_IS_MALE), bool(words & _M_IS_FEMALE)
    if coding == "dicom":
        sexes["m"] = "M"
    elif male != female:
        sexes["m"] = "M" if male else "F"
    if words & {"v", "varon", "macho"}:
        sexes["h"] = "F"
    elif words & {"f", "m", "mujer", "femenino", "femenina"}:
        sexes["h"] = "M"
    read = by_value(text, lambda cells: cells.map(lambda cell: sexes.get(fold(str(cell)))))
    _note(text, read.isna(), "sexes that are neither female nor male, or ambiguous", "sexes_invalid", notes, _OTHER)
    return read.astype("string")


def read_views(text: pd.Series) -> pd.Series:
    """Convert views to ``PA``, ``AP``, ``LATERAL``, or other capital letters; unknown ones become missing."""

    def read(cell: str) -> str | None:
        word = fold(cell)
        if word in UNKNOWN:
            return None
        if word in _VIEWS:
            return _VIEWS[word]
        found = {_VIEWS[part] for part in re.split(r"[^a-z]+", word) if part in _VIEWS}
        if len(found) > 1:
            # "PA and lateral" describes a study, not one image.
            return None
        return found.pop() if found else cell.upper()

    return by_value(text, lambda cells: cells.map(lambda cell: read(str(cell)))).astype("string")


def read_splits(text: pd.Series) -> pd.Series:
    """Parse splits as ``train``, ``validation``, ``test``; other words become missing."""
    return by_value(text, lambda cells: cells.map(lambda cell: split_word(str(cell)))).astype("string")


def split_word(text: str) -> str | None:
    """Return ``train``, ``validation`` or ``test`` for a word that means it; otherwise None."""
    return _SPLITS.get(fold(text))


def read_dates(text: pd.Series, column: str) -> pd.Series:
    """Parse dates: ``2014-09-15``, ``20140915`` (DICOM), ``15/09/2014`` or ``9/15/2014``, with or without a time.

    Args:
        text: The cells.
        column: The name of the column, for the error.

    Returns:
        The dates; missing where a cell is none.

    Raises:
        AmbiguousDatesError: All dates can be day and month, or month and day.
    """
    return by_value(text, lambda cells: _dates(cells, column))


def _dates(cells: pd.Series, column: str) -> pd.Series:
    days = cells.astype(str).str.strip().str.replace(r"(?<=\d)[T ]\d.*$", "", regex=True)
    plain = days.str.replace(r"^(\d{8})\.0$", r"\1", regex=True).str.replace(r"[/.]", "-", regex=True)
    parsed = [pd.to_datetime(plain, format=form, errors="coerce") for form in ("%Y-%m-%d", "%Y%m%d")]
    out = parsed[0].fillna(parsed[1])
    day_first, month_first = (pd.to_datetime(plain, format=form, errors="coerce") for form in ("%d-%m-%Y", "%m-%d-%Y"))
    both = day_first.notna() & month_first.notna()
    if both.any() and (day_first.notna() == month_first.notna()).all() and (day_first != month_first)[both].any():
        example = str(cells[both & (day_first != month_first)].iloc[0])
        raise AmbiguousDatesError(
            f"Dates of column {column!r}, such as {example!r}, can be day and month or month and day. Write them as "
            "2014-09-15.",
            column=column,
            value=example,
        )
    return out.fillna(day_first if day_first.notna().sum() >= month_first.notna().sum() else month_first)


def by_value(text: pd.Series, read: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Apply `read` once per distinct cell: a column of 112,120 rows has about a hundred ages and two sexes."""
    codes, values = pd.factorize(text)
    once = read(pd.Series(np.asarray(values, dtype=object), dtype=object))
    return pd.Series(once.to_numpy()[codes], index=text.index)


def _note(
    text: pd.Series,
    missing: pd.Series,
    what: str,
    code: str,
    notes: list[Note],
    also_known: frozenset[str] = frozenset(),
) -> None:
    counts = text[missing].astype(str).value_counts()
    invalid = {str(cell): int(n) for cell, n in counts.items() if fold(str(cell)) not in UNKNOWN | also_known}
    if invalid:
        images, first = sum(invalid.values()), next(iter(sorted(invalid, key=lambda cell: (-invalid[cell], cell))))
        remark = f"{what}: {images:,}: {shown_counts(invalid)}; the images are kept, with the value missing"
        notes.append(Note(remark, code, images=images, first=first[:SHOWN_LETTERS]))


def find_column(rows: TextTable, name: str | None, usual_names: Sequence[str]) -> str | None:
    """Find a column by a given name, or by its usual names (see `bare_name`).

    Args:
        rows: The table.
        name: The name that the user gave; ``"none"`` means no column.
        usual_names: The names to search for if `name` is None.

    Returns:
        The column's name in the table, or None.

    Raises:
        UnknownNameError: The table has no column `name`.
    """
    if name is not None and name in rows.frame:
        return name
    if name is not None and name.lower() == "none":
        return None
    found = find_columns(rows, [name] if name is not None else usual_names)
    if found:
        return found[0]
    if name is not None:
        raise unknown_name("column", name, map(str, rows.frame.columns))
    return None


def find_columns(rows: TextTable, usual_names: Sequence[str]) -> list[str]:
    """Find all columns with a usual name, in the order of the usual names."""
    columns = sorted(map(str, rows.frame.columns))
    by_bare_name: dict[str, str] = {}
    for column in columns:
        by_bare_name.setdefault(bare_name(column), column)
    for column in columns:
        # "edad (años)" is "edad".
        by_bare_name.setdefault(bare_name(re.sub(r"[(\[].*?[)\]]", "", column)), column)
    found = (by_bare_name.get(bare_name(candidate)) for candidate in usual_names)
    return list(dict.fromkeys(column for column in found if column is not None))


def bare_name(name: str) -> str:
    """Return the letters and digits of a column's name, without case and accents."""
    return "".join(letter for letter in fold(name) if letter.isalnum())
