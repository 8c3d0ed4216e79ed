"""Find table rows with the same key: identical ones are kept once, contradictory ones are all rejected."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.sources.tables import TextTable


def select_usable(
    rows: TextTable, reasons: pd.Series, keys: pd.Series, cells: pd.DataFrame, noun: str = "the image"
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Select the rows that can be used, once for each key.

    Args:
        rows: The table.
        reasons: The reason why each row of ``rows.frame`` cannot be used, ``""`` if it can.
        keys: The key of each row.
        cells: The cells of each row that must agree for the same key.
        noun: What a key names, in words.

    Returns:
        The usable rows of ``rows.frame``; and ``(row, reason)`` of all others.
    """
    usable = rows.frame[reasons == ""]
    keep, repeats = reject_duplicates(rows, keys[usable.index], cells.loc[usable.index], noun)
    return usable[keep], rows.reject(reasons) + repeats


def reject_duplicates(
    rows: TextTable, keys: pd.Series, cells: pd.DataFrame, noun: str = "the image"
) -> tuple[NDArray[np.bool_], list[tuple[str, str]]]:
    """Find the rows that have the same key as another row.

    The first of identical rows is kept. If rows contradict each other, it is unknown which one is right, and all are
    rejected.

    Args:
        rows: The table of `keys` and `cells`.
        keys: The key of each row; its index numbers rows of ``rows.frame``.
        cells: The cells that must agree, in the same order.
        noun: What a key names, in words.

    Returns:
        Which of `keys` to keep, shape ``(keys,)``; and ``(row, reason)`` of the others.
    """
    keep = np.ones(len(keys), dtype=bool)
    repeated = keys.duplicated(keep=False).to_numpy()
    if not repeated.any():
        return keep, []
    positions = np.flatnonzero(repeated)
    key = keys.iloc[positions].reset_index(drop=True)
    compared = cells.iloc[positions].fillna("").astype(str).reset_index(drop=True)
    numbers = pd.Series(np.arange(len(key)))
    first = numbers.groupby(key).transform("min").to_numpy()
    # For each key: the first column that differs, and the first row that differs from the first in that column.
    column, other_row = np.full(len(key), -1), first.copy()
    for position, name in enumerate(compared.columns):
        values = compared[name].to_numpy()
        differs = numbers.where(values != values[first]).groupby(key).transform("min")
        found = differs.notna().to_numpy() & (column < 0)
        column[found], other_row[found] = position, differs.to_numpy()[found].astype(int)
    line = rows.lines[keys.index[positions]]
    rejected: list[tuple[str, str]] = []
    for row, position_in_keys in enumerate(positions):
        if column[row] >= 0:
            name = compared.columns[column[row]]
            value = compared[name].iat[row]
            other = other_row[row] if value == compared[name].iat[first[row]] else first[row]
            reason = (
                f"{noun} {key[row]!r} is also in {rows.unit} {line[other]} with another {name} "
                f"({value!r} here, {compared[name].iat[other]!r} there): keep the correct row"
            )
        elif row != first[row]:
            reason = f"it repeats {rows.unit} {line[first[row]]} ({noun} {key[row]!r}): remove one of the two rows"
        else:
            continue
        keep[position_in_keys] = False
        rejected.append((f"{rows.path.name}, {rows.unit} {line[row]}", reason))
    return keep, rejected
