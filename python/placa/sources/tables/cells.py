"""Parse the cells that all tables share: ages, sexes, views; and find columns by their usual names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from placa.core.errors import unknown_name
from placa.records.codes import Note
from placa.sources.tables import TextTable

#: The oldest documented person died at the age of 122; NIH's first table has ages up to 414.
OLDEST = 122.0
_SEXES = {
    "f": "F",
    "female": "F",
    "femenino": "F",
    "mujer": "F",
    "m": "M",
    "male": "M",
    "masculino": "M",
    "hombre": "M",
}
#: Texts that mean "unknown".
UNKNOWN = frozenset({"", "na", "nan", "n/a", "null", "none", "unknown", "<na>", "?", "-"})


def read_ages(text: pd.Series, notes: list[Note]) -> pd.Series:
    """Parse ages in years: ``58``, ``58.5``, or in DICOM notation ``058Y``, ``006M``, ``003W``, ``012D``.

    Args:
        text: The cells.
        notes: Receives a remark with the number of cells that are not a plausible age; these become missing.
    """
    years = by_value(text, _years)
    _note(text, years.isna(), f"ages outside 0 to {OLDEST:.0f} years", "ages_invalid", notes)
    return years


def _years(text: pd.Series) -> pd.Series:
    parts = text.str.upper().str.extract(r"^(\d+(?:\.\d+)?)\s*([YMWD]?)$")
    unit = parts[1].map({"": 1.0, "Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25})
    years = pd.to_numeric(parts[0], errors="coerce") * unit
    return years.where(years <= OLDEST)


def read_sexes(text: pd.Series, notes: list[Note]) -> pd.Series:
    """Parse sexes as ``F``, ``M`` or missing; `notes` as in `read_ages`."""
    words = set(text.unique())
    # Spanish tables write H (hombre) and M (mujer).
    spanish = {"h": "M", "m": "F"} if words & {"h", "H"} and not words & {"f", "F"} else {}
    sexes = by_value(text, lambda values: values.str.lower().map({**_SEXES, **spanish}))
    _note(text, sexes.isna(), "sexes that are neither F nor M", "sexes_invalid", notes)
    return sexes.astype("string")


def read_views(text: pd.Series) -> pd.Series:
    """Convert views to capital letters; unknown ones become missing."""
    views = by_value(text, lambda values: values.where(~values.str.lower().isin(UNKNOWN)).str.upper())
    return views.astype("string")


def by_value(text: pd.Series, read: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Apply `read` once per distinct cell: a column of 112,120 rows has about a hundred ages and two sexes."""
    codes, values = pd.factorize(text)
    once = read(pd.Series(np.asarray(values, dtype=object), dtype=object))
    return pd.Series(once.to_numpy()[codes], index=text.index)


def _note(text: pd.Series, missing: pd.Series, what: str, code: str, notes: list[Note]) -> None:
    invalid = text[missing]
    invalid = invalid[~invalid.str.lower().isin(UNKNOWN)]
    if len(invalid):
        first = str(invalid.iloc[0])
        remark = f"{what}: {len(invalid):,}, such as {first!r}; the images are kept, with the value missing"
        notes.append(Note(remark, code, images=len(invalid), first=first))


def find_column(rows: TextTable, name: str | None, usual_names: Sequence[str]) -> str | None:
    """Find a column by a given name, or by its usual names; case, spaces, ``_``, ``-`` and ``.`` are ignored.

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
    by_bare_name = {_bare(str(column)): str(column) for column in reversed(rows.frame.columns)}
    for candidate in [name] if name is not None else usual_names:
        if _bare(candidate) in by_bare_name:
            return by_bare_name[_bare(candidate)]
    if name is not None:
        raise unknown_name("column", name, map(str, rows.frame.columns))
    return None


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter not in " _-.")
