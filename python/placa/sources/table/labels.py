"""Parse label columns: 0 and 1, yes and no, or names of findings of which some are positive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from placa.core.errors import unknown_name
from placa.records.codes import Note
from placa.records.source import ABSENT, REST, Comparison, compared_with
from placa.sources.errors import (
    ConflictingOptionsError,
    MissingOptionError,
    PositiveNegativeOverlapError,
    RepeatedNameError,
)
from placa.sources.table.label_column import LabelColumn, require_values, tell_similar
from placa.sources.tables import TextTable
from placa.sources.tables.cells import find_column
from placa.sources.tables.label_cells import parse_list
from placa.sources.tables.words import NORMAL, fold, normal, shown


@dataclass(frozen=True)
class LabelValues:
    """Hold the options about the values of labels.

    Attributes:
        positive: Positive values; empty for 1, yes, true and similar.
        negative: Values of the comparison; empty for all others.
        finding: The name of the finding of a single column.
        separator: The separator of several findings in a cell; ``"none"`` for single names; None to detect it.
    """

    positive: list[str] = field(default_factory=list)
    negative: list[str] = field(default_factory=list)
    finding: str | None = None
    separator: str | None = None


@dataclass(frozen=True)
class Labels:
    """Hold the truth of every row.

    Attributes:
        values: One column per finding: 1, 0, or missing if unknown or not selected; rows as in the table.
        findings: The columns of `values`.
        comparison: The images that findings are compared with.
        reasons: The reason why a row's label cannot be parsed; ``""`` if it can.
        parts: For one column of names: ``positive``, ``unknown``, ``negative`` and ``normal``, whether a row has such
            an entry. Rows of one image can then be joined (see `truth_of_parts`). None for labels of 0 and 1.
    """

    values: pd.DataFrame
    findings: list[str]
    comparison: Comparison
    reasons: pd.Series
    parts: pd.DataFrame | None = None


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


def truth_of_parts(parts: pd.DataFrame) -> pd.Series:
    """Return 1 where an entry is positive; otherwise missing where one is unknown, 0 where one is negative."""
    negative = parts["negative"] & ~parts["unknown"]
    return pd.Series(pd.NA, index=parts.index, dtype="Int8").mask(negative, 0).mask(parts["positive"], 1)


def read_truth(rows: TextTable, columns: list[str], options: LabelValues, notes: list[Note]) -> Labels:
    """Parse the label columns.

    Args:
        rows: The table.
        columns: Its label columns: one, or several findings.
        options: The options about values.
        notes: Receives how each value was read.

    Raises:
        UnknownNameError: A value is in no row.
        ConflictingOptionsError: A name of the finding is given with several columns.
        RepeatedNameError: A column is named twice.
        MissingOptionError: Negative values are given without positive ones.
        PositiveNegativeOverlapError: A value is positive and negative.
        LabelSeparatorError: A value contains a separator of the column.
        LabelValuesError: The labels are words, and no positive value is named.
        EmptyColumnError: All labels are empty.
    """
    _check_options(columns, options)
    positive, negative = ([_single(value) for value in values] for values in (options.positive, options.negative))
    yes, no = ({normal(value): value for value in values} for values in (positive, negative))
    if yes.keys() & no.keys():
        both = sorted(yes.keys() & no.keys())[0]
        raise PositiveNegativeOverlapError(
            f"{both!r} is both --positive and --negative. Remove it from one.", name=both
        )
    read = {name: LabelColumn(rows, name, options.separator) for name in columns}
    # The words yes and no are only used if no class of another column is named.
    binary = all(column.is_binary or column.is_unknown for column in read.values())
    binary = binary and any(column.is_binary for column in read.values())
    polarities = {column.polarity.get(word) for word in yes for column in read.values() if column.is_binary}
    if not yes:
        for column in read.values():
            if not (column.is_binary or column.is_unknown):
                raise column.not_binary()
        return _binary_labels(rows, read, options, inverted=False, notes=notes)
    if not no and binary and len(polarities) == 1 and polarities <= {0, 1}:
        return _binary_labels(rows, read, options, inverted=polarities == {0}, notes=notes)
    require_values(rows, read, {**yes, **no})
    return _named_labels(rows, read, yes, no, options, notes)


def _check_options(columns: list[str], options: LabelValues) -> None:
    if options.finding is not None and len(columns) > 1:
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
    if options.negative and not options.positive:
        raise MissingOptionError(
            "--negative needs --positive. Name the positive values too.",
            option="--positive",
            given=["--negative"],
        )


def _single(value: str) -> str:
    """Return the only entry of a value that is written as a list: ``['pneumonia']`` is ``pneumonia``."""
    listed = parse_list(value)
    return listed[0] if listed is not None and len(listed) == 1 else value


def _binary_labels(
    rows: TextTable, read: dict[str, LabelColumn], options: LabelValues, inverted: bool, notes: list[Note]
) -> Labels:
    values, reasons = {}, pd.Series("", index=rows.frame.index, dtype=object)
    for name, column in read.items():
        truth: dict[str, int | None] = {}
        wrong: dict[str, str] = {}
        for cell, parts in column.split.entries.items():
            found = {column.understood[part] for part in parts if part in column.understood}
            bad = [part for part in parts if part in column.not_understood]
            truth[cell] = None
            if bad:
                wrong[cell] = f"its label in column {name!r} is not 0 or 1, yes or no: {shown(cell)}"
            elif len(found) > 1:
                wrong[cell] = f"its label in column {name!r} is positive and negative: {shown(cell)}"
            elif found and not any(part in column.unknown for part in parts):
                (value,) = found
                truth[cell] = 1 - value if inverted else value
        reasons = reasons.mask(reasons == "", column.cells.map(wrong).fillna(""))
        values[name] = column.cells.map(truth).astype("Int8")
        taken = {
            "positive": [part for part, value in column.understood.items() if value != inverted],
            "negative": [part for part, value in column.understood.items() if value == inverted],
            "unknown": sorted(column.unknown),
            "not understood": sorted(column.not_understood),
        }
        column.tell_reading(taken, notes)
    columns = list(read)
    if len(columns) > 1:
        return Labels(pd.DataFrame(values), columns, REST, reasons)
    single = columns[0]
    name = options.finding or (f"{single} {options.positive[0]}" if inverted else single)
    return Labels(pd.DataFrame({name: values[single]}), [name], ABSENT, reasons)


def _named_labels(
    rows: TextTable,
    read: dict[str, LabelColumn],
    yes: dict[str, str],
    no: dict[str, str],
    options: LabelValues,
    notes: list[Note],
) -> Labels:
    values, all_parts = {}, {}
    spelling: dict[str, str] = {}
    others: set[str] = set()
    for name, column in read.items():
        kinds: dict[str, str] = {}
        for part in column.counts:
            word = normal(part)
            # The spelling of each value that is most frequent in the table.
            best = spelling.get(word)
            if best is None or (-column.counts[part], part) < (-column.counts.get(best, 0), best):
                spelling[word] = part
            if word in yes:
                kinds[part] = "positive"
            elif word in no:
                kinds[part] = "negative"
            elif part in column.unknown:
                kinds[part] = "unknown"
            else:
                kinds[part] = "not used" if no else "negative"
        taken = {
            kind: [part for part, of_part in kinds.items() if of_part == kind]
            for kind in ("positive", "negative", "unknown", "not used")
        }
        normals = {part for part in kinds if fold(part) in NORMAL}
        parts = pd.DataFrame({kind: column.has(set(taken[kind])) for kind in ("positive", "unknown", "negative")})
        parts["normal"] = column.has(normals) | (parts["negative"] & bool(no))
        values[name], all_parts[name] = truth_of_parts(parts), parts
        others |= set(map(normal, taken["negative"]))
        column.tell_reading(taken, notes)
        tell_similar(column, taken["negative"], yes, no, notes)
    reasons = pd.Series("", index=rows.frame.index, dtype=object)
    columns = list(read)
    if len(columns) > 1:
        return Labels(pd.DataFrame(values), columns, REST, reasons)
    single = columns[0]
    name = options.finding or " or ".join(spelling[word] for word in yes)
    if options.finding is None and name.lstrip("+-").isdigit():
        name = f"{single} {name}"
    names_of_others = [spelling[word] for word in sorted(no or others)]
    comparison = compared_with(*names_of_others) if len(names_of_others) <= 4 else REST
    return Labels(pd.DataFrame({name: values[single]}), [name], comparison, reasons, all_parts[single])
