"""Tables of labels as they are found: any encoding, separator and line end; each row is read, or set aside aloud."""

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
from placa.sources.errors import (
    EmptyTableError,
    MissingColumnError,
    RepeatedColumnError,
    TableFormatError,
    TableHeaderError,
)

SEPARATORS = (",", ";", "\t", "|")
#: Larger than any link's target.
_LINK_SIZE = 4096
#: How many columns an error shows.
_SHOWN = 12


@dataclass(frozen=True)
class Rows:
    """The rows of a table, as text.

    Attributes:
        path: The file that was read.
        frame: One row a row, numbered from 0; every cell a string without spaces around it, ``""`` where empty.
        lines: Line of the file on which each row begins; for parquet the row's number, from 1.
        rejected: ``(row, reason)`` of each row that could not be read.
        notes: Remarks that the user should read.
        unit: What `lines` counts.
    """

    path: Path
    frame: pd.DataFrame
    lines: NDArray[np.int64]
    rejected: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unit: str = "line"

    def __len__(self) -> int:
        """How many rows came in, those set aside among them."""
        return len(self.frame) + len(self.rejected)

    def where(self, row: int) -> str:
        """Say where row `row` of `frame` is to be found: ``"labels.csv, line 17"``."""
        return f"{self.path.name}, {self.unit} {self.lines[row]}"

    def set_aside(self, reasons: pd.Series) -> list[tuple[str, str]]:
        """Give ``(row, reason)`` of each row of `frame` that has a reason to be set aside, and not ``""``."""
        return [(self.where(int(row)), str(reasons[row])) for row in np.flatnonzero(reasons != "")]


def read_rows(path: Path, columns: Sequence[str] = ()) -> Rows:
    """Read a CSV, TSV or parquet table as text.

    UTF-8, UTF-16 and Windows-1252 are told apart, and so are commas, semicolons, tabs and bars between cells. Spaces
    around headers and cells go; blank lines and columns without a name are not read. A row with more or fewer cells
    than the header is set aside.

    Args:
        path: The file; or a text file that holds the path of one, as git writes links where there are none.
        columns: Columns that the table must have; they also help to tell the separator.

    Returns:
        The rows, which may be none.

    Raises:
        PlacaError: The file is not there, empty, no table, lacks a column, or has two of one name.
    """
    path = follow_link(path)
    raw = _read_bytes(path)
    return _read_parquet(path, columns) if raw.startswith(b"PAR1") else _read_text(path, raw, columns)


def read_list(path: Path) -> list[str]:
    """Read a list of names, one a line.

    Args:
        path: A text file in any encoding that `read_rows` knows, with any line end, and none needed at the end.

    Returns:
        The names in the file's order, without blank lines, spaces and quotation marks.

    Raises:
        PlacaError: The file cannot be read, or is no text.
    """
    path = follow_link(path)
    text, _ = _decode(path, _read_bytes(path))
    names = (line.strip().strip('"').strip() for line in io.StringIO(text, newline=None))
    return [name for name in names if name]


def follow_link(path: Path) -> Path:
    """Follow a symbolic link that came as a text file, as git writes them where links are not to be had."""
    try:
        if path.is_file() and path.stat().st_size < _LINK_SIZE:
            target = path.parent / path.read_text("utf-8", errors="replace").strip()
            if "\n" not in str(target) and target.is_file() and target.suffix == path.suffix:
                return target
    except (OSError, ValueError):
        # Names too long or with NUL are no link; whoever reads the file will say what is wrong with it.
        return path
    return path


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise explain_os_error(error, path) from error


