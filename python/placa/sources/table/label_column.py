"""Read one label column as a whole: the meaning of its values, and what is said about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping

import pandas as pd

from placa.core.errors import unknown_name
from placa.records.codes import Note
from placa.sources.errors import EmptyColumnError, LabelSeparatorError, LabelValuesError
from placa.sources.tables import TextTable
from placa.sources.tables.cells import SEX_COLUMNS, bare_name
from placa.sources.tables.label_cells import NO_SEPARATOR, CellEntries, read_entries
from placa.sources.tables.words import (
    NO,
    NO_LETTERS,
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


class LabelColumn:
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

    def has(self, parts: Container[str]) -> pd.Series:
        """Return whether each row has one of these entries."""
        found = {cell: any(part in parts for part in own) for cell, own in self.split.entries.items()}
        return self.cells.map(found).astype(bool)

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


def tell_similar(
    column: LabelColumn, negative: list[str], yes: dict[str, str], no: dict[str, str], notes: list[Note]
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


def require_values(rows: TextTable, read: dict[str, LabelColumn], wanted: dict[str, str]) -> None:
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


def _separator_error(rows: TextTable, column: LabelColumn, value: str, mark: str, joined: bool) -> LabelSeparatorError:
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
