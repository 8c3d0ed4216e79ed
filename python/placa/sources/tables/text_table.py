"""Rows of a table as text, and the names of its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.records.codes import Note
from placa.sources.errors import MissingColumnError, NoUsableRowError, RepeatedColumnError

#: The number of columns shown in an error.
_SHOWN = 12


@dataclass(frozen=True)
class TextTable:
    """Hold the rows of a table as text.

    Attributes:
        path: The file.
        frame: One row per row of the table, numbered from 0; cells are stripped strings, ``""`` where empty.
        lines: The line of the file on which each row begins; for parquet the row number, from 1.
        rejected: ``(row, reason)`` of each row that cannot be read.
        notes: Remarks for the user.
        unit: The unit of `lines`: ``"line"`` or ``"row"``.
    """

    path: Path
    frame: pd.DataFrame
    lines: NDArray[np.int64]
    rejected: list[tuple[str, str]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    unit: str = "line"

    def __len__(self) -> int:
        """Return the number of rows read, including the rejected ones."""
        return len(self.frame) + len(self.rejected)

    def location(self, row: int) -> str:
        """Return the location of row `row` of `frame`: ``"labels.csv, line 17"``."""
        return f"{self.path.name}, {self.unit} {self.lines[row]}"

    def reasons(self, problems: Mapping[str, pd.Series]) -> pd.Series:
        """Return the reason why each row of `frame` cannot be used, ``""`` if it can.

        Args:
            problems: For each reason the rows that have it; the first reason of a row is returned.
        """
        reasons = pd.Series("", index=self.frame.index, dtype=object)
        for reason, rows in problems.items():
            reasons = reasons.mask((reasons == "") & rows, reason)
        return reasons

    def require_usable(self, usable: bool, rejected: Sequence[tuple[str, str]]) -> None:
        """Require that a row can be used.

        Args:
            usable: Whether one can.
            rejected: ``(row, reason)`` of each that cannot.

        Raises:
            NoUsableRowError: None can be used.
        """
        if not usable:
            row, reason = rejected[0] if rejected else (None, None)
            first = f" (first: {row}: {reason})" if rejected else ""
            raise NoUsableRowError(
                f"None of the {len(self):,} rows of {self.path} can be used{first}. Correct the table.",
                file=str(self.path),
                rows=len(self),
                row=row,
                reason=reason,
            )

    def reject(self, reasons: pd.Series) -> list[tuple[str, str]]:
        """List ``(row, reason)`` of `rejected` and of each row of `frame` whose reason is not ``""``."""
        found = [(self.location(int(row)), str(reasons[row])) for row in np.flatnonzero(reasons != "")]
        return self.rejected + found


def spell_columns(header: Sequence[str], names: Collection[str]) -> list[str]:
    """Return a header whose columns are spelled as in `names` where only the case differs."""
    spelled = {name.casefold(): name for name in names if name not in header}
    return [name if name in names else spelled.get(name.casefold(), name) for name in header]


def name_columns(path: Path, frame: pd.DataFrame, header: list[str], columns: Sequence[str]) -> pd.DataFrame:
    for name in columns:
        if name not in header:
            raise MissingColumnError(
                f"No column {name!r} in {path} (columns: {', '.join(header[:_SHOWN])}). Add it or rename a column.",
                file=str(path),
                column=name,
                accepted=[name],
                columns=header,
            )
    repeated = sorted(name for name, count in Counter(header).items() if name and count > 1)
    if repeated:
        raise RepeatedColumnError(
            f"{path} has more than one column {repeated[0]!r}. Give each column its own name.",
            file=str(path),
            column=repeated[0],
        )
    frame.columns = pd.Index(header)
    return frame[[name for name in header if name]]