def _decode(path: Path, raw: bytes) -> tuple[str, list[str]]:
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    names = [name for mark, name in marks.items() if raw.startswith(mark)]
    if not names:
        head = raw[:_LINK_SIZE]
        if b"\0" in head:
            # Text of Latin letters in UTF-16 has a NUL in every other byte.
            names = ["utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"]
        else:
            names = ["utf-8", "cp1252", "latin-1"]
    for name in names:
        try:
            text = raw.decode(name)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            odd = name in {"cp1252", "latin-1"}
            return text, [f"{path.name} is not UTF-8 and was read as Windows-1252 text"] if odd else []
    archive = raw.startswith(b"PK")
    kind = "a spreadsheet or an archive" if archive else "not text"
    raise TableFormatError(
        f"{path} is {kind}, or damaged, and a table or list was expected: save it as CSV in UTF-8.",
        file=str(path),
        format="archive" if archive else "binary",
    )


def _read_text(path: Path, raw: bytes, columns: Sequence[str]) -> Rows:
    text, notes = _decode(path, raw)
    if not text.strip():
        raise EmptyTableError(
            f"{path} is empty, and a table with a header line was expected: copy it again.", file=str(path)
        )
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
            # What lacks or holds nothing but nameless empty cells is whole.
            row = (row + [""] * len(header))[: len(header)]
        if reason:
            span = f"line {begin}" if end == begin else f"lines {begin} to {end}"
            rejected.append((f"{path.name}, {span}", reason))
        else:
            cells.append(row)
            begins.append(begin)
    frame = pd.DataFrame(cells, columns=range(len(header)), dtype=object)
    return Rows(path, _named(path, frame, header, columns), np.asarray(begins, dtype=np.int64), rejected, notes)


def _records(lines: list[str], separator: str) -> Iterator[tuple[int, int, list[str], str]]:
    """Yield each row that is not blank: its first and last line, its cells, and why it cannot be read, if it cannot."""
    at, width = 0, 0

    def feed() -> Iterator[str]:
        nonlocal at
        while at < len(lines):
            at += 1
            yield lines[at - 1]

    reader = csv.reader(feed(), delimiter=separator, strict=True)
    while True:
        begin, row, reason = at + 1, [], ""
        try:
            row = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            reason = f"a quotation mark in it cannot be understood ({error}): close it, or take it away"
        if at > begin and width and (reason or len(row) != width):
            # A quotation mark that nobody closed has swallowed the lines after it: give these back.
            reason = "it opens a quotation mark and does not close it: close it, or take it away"
            at = begin
            reader = csv.reader(feed(), delimiter=separator, strict=True)
        width = width or len(row)
        if reason or any(row):
            yield begin, at, row, reason


def _ragged(row: list[str], expected: int, named: int) -> str:
    """Why a row that is longer or shorter than the header cannot be used, or nothing if it can."""
    if (len(row) > expected and not any(row[expected:])) or named <= len(row) < expected:
        return ""
    return f"it has {len(row)} cells where the header has {named}: mend the row, or put quotation marks round its text"


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
                f"{path} lacks the column {name!r}; it has {', '.join(map(repr, header[:_SHOWN]))}.",
                file=str(path),
                column=name,
                accepted=[name],
                columns=header,
            )
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise RepeatedColumnError(
            f"{path} has more than one column {twice[0]!r}: give each a name of its own.",
            file=str(path),
            column=twice[0],
        )
    frame.columns = pd.Index(header)
    return frame[[name for name in header if name]]


def _read_parquet(path: Path, columns: Sequence[str]) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise TableFormatError(
            f"{path} is damaged and cannot be read as parquet ({error}): make it anew.",
            file=str(path),
            format="parquet",
        ) from error
    texts, notes = {}, []
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            texts[name] = column.cast(pa.string()).to_pandas().fillna("").str.strip().astype(object)
        except pa.ArrowException:
            notes.append(f"{path.name}: the column {name!r} holds {column.type}, which is no text, and was not read")
    header = [" ".join(str(name).split()) for name in texts]
    frame = pd.concat(texts.values(), axis=1, keys=range(len(header))) if texts else pd.DataFrame()
    lines = np.arange(1, len(frame) + 1, dtype=np.int64)
    return Rows(path, _named(path, frame, header, columns), lines, notes=notes, unit="row")
