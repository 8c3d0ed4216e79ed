"""Cells that mean the same in every table: ages, sexes, views, and columns by their usual names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from placa.core.errors import unknown_name
from placa.sources.tables import Rows

#: The oldest person on record died at 122; NIH's first table has ages up to 414.
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
#: How tables say that they do not know.
UNKNOWN = frozenset({"", "na", "nan", "n/a", "null", "none", "unknown", "<na>", "?", "-"})


def read_ages(text: pd.Series, notes: list[str]) -> pd.Series:
    """Read ages in years: ``58``, ``58.5``, or as DICOM writes them ``058Y``, ``006M``, ``003W``, ``012D``.

    Args:
        text: The cells.
        notes: A remark with their number is added where cells are no age of a person; these become missing.
    """
    years = by_value(text, _years)
    _note(text, years.isna(), "ages that are", f"no age of a person (0 to {OLDEST:.0f} years)", notes)
    return years


def _years(text: pd.Series) -> pd.Series:
    parts = text.str.upper().str.extract(r"^(\d+(?:\.\d+)?)\s*([YMWD]?)$")
    unit = parts[1].map({"": 1.0, "Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25})
    years = pd.to_numeric(parts[0], errors="coerce") * unit
    return years.where(years <= OLDEST)


def read_sexes(text: pd.Series, notes: list[str]) -> pd.Series:
    """Read sexes as ``F``, ``M`` or missing; `notes` as in `read_ages`."""
    words = set(text.unique())
    # Spanish tables write H and M, and their M is a woman (mujer).
    spanish = {"h": "M", "m": "F"} if words & {"h", "H"} and not words & {"f", "F"} else {}
    sexes = by_value(text, lambda values: values.str.lower().map({**_SEXES, **spanish}))
    _note(text, sexes.isna(), "sexes that are", "neither F nor M", notes)
    return sexes.astype("string")


def read_views(text: pd.Series) -> pd.Series:
    """Read views in capital letters, missing where not known."""
    views = by_value(text, lambda values: values.where(~values.str.lower().isin(UNKNOWN)).str.upper())
    return views.astype("string")


def by_value(text: pd.Series, read: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Read each different cell once: a column of 112,120 has a hundred ages and two sexes."""
    codes, values = pd.factorize(text)
    once = read(pd.Series(np.asarray(values, dtype=object), dtype=object))
    return pd.Series(once.to_numpy()[codes], index=text.index)


def _note(text: pd.Series, missing: pd.Series, what: str, not_what: str, notes: list[str]) -> None:
    odd = text[missing]
    odd = odd[~odd.str.lower().isin(UNKNOWN)]
    if len(odd):
        notes.append(f"{what} {not_what}: {len(odd):,}, such as {odd.iloc[0]!r}; the images were kept without them")


def find_column(rows: Rows, asked: str | None, usual: Sequence[str]) -> str | None:
    """Find a column by the name asked for, or by its usual names; capitals, spaces, ``_`` and ``-`` do not matter.

    Args:
        rows: The table.
        asked: What the user named; ``"none"`` means none, although there may be a usual one.
        usual: Names to look for where nothing was asked.

    Returns:
        The column's name in the table, or nothing where there is none of the usual names.

    Raises:
        PlacaError: There is no column of the name that was asked for.
    """
    if asked is not None and asked in rows.frame:
        return asked
    if asked is not None and asked.lower() == "none":
        return None
    have = {_bare(str(name)): str(name) for name in reversed(rows.frame.columns)}
    for name in [asked] if asked is not None else usual:
        if _bare(name) in have:
            return have[_bare(name)]
    if asked is not None:
        raise unknown_name("column", asked, map(str, rows.frame.columns))
    return None


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter not in " _-.")
