"""Read the truth of a table of predictions: which of two levels is the finding."""

from __future__ import annotations

import pandas as pd

from placa.core.progress import Progress
from placa.evaluation.errors import TruthLevelsError

#: Levels with a known meaning; the second of each pair is the finding. As in R/R/as-predictions.R.
_KNOWN_LEVELS = (
    *(("0", "1"), ("false", "true"), ("no", "yes"), ("no", "sí"), ("no", "si"), ("negative", "positive")),
    *(("negativo", "positivo"), ("absent", "present"), ("ausente", "presente"), ("control", "case"), ("n", "y")),
)


def levels_of(column: pd.Series) -> list[str]:
    """Return the levels of a column of text: a categorical has an order; numbers and logicals have no levels."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [str(level) for level in column.cat.categories if str(level).strip()]
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return []
    return sorted({str(value) for value in column.dropna() if str(value).strip()})


def read_truth(column: pd.Series, event_level: str | None, name: str, file: str, progress: Progress) -> pd.Series:
    """Read a column of truth.

    Args:
        column: Numbers, logicals, or text with two levels.
        event_level: The level that is the finding; None finds it by its meaning.
        name: The name of the column, for messages.
        file: The name of the table, for messages.
        progress: Shows which level was chosen where the order of a categorical decides.

    Returns:
        1 for the finding, 0 without, NaN where unknown.

    Raises:
        TruthLevelsError: There are more than two levels, or it is not known which one is the finding.
    """
    levels = levels_of(column)
    numbers = numbers_of(column) if event_level is None else None
    if not levels or (numbers is not None and numbers.notna().eq(column.notna()).all()):
        return numbers_of(column)
    event = _event_of(levels, event_level, isinstance(column.dtype, pd.CategoricalDtype), name, file, progress)
    text = column.astype("string")
    known = text.notna() & (text.str.strip() != "")
    return (text == event).astype("Float64").astype("float64").where(known)


def _event_of(
    levels: list[str], event_level: str | None, ordered: bool, name: str, file: str, progress: Progress
) -> str:
    if len(levels) > 2:
        raise _levels_error(levels, name, file)
    if event_level is not None:
        place = {"first": 0, "second": 1}.get(event_level)
        event = event_level if place is None else levels[place] if place < len(levels) else ""
        if event not in levels:
            raise _levels_error(levels, name, file)
        return event
    lower = [level.lower() for level in levels]
    for pair in _KNOWN_LEVELS:
        if set(lower) <= set(pair):
            # Without any row of the finding, no value equals its name.
            return next((level for level in levels if level.lower() == pair[1]), pair[1])
    if not ordered or len(levels) != 2:
        raise _levels_error(levels, name, file)
    progress.say(f"the finding is {levels[0]!r}, the first level of {name!r}; --event-level changes it")
    return levels[0]


def _levels_error(levels: list[str], name: str, file: str) -> TruthLevelsError:
    shown = ", ".join(map(repr, levels[:3])) + (f" and {len(levels) - 3:,} others" if len(levels) > 3 else "")
    return TruthLevelsError(
        f"Column {name!r} of {file} must have two levels, one of which is the finding, got {shown}. "
        f"Name the level with --event-level {levels[0]}, or use 0 and 1.",
        file=file,
        column=name,
        levels=levels,
    )


def numbers_of(column: pd.Series) -> pd.Series:
    """Return a column as doubles; text may have a decimal comma, and other text becomes NaN."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype("string")
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.astype("Float64").astype("float64")
    return pd.to_numeric(column.astype("string").str.strip().str.replace(",", "."), errors="coerce").astype("float64")
