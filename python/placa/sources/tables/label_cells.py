"""Read label cells: the findings that one cell names, as a list or between separators."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from placa.sources.tables.words import UNKNOWN, fold, normal

#: Separators of findings that are recognised. Those with spaces separate only with these spaces.
CELL_SEPARATORS = ("|", ";", "\n", ",", "/", " + ", " & ")
#: Words and marks that may also be in a single name; they separate only if all parts are whole entries of other cells.
JOINING = (" and ", " y ", " e ", "_", "-")
#: The value of ``--separator`` for cells that are single names.
NO_SEPARATOR = "none"
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


@dataclass(frozen=True)
class CellEntries:
    """Hold the findings that each cell of a column names.

    Attributes:
        entries: For each distinct cell its findings, as written; an empty cell or list has none.
        separators: The separators that are used.
        possible: Separators that occur, and are not used because none of the parts occurs alone.
    """

    entries: Mapping[str, tuple[str, ...]]
    separators: tuple[str, ...]
    possible: tuple[str, ...]


def read_entries(cells: pd.Series, separator: str | None = None) -> CellEntries:
    """Read the findings of each cell.

    JSON and Python lists are read. A separator is used if at least one of the parts is also a whole entry of another
    cell: ``Effusion|Mass`` has two findings if another cell is ``Mass``, and ``Nodule/Mass`` is one finding if no cell
    is ``Nodule`` or ``Mass``. The separators in `JOINING` are used only where all parts are whole entries.

    Args:
        cells: The cells of one column.
        separator: The separator; ``"none"`` if no cell has one; by default those of `CELL_SEPARATORS` that the column
            uses.
    """
    entries: dict[str, tuple[str, ...]] = {}
    for cell in map(str, cells.unique()):
        listed = parse_list(cell)
        entries[cell] = tuple(part for part in ([cell.strip()] if listed is None else listed) if part)
    if separator == NO_SEPARATOR:
        return CellEntries(entries, (), ())
    used, possible = [], []
    for mark in (*CELL_SEPARATORS, *JOINING) if separator is None else (separator,):
        alone = {normal(entry) for parts in entries.values() for entry in parts if not _separates(mark, entry)}
        joined = {entry for parts in entries.values() for entry in parts if _separates(mark, entry)}
        if not joined:
            continue
        if separator is None and mark in JOINING:
            joined = {entry for entry in joined if all(normal(part) in alone for part in _split(entry, mark))}
            if not joined:
                continue
        elif separator is None and not any(normal(part) in alone for entry in joined for part in _split(entry, mark)):
            possible.append(mark)
            continue
        used.append(mark)
        entries = {
            cell: tuple(part for entry in parts for part in (_split(entry, mark) if entry in joined else [entry]))
            for cell, parts in entries.items()
        }
    return CellEntries(entries, tuple(used), tuple(possible))


def parse_list(cell: str) -> list[str] | None:
    """Return the entries of a cell that is a JSON or Python list, stripped; None if it is not a list."""
    text = cell.strip()
    if (text[:1], text[-1:]) not in {("[", "]"), ("(", ")"), ("{", "}")} or len(text) < 2:
        return None
    # NumPy prints lists without commas, which Python would read as one text.
    if not re.search(r"['\"]\s+['\"]", text):
        for read in (json.loads, ast.literal_eval):
            try:
                values = read(text)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            if isinstance(values, list | tuple | set | frozenset):
                return [entry for value in values for entry in _texts(value)]
    if text[0] != "[":
        # "(normal)" is a name.
        return None
    inside = text[1:-1]
    quoted = [single or double for single, double in _QUOTED.findall(inside)]
    return [part.strip() for part in (quoted or re.split(r"[,;|]", inside))]


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, list | tuple | set | frozenset):
        return [text for part in value for text in _texts(part)]
    return ["unknown" if value is None or value != value else str(value).strip()]


def _separates(mark: str, entry: str) -> bool:
    """Return whether a separator is in an entry, which is not a number or a word for "unknown" (``n/a``, ``1,0``)."""
    return mark in entry.casefold() and fold(entry) not in UNKNOWN and not _NUMBER.fullmatch(entry)


def _split(entry: str, mark: str) -> list[str]:
    parts = [part.strip() for part in re.split(re.escape(mark), entry, flags=re.IGNORECASE)]
    return list(dict.fromkeys(part for part in parts if part))
