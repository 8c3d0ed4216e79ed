"""Parse label columns: 0 and 1, yes and no, or names of findings of which some are positive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from placa.core.errors import unknown_name
from placa.records.codes import Note
from placa.records.source import ABSENT, REST, Comparison, compared_with
from placa.sources.errors import (
    ConflictingOptionsError,
    EmptyColumnError,
    LabelSeparatorError,
    LabelValuesError,
    MissingOptionError,
    PositiveNegativeOverlapError,
    RepeatedNameError,
)
from placa.sources.tables import TextTable
from placa.sources.tables.cells import SEX_COLUMNS, bare_name, find_column
from placa.sources.tables.label_cells import NO_SEPARATOR, CellEntries, parse_list, read_entries
from placa.sources.tables.words import (
    NO,
    NO_LETTERS,
    NORMAL,
    SHOWN_VALUES,
    UNCERTAIN,
    UNKNOWN,
    YES,
    YES_LETTERS,
    fold,
    normal,
    shown,
    shown_counts,
)


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
    read = {name: _Column(rows, name, options.separator) for name in columns}
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
    _require_values(rows, read, {**yes, **no})
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


class _Column:
    """Read one label column as a whole."""

    def __init__(self, rows: TextTable, name: str, separator: str | None) -> None:
        self.name, self.path = name, rows.path
        self.cells = rows.frame[name]
        self.split: CellEntries = read_entries(self.cells, separator)
        counts = self.cells.value_counts()
        self.counts: Counter[str] = Counter()
        for cell, parts in self.split.entries.items():
            for part in parts:
                self.counts[part] += int(counts[cell])
        folded = {part: fold(part) for part in self.counts}
        plus_minus = "+" in folded.values()
        self.unknown = {
            part for part, word in folded.items() if word in UNKNOWN | UNCERTAIN and not (word == "-" and plus_minus)
        }
        self.uncertain = {part for part in self.unknown if folded[part] in UNCERTAIN}
        known = {part for part in self.counts if part not in self.unknown}
        words: dict[str, int] = {**dict.fromkeys(YES, 1), **dict.fromkeys(NO, 0)}
        if plus_minus:
            words["-"] = 0
        with_letters = {**words, **dict.fromkeys(YES_LETTERS, 1), **dict.fromkeys(NO_LETTERS, 0)}
        is_sex = bare_name(name) in SEX_COLUMNS
        if known and not is_sex and all(folded[part] in with_letters for part in known):
            words = with_letters
        understood = {part: words[folded[part]] for part in known if folded[part] in words}
        rows_known = sum(self.counts[part] for part in known)
        rows_understood = sum(self.counts[part] for part in understood)
        #: The label of each understood value in normal form; words of a named value are looked up here.
        self.polarity = {normal(word): value for word, value in {**words, "sí": 1}.items()}
        self.understood = understood
        self.not_understood = known - understood.keys()
        #: Whether the values are yes and no. A single other value, such as "maybe", is an error of its row.
        self.is_binary = bool(understood) and (
            not self.not_understood or (rows_understood * 2 >= rows_known and set(understood.values()) == {0, 1})
        )
        self.is_unknown = not known

    def not_binary(self) -> LabelValuesError:
        values = sorted(self.counts.keys() - self.unknown, key=lambda part: (-self.counts[part], part))
        hint = " and the others with --negative" if self.understood else ""
        return LabelValuesError(
            f"Labels in column {self.name!r} of {self.path} must be 0 and 1 or yes and no, got "
            f"{shown_counts({value: self.counts[value] for value in values})}. Name the positive values with "
            f"--positive{hint}.",
            file=str(self.path),
            column=self.name,
            labels=values[:SHOWN_VALUES],
        )

    def map(self, function: Mapping[str, object]) -> pd.Series:
        """Return a value for each row from a value for each distinct cell."""
        return self.cells.map(function)

    def tell_reading(self, taken: Mapping[str, list[str]], notes: list[Note]) -> None:
        """Add the remarks on how the values were read."""
        if self.split.separators:
            cells = int(self.cells.map(lambda cell: len(self.split.entries[cell]) > 1).sum())
            marks = " and ".join(map(repr, self.split.separators))
            text = (
                f"column {self.name!r}: {cells:,} cells have several findings, separated by {marks}; "
                f"--separator {NO_SEPARATOR} reads each cell as one name"
            )
            notes.append(Note(text, "labels_separated", column=self.name, cells=cells, separators=marks))
        counts = {word: sum(self.counts[value] for value in values) for word, values in taken.items()}
        empty = int(self.cells.map(lambda cell: not self.split.entries[cell]).sum())
        parts = [
            f"{word}: {shown_counts({value: self.counts[value] for value in values})}"
            for word, values in taken.items()
            if values
        ]
        parts += [f"empty: {empty:,}"] if empty else []
        text = f"column {self.name!r} was read as {'; '.join(parts)}"
        notes.append(Note(text, "labels_read", column=self.name, **counts, empty=empty))
        if taken.get("not understood"):
            values = shown_counts({value: self.counts[value] for value in taken["not understood"]})
            text = f"column {self.name!r}: values that were not understood, whose rows are rejected: {values}"
            count = counts["not understood"]
            notes.append(Note(text, "labels_not_understood", column=self.name, labels=count, shown=values))
        if self.uncertain:
            count = sum(self.counts[value] for value in self.uncertain)
            text = f"uncertain labels, which count as unknown: {count:,}"
            notes.append(Note(text, "labels_uncertain", labels=count))


def _binary_labels(
    rows: TextTable, read: dict[str, _Column], options: LabelValues, inverted: bool, notes: list[Note]
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
    read: dict[str, _Column],
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
                kinds[part] = "other" if no else "negative"
        entries = column.split.entries
        found = {cell: {kinds[part] for part in parts} for cell, parts in entries.items()}
        normals = {cell: any(fold(part) in NORMAL for part in parts) for cell, parts in entries.items()}
        parts_of_rows = pd.DataFrame(
            {
                kind: column.cells.map({cell: kind in kinds_of_cell for cell, kinds_of_cell in found.items()}).astype(
                    bool
                )
                for kind in ("positive", "unknown", "negative")
            },
            index=rows.frame.index,
        )
        parts_of_rows["normal"] = column.cells.map(normals).astype(bool) | (parts_of_rows["negative"] & bool(no))
        values[name], all_parts[name] = truth_of_parts(parts_of_rows), parts_of_rows
        others |= {normal(part) for part, kind in kinds.items() if kind == "negative"}
        taken = {
            "positive": [part for part, kind in kinds.items() if kind == "positive"],
            "negative": [part for part, kind in kinds.items() if kind == "negative"],
            "unknown": [part for part, kind in kinds.items() if kind == "unknown"],
            "not used": [part for part, kind in kinds.items() if kind == "other"],
        }
        column.tell_reading(taken, notes)
        _tell_similar(column, taken["negative"], yes, no, notes)
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


def _tell_similar(
    column: _Column, negative: list[str], yes: dict[str, str], no: dict[str, str], notes: list[Note]
) -> None:
    """Warn about values of the comparison that contain a positive value: ``possible pneumonia``."""
    similar = {
        part: column.counts[part]
        for part in negative
        if normal(part) not in no and any(f" {word} " in f" {_words(part)} " for word in map(_words, yes) if word)
    }
    if similar:
        text = (
            f"column {column.name!r}: values of the comparison that contain a positive value: {shown_counts(similar)}; "
            "name them with --positive if they are positive, or the comparison with --negative"
        )
        count = sum(similar.values())
        notes.append(Note(text, "labels_similar", column=column.name, labels=count, shown=shown_counts(similar)))


def _words(text: str) -> str:
    return " ".join("".join(letter if letter.isalnum() else " " for letter in fold(text)).split())


def _require_values(rows: TextTable, read: dict[str, _Column], wanted: dict[str, str]) -> None:
    columns = " or ".join(map(repr, read))
    counts: Counter[str] = sum((column.counts for column in read.values()), Counter())
    if not counts:
        raise EmptyColumnError(
            f"Column {columns} of {rows.path} is empty. Fill in the labels.", file=str(rows.path), columns=list(read)
        )
    found = {normal(part) for part in counts}
    for word, value in wanted.items():
        if word in found:
            continue
        for column in read.values():
            for mark in (*column.split.separators, *column.split.possible):
                joined = any(word in map(normal, part.split(mark)) for part in column.counts)
                if joined or (mark in value and mark in column.split.separators):
                    raise _separator_error(rows, column, value, mark, joined)
        common = sorted((p for p in counts if fold(p) not in UNKNOWN), key=lambda part: (-counts[part], part))
        raise unknown_name(f"value of column {columns}", value, common[:SHOWN_VALUES])


def _separator_error(rows: TextTable, column: _Column, value: str, mark: str, joined: bool) -> LabelSeparatorError:
    if joined:
        text = (
            f"Column {column.name!r} of {rows.path} has no value {shown(value)}, but cells in which it is a part "
            f"between {mark!r}. Pass --separator {mark!r} if it separates findings."
        )
    else:
        text = (
            f"{shown(value)} contains {mark!r}, which separates findings in column {column.name!r} of {rows.path}. "
            f"Name single findings, or pass --separator {NO_SEPARATOR} to read each cell as one name."
        )
    return LabelSeparatorError(text, file=str(rows.path), column=column.name, value=value, separator=mark)
