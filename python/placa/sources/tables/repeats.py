"""Rows of a table that name what another row has named: kept once if they agree, set aside if they do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.sources.tables import Rows


def reject_repeats(
    rows: Rows, keys: pd.Series, cells: pd.DataFrame, noun: str = "the image"
) -> tuple[NDArray[np.bool_], list[tuple[str, str]]]:
    """Find the rows that name what another row has named.

    Of rows that say the same, the first is kept. Where they contradict each other, nobody can tell which is right, and
    all of them are set aside.

    Args:
        rows: Where `keys` and `cells` come from.
        keys: What each row names; its index numbers rows of ``rows.frame``.
        cells: The cells that must agree, in the same order.
        noun: What is named, in words.

    Returns:
        Which of `keys` to keep, and ``(row, reason)`` of the others.
    """
    keep = np.ones(len(keys), dtype=bool)
    repeated = keys.duplicated(keep=False).to_numpy()
    if not repeated.any():
        return keep, []
    places = np.flatnonzero(repeated)
    key = keys.iloc[places].reset_index(drop=True)
    said = cells.iloc[places].fillna("").astype(str).reset_index(drop=True)
    numbers = pd.Series(np.arange(len(key)))
    first = numbers.groupby(key).transform("min").to_numpy()
    # For each set of rows, the first column in which they differ, and the first row that differs there from the first.
    column, odd = np.full(len(key), -1), first.copy()
    for position, name in enumerate(said.columns):
        values = said[name].to_numpy()
        differs = numbers.where(values != values[first]).groupby(key).transform("min")
        found = differs.notna().to_numpy() & (column < 0)
        column[found], odd[found] = position, differs.to_numpy()[found].astype(int)
    line = rows.lines[keys.index[places]]
    rejected: list[tuple[str, str]] = []
    for row, place in enumerate(places):
        if column[row] >= 0:
            name = said.columns[column[row]]
            here = said[name].iat[row]
            other = odd[row] if here == said[name].iat[first[row]] else first[row]
            reason = (
                f"it names {noun} {key[row]!r}, and so does {rows.unit} {line[other]} with another {name} "
                f"({here!r} here, {said[name].iat[other]!r} there): keep the row that is right"
            )
        elif row != first[row]:
            reason = (
                f"it names {noun} {key[row]!r} again, saying the same as {rows.unit} {line[first[row]]}: take one of "
                "the two away"
            )
        else:
            continue
        keep[place] = False
        rejected.append((f"{rows.path.name}, {rows.unit} {line[row]}", reason))
    return keep, rejected
