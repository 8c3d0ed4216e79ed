"""Read tables of labels in any common encoding, separator and line ending; rows that cannot be read are rejected."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.files import explain_os_error
from placa.records.codes import Note
from placa.sources.errors import (
    EmptyTableError,
    MissingColumnError,
    RepeatedColumnError,
    TableFormatError,
    TableHeaderError,
)

SEPARATORS = (",", ";", "\t", "|")
#: A text file that stands for a symbolic link is smaller than this, in bytes.
_LINK_SIZE = 4096
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

    def reject(self, reasons: pd.Series) -> list[tuple[str, str]]:
        """List ``(row, reason)`` of each row of `frame` whose reason is not ``""``."""
        return [(self.location(int(row)), str(reasons[row])) for row in np.flatnonzero(reasons != "")]


def read_text_table(path: Path, columns: Sequence[str] = ()) -> TextTable:
    """Read a CSV, TSV or parquet table as text.

    UTF-8, UTF-16 and Windows-1252 are detected, and so are commas, semicolons, tabs and bars as separators. Headers and
    cells are stripped; blank lines and columns without a name are not read. A row with more or fewer cells than the
    header is rejected.

    Args:
        path: The file, or a text file that holds its path: git writes symbolic links so on some systems.
        columns: Columns that the table must have; they also help to detect the separator.

    Returns:
        The rows, possibly none.

    Raises:
        PlacaError: The file cannot be read.
        TableFormatError: The file is not a table.
        EmptyTableError: The file has no header.
        TableHeaderError: The header cannot be parsed.
        MissingColumnError: A column is missing.
        RepeatedColumnError: Two columns have the same name.
    """
    path = follow_link(path)
    raw = _read_bytes(path)
    return _read_parquet(path, columns) if raw.startswith(b"PAR1") else _read_text(path, raw, columns)


def read_list(path: Path) -> list[str]:
    """Read a list of names, one per line.

    Args:
        path: A text file in any encoding that `read_text_table` detects, with any line ending.

    Returns:
        The names in file order, without blank lines, surrounding spaces and quotation marks.

    Raises:
        PlacaError: The file cannot be read.
        TableFormatError: The file is not text.
    """
    path = follow_link(path)
    text, _ = _decode(path, _read_bytes(path))
    names = (line.strip().strip('"').strip() for line in io.StringIO(text, newline=None))
    return [name for name in names if name]


def follow_link(path: Path) -> Path:
    """Follow a symbolic link stored as a text file, as git writes it on systems without links."""
    try:
        if path.is_file() and path.stat().st_size < _LINK_SIZE:
            target = path.parent / path.read_text("utf-8", errors="replace").strip()
            if "\n" not in str(target) and target.is_file() and target.suffix == path.suffix:
                return target
    except (OSError, ValueError):
        # A name that is too long or has a NUL is not a link; the reader of the file reports the problem.
        return path
    return path


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise explain_os_error(error, path) from error


def _decode(path: Path, raw: bytes) -> tuple[str, list[Note]]:
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    names = [name for mark, name in marks.items() if raw.startswith(mark)]
    if not names:
        head = raw[:_LINK_SIZE]
        if b"\0" in head:
            # Latin text in UTF-16 has a NUL in every second byte.
            names = ["utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"]
        else:
            names = ["utf-8", "cp1252", "latin-1"]
    for name in names:
        try:
            text = raw.decode(name)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            guessed = name in {"cp1252", "latin-1"}
            note = Note(f"{path.name} is not UTF-8; it was read as Windows-1252", "read_as_cp1252", file=path.name)
            return text, [note] if guessed else []
    archive = raw.startswith(b"PK")
    kind = "a spreadsheet or an archive" if archive else "a binary file"
    raise TableFormatError(
        f"{path} is {kind}, not a text table. Save it as CSV in UTF-8.",
        file=str(path),
        format="archive" if archive else "binary",
    )


def _read_text(path: Path, raw: bytes, columns: Sequence[str]) -> TextTable:
    text, notes = _decode(path, raw)
    if not text.strip():
        raise EmptyTableError(f"{path} is empty. Provide a table with a header line.", file=str(path))
    lines = list(io.StringIO(text, newline=None))
    separator = _separator(lines, columns)
    header: list[str] = []
    cells: list[list[str]] = []
    begins: list[int] = []
    rejected: list[tuple[str, str]] = []
    for begin, end, row, reason in _records(lines, separator):
        if not header:
            if reason:
                raise TableHeaderError(
                    f"The header of {path} (line {begin}) cannot be read: {reason}.", file=str(path), line=begin
                )
            header = [" ".join(name.split()) for name in row]
            named = max(i for i, name in enumerate(header) if name) + 1
            continue
        if not reason and len(row) != len(header):
            reason = _ragged(row, len(header), named)
            # A row whose missing or extra cells belong to unnamed columns is complete.
            row = (row + [""] * len(header))[: len(header)]
        if reason:
            span = f"line {begin}" if end == begin else f"lines {begin} to {end}"
            rejected.append((f"{path.name}, {span}", reason))
        else:
            cells.append(row)
            begins.append(begin)
    frame = pd.DataFrame(cells, columns=range(len(header)), dtype=object)
    return TextTable(path, _named(path, frame, header, columns), np.asarray(begins, dtype=np.int64), rejected, notes)


def _records(lines: list[str], separator: str) -> Iterator[tuple[int, int, list[str], str]]:
    """Yield each row that is not blank: its first and last line, its cells, and the reason why it cannot be read."""
    at, width = 0, 0

    def remaining_lines() -> Iterator[str]:
        nonlocal at
        while at < len(lines):
            at += 1
            yield lines[at - 1]

    reader = csv.reader(remaining_lines(), delimiter=separator, strict=True)
    while True:
        begin, row, reason = at + 1, [], ""
        try:
            row = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            reason = f"it has an invalid quotation mark ({error}): close or remove it"
        if at > begin and width and (reason or len(row) != width):
            # An unclosed quotation mark has consumed the following lines: continue at the next line.
            reason = "it has an unclosed quotation mark: close or remove it"
            at = begin
            reader = csv.reader(remaining_lines(), delimiter=separator, strict=True)
        width = width or len(row)
        if reason or any(row):
            yield begin, at, row, reason


def _ragged(row: list[str], expected: int, named: int) -> str:
    """Return the reason why a row of another length than the header cannot be used; ``""`` if it can."""
    if (len(row) > expected and not any(row[expected:])) or named <= len(row) < expected:
        return ""
    return f"it has {len(row)} cells, expected {named}: correct the row, or quote its text"


def _separator(lines: list[str], columns: Sequence[str]) -> str:
    head = next(line for line in lines if line.strip())

    def fit(separator: str) -> tuple[int, int]:
        names = [" ".join(name.split()) for name in next(csv.reader([head], delimiter=separator))]
        return sum(name in columns for name in names), len(names)

    return max(SEPARATORS, key=fit)


def _named(path: Path, frame: pd.DataFrame, header: list[str], columns: Sequence[str]) -> pd.DataFrame:
    for name in columns:
        if name not in header:
            raise MissingColumnError(
                f"No column {name!r} in {path} (columns: {', '.join(header[:_SHOWN])}). Add it or rename a column.",
                file=str(path),
                column=name,
                accepted=[name],
                columns=header,
            )
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if repeated:
        raise RepeatedColumnError(
            f"{path} has more than one column {repeated[0]!r}. Give each column its own name.",
            file=str(path),
            column=repeated[0],
        )
    frame.columns = pd.Index(header)
    return frame[[name for name in header if name]]


def _read_parquet(path: Path, columns: Sequence[str]) -> TextTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise TableFormatError(
            f"{path} cannot be read as parquet ({error}). Create the file again.",
            file=str(path),
            format="parquet",
        ) from error
    texts, notes = {}, []
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            texts[name] = column.cast(pa.string()).to_pandas().fillna("").str.strip().astype(object)
        except pa.ArrowException:
            text = f"{path.name}: column {name!r} was not read: its type {column.type} cannot be converted to text"
            notes.append(Note(text, "column_not_read", file=path.name, column=str(name), type=str(column.type)))
    header = [" ".join(str(name).split()) for name in texts]
    frame = pd.concat(texts.values(), axis=1, keys=range(len(header))) if texts else pd.DataFrame()
    lines = np.arange(1, len(frame) + 1, dtype=np.int64)
    return TextTable(path, _named(path, frame, header, columns), lines, notes=notes, unit="row")
