"""What the label columns of a table say: 0 and 1, yes and no, or words of which some are positive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from placa.core.errors import unknown_name
from placa.sources.errors import (
    ConflictingOptionsError,
    EmptyColumnError,
    LabelValuesError,
    MissingOptionError,
    PositiveNegativeOverlapError,
    RepeatedNameError,
)
from placa.sources.tables import Rows
from placa.sources.tables.cells import UNKNOWN, by_value, find_column

_YES = frozenset({"1", "yes", "y", "true", "t", "positive", "pos", "present", "sí", "si", "verdadero", "positivo"})
_NO = frozenset({"0", "no", "n", "false", "f", "negative", "neg", "absent", "falso", "negativo"})
#: CheXpert and MIMIC-CXR write -1 where the report is not sure (Irvin et al. 2019).
_UNCERTAIN = frozenset({"-1", "uncertain"})
_SHOWN = 12


@dataclass(frozen=True)
class Labels:
    """The truth of every row.

    Attributes:
        values: A column a finding: 1, 0, or missing where unknown or not asked for; rows as in the table.
        findings: The columns of `values`.
        positive: What a positive image has, in words.
        comparison: What it is told apart from, in words.
        reasons: Why a row's label cannot be read; ``""`` where it can.
    """

    values: pd.DataFrame
    findings: list[str]
    positive: str
    comparison: str
    reasons: pd.Series


def label_columns(rows: Rows, names: Iterable[str]) -> list[str]:
    """Find the label columns by name.

    Raises:
        PlacaError: There is no column of a name.
    """
    found = []
    for name in names:
        column = find_column(rows, name, ())
        if column is None:
            # "none" means no column of the other kinds; without a label there is nothing to read.
            raise unknown_name("column", name, map(str, rows.frame.columns))
        found.append(column)
    return found


def read_truth(
    rows: Rows, columns: list[str], positive: list[str], negative: list[str], finding: str | None, notes: list[str]
) -> Labels:
    """Read the label columns.

    Args:
        rows: The table.
        columns: Its label columns: one, or several findings.
        positive: Values that are positive; none for 1, yes, true and the like.
        negative: Values of the comparison; none for all others.
        finding: What to call the finding of a single column.
        notes: A remark is added for labels that are uncertain.

    Raises:
        PlacaError: A value is in no row, or on both sides; or the labels are words, and none was called positive.
    """
    if finding is not None and len(columns) > 1:
        raise ConflictingOptionsError(
            "--finding names the finding of one label column, and several came: leave it away.",
            option="--finding",
            names=columns,
        )
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise RepeatedNameError(
            f"--label names the column {twice[0]!r} more than once: name each once.", option="--label", name=twice[0]
        )
    yes, no = (frozenset(_plain(value) for value in values) for values in (positive, negative))
    if no and not yes:
        raise MissingOptionError(
            "--negative was given and --positive was not: name the positive values too.",
            option="--positive",
            given=["--negative"],
        )
    if yes & no:
        both = sorted(yes & no)[0]
        raise PositiveNegativeOverlapError(
            f"{both!r} is both --positive and --negative: it can be only one.", name=both
        )
    plain = {name: by_value(rows.frame[name], lambda cells: cells.map(_plain)) for name in columns}
    # Where labels are yes and no, a "maybe" is set aside; of other words, any may be the comparison.
    strict = not no and (not yes or ((yes <= _YES or yes <= _NO) and all(map(_mostly_plain, plain.values()))))
    inverted = strict and bool(yes) and yes <= _NO
    if strict:
        yes, no = (_NO, _YES) if inverted else (_YES, _NO)
    if not strict:
        _require_values(rows, plain, [*positive, *negative])
    values, reasons, uncertain = {}, pd.Series("", index=rows.frame.index, dtype=object), 0
    for name, cells in plain.items():
        unknown = cells.isin((UNKNOWN | _UNCERTAIN) - yes - no)
        uncertain += int(cells.isin(_UNCERTAIN - yes - no).sum())
        other = ~unknown & ~cells.isin(yes | no)
        if strict and other.any():
            if not _mostly_plain(cells):
                raise LabelValuesError(
                    f"The label column {name!r} of {rows.path} holds {_shown(rows.frame[name][~unknown])}, and 0 and 1 "
                    "or yes and no were expected: say by --positive which of them is positive.",
                    file=str(rows.path),
                    column=name,
                    labels=rows.frame[name][~unknown].unique()[:_SHOWN].tolist(),
                )
            why = f"its label in the column {name!r} is neither 0 nor 1, yes nor no: "
            reasons = reasons.mask(other & (reasons == ""), why + rows.frame[name].map(repr))
        zero = cells.isin(no) if strict or no else other
        values[name] = pd.Series(pd.NA, index=cells.index, dtype="Int8").mask(zero, 0).mask(cells.isin(yes), 1)
    if uncertain:
        notes.append(f"labels that are uncertain and count as unknown: {uncertain:,}")
    if len(columns) > 1:
        truth = pd.DataFrame(values)
        return Labels(truth, columns, ", ".join(columns), "the rest", reasons)
    only = columns[0]
    # Each value as the table first spells it.
    spelled = dict(zip(plain[only][::-1], rows.frame[only][::-1], strict=True))
    if strict:
        name = finding or (f"{only} {positive[0]}" if inverted else only)
        comparison = f"no {name}"
    else:
        name = finding or " or ".join(spelled[_plain(value)] for value in positive)
        others = no or set(plain[only][values[only] == 0])
        listed = [spelled[word] for word in sorted(others)]
        comparison = " or ".join(listed) if len(listed) <= 4 else "the rest"
    return Labels(pd.DataFrame({name: values[only]}), [name], name, comparison, reasons)


def _mostly_plain(cells: pd.Series) -> bool:
    known = cells[~cells.isin(UNKNOWN | _UNCERTAIN)]
    return bool(known.isin(_YES | _NO).sum() * 2 >= len(known))


def _plain(value: str) -> str:
    """A value as it is compared: ``1.0`` is 1, and capitals do not matter."""
    value = value.strip().lower()
    return value[:-2] if value.endswith(".0") else value


def _require_values(rows: Rows, plain: dict[str, pd.Series], wanted: list[str]) -> None:
    if all((rows.frame[name] == "").all() for name in plain):
        raise EmptyColumnError(
            f"{rows.path} has nothing in the column {' or '.join(map(repr, plain))}: fill in the labels.",
            file=str(rows.path),
            columns=list(plain),
        )
    there = set().union(*(set(cells.unique()) for cells in plain.values()))
    for value in wanted:
        if _plain(value) not in there:
            columns = " or ".join(map(repr, plain))
            cells = pd.concat([rows.frame[name] for name in plain])
            common = cells[cells != ""].value_counts().index[:_SHOWN]
            raise unknown_name(f"row whose {columns} is", value, map(str, common))


def _shown(cells: pd.Series) -> str:
    values = cells.unique()
    return ", ".join(map(repr, values[:4])) + (", …" if len(values) > 4 else "")
