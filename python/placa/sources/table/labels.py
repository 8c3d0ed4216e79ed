"""Parse label columns: 0 and 1, yes and no, or words of which some are positive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from placa.core.errors import unknown_name
from placa.records.codes import Note
from placa.records.source import ABSENT, REST, Comparison, compared_with
from placa.sources.errors import (
    ConflictingOptionsError,
    EmptyColumnError,
    LabelValuesError,
    MissingOptionError,
    PositiveNegativeOverlapError,
    RepeatedNameError,
)
from placa.sources.tables import TextTable
from placa.sources.tables.cells import UNKNOWN, by_value, find_column

_YES = frozenset({"1", "yes", "y", "true", "t", "positive", "pos", "present", "sí", "si", "verdadero", "positivo"})
_NO = frozenset({"0", "no", "n", "false", "f", "negative", "neg", "absent", "falso", "negativo"})
#: CheXpert and MIMIC-CXR write -1 for an uncertain label (Irvin et al. 2019).
_UNCERTAIN = frozenset({"-1", "uncertain"})
_SHOWN = 12


@dataclass(frozen=True)
class Labels:
    """Hold the truth of every row.

    Attributes:
        values: One column per finding: 1, 0, or missing if unknown or not selected; rows as in the table.
        findings: The columns of `values`.
        comparison: The images that findings are compared with.
        reasons: The reason why a row's label cannot be parsed; ``""`` if it can.
    """

    values: pd.DataFrame
    findings: list[str]
    comparison: Comparison
    reasons: pd.Series


def label_columns(rows: TextTable, names: Iterable[str]) -> list[str]:
    """Find the label columns by name.

    Raises:
        UnknownNameError: The table lacks a column.
    """
    found = []
    for name in names:
        column = find_column(rows, name, ())
        if column is None:
            # "none" ignores an optional column; a label column is required.
            raise unknown_name("column", name, map(str, rows.frame.columns))
        found.append(column)
    return found


def read_truth(
    rows: TextTable,
    columns: list[str],
    positive: list[str],
    negative: list[str],
    finding: str | None,
    notes: list[Note],
) -> Labels:
    """Parse the label columns.

    Args:
        rows: The table.
        columns: Its label columns: one, or several findings.
        positive: Positive values; empty for 1, yes, true and similar.
        negative: Values of the comparison; empty for all others.
        finding: The name of the finding of a single column.
        notes: Receives a remark if labels are uncertain.

    Raises:
        UnknownNameError: A value is in no row.
        ConflictingOptionsError: `finding` is given with several columns.
        RepeatedNameError: A column is named twice.
        MissingOptionError: `negative` is given without `positive`.
        PositiveNegativeOverlapError: A value is positive and negative.
        LabelValuesError: The labels are words, and `positive` is empty.
        EmptyColumnError: All labels are empty.
    """
    if finding is not None and len(columns) > 1:
        raise ConflictingOptionsError(
            f"--finding needs one label column, got {len(columns)}. Omit --finding.",
            option="--finding",
            names=columns,
        )
    repeated = [name for name in columns if columns.count(name) > 1]
    if repeated:
        raise RepeatedNameError(
            f"--label names {repeated[0]!r} more than once. Name each column once.", option="--label", name=repeated[0]
        )
    yes, no = (frozenset(_normalized(value) for value in values) for values in (positive, negative))
    if no and not yes:
        raise MissingOptionError(
            "--negative needs --positive. Name the positive values too.",
            option="--positive",
            given=["--negative"],
        )
    if yes & no:
        both = sorted(yes & no)[0]
        raise PositiveNegativeOverlapError(
            f"{both!r} is both --positive and --negative. Remove it from one.", name=both
        )
    normalized = {name: by_value(rows.frame[name], lambda cells: cells.map(_normalized)) for name in columns}
    # If labels are yes and no, "maybe" is rejected; if they are words, any other word may be the comparison.
    strict = not no and (not yes or ((yes <= _YES or yes <= _NO) and all(map(_mostly_binary, normalized.values()))))
    inverted = strict and bool(yes) and yes <= _NO
    if strict:
        yes, no = (_NO, _YES) if inverted else (_YES, _NO)
    if not strict:
        _require_values(rows, normalized, [*positive, *negative])
    values, reasons, uncertain = {}, pd.Series("", index=rows.frame.index, dtype=object), 0
    for name, cells in normalized.items():
        unknown = cells.isin((UNKNOWN | _UNCERTAIN) - yes - no)
        uncertain += int(cells.isin(_UNCERTAIN - yes - no).sum())
        other = ~unknown & ~cells.isin(yes | no)
        if strict and other.any():
            if not _mostly_binary(cells):
                raise LabelValuesError(
                    f"Labels in column {name!r} of {rows.path} must be 0 and 1 or yes and no, got "
                    f"{_examples(rows.frame[name][~unknown])}. Name the positive values with --positive.",
                    file=str(rows.path),
                    column=name,
                    labels=rows.frame[name][~unknown].unique()[:_SHOWN].tolist(),
                )
            why = f"its label in column {name!r} is not 0 or 1, yes or no: "
            reasons = reasons.mask(other & (reasons == ""), why + rows.frame[name].map(repr))
        zero = cells.isin(no) if strict or no else other
        values[name] = pd.Series(pd.NA, index=cells.index, dtype="Int8").mask(zero, 0).mask(cells.isin(yes), 1)
    if uncertain:
        text = f"uncertain labels, which count as unknown: {uncertain:,}"
        notes.append(Note(text, "labels_uncertain", labels=uncertain))
    if len(columns) > 1:
        truth = pd.DataFrame(values)
        return Labels(truth, columns, REST, reasons)
    single = columns[0]
    # The first spelling of each value in the table.
    spelling = dict(zip(normalized[single][::-1], rows.frame[single][::-1], strict=True))
    if strict:
        name = finding or (f"{single} {positive[0]}" if inverted else single)
        comparison = ABSENT
    else:
        name = finding or " or ".join(spelling[_normalized(value)] for value in positive)
        others = no or set(normalized[single][values[single] == 0])
        names_of_others = [spelling[word] for word in sorted(others)]
        comparison = compared_with(*names_of_others) if len(names_of_others) <= 4 else REST
    return Labels(pd.DataFrame({name: values[single]}), [name], comparison, reasons)


def _mostly_binary(cells: pd.Series) -> bool:
    known = cells[~cells.isin(UNKNOWN | _UNCERTAIN)]
    return bool(known.isin(_YES | _NO).sum() * 2 >= len(known))


def _normalized(value: str) -> str:
    """Normalize a value for comparison: ``1.0`` is 1, and case is ignored."""
    value = value.strip().lower()
    return value[:-2] if value.endswith(".0") else value


def _require_values(rows: TextTable, normalized: dict[str, pd.Series], wanted: list[str]) -> None:
    if all((rows.frame[name] == "").all() for name in normalized):
        raise EmptyColumnError(
            f"Column {' or '.join(map(repr, normalized))} of {rows.path} is empty. Fill in the labels.",
            file=str(rows.path),
            columns=list(normalized),
        )
    found_values = set().union(*(set(cells.unique()) for cells in normalized.values()))
    for value in wanted:
        if _normalized(value) not in found_values:
            columns = " or ".join(map(repr, normalized))
            cells = pd.concat([rows.frame[name] for name in normalized])
            common = cells[cells != ""].value_counts().index[:_SHOWN]
            raise unknown_name(f"value of column {columns}", value, map(str, common))


def _examples(cells: pd.Series) -> str:
    values = cells.unique()
    return ", ".join(map(repr, values[:4])) + (", …" if len(values) > 4 else "")
