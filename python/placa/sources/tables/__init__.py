"""Read tables of labels in any common encoding, separator and line ending; rows that cannot be read are rejected."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from placa.core import limits
from placa.core.files import explain_os_errors
from placa.records.codes import Note
from placa.sources.errors import EmptyTableError, TableFormatError, TableHeaderError
from placa.sources.tables.parquet import read_parquet
from placa.sources.tables.text_table import TextTable as TextTable
from placa.sources.tables.text_table import name_columns, spell_columns

SEPARATORS = (",", ";", "\t", "|")
#: A text file that stands for a symbolic link is smaller than this, in bytes.
_LINK_SIZE = 4096
#: Cells shorter than this, in letters, are stored once.
_SHORT = 16
#: Lines from which the separator is detected.
_SAMPLE = 50
#: A compressed table is not decompressed beyond this size, in bytes.


def read_text_table(
    path: Path, columns: Sequence[str] = (), only: Collection[str] | None = None, optional: Collection[str] = ()
) -> TextTable:
    """Read a CSV, TSV or parquet table as text.

    UTF-8, UTF-16 and Windows-1252 are detected, and so are commas, semicolons, tabs and bars as separators, Excel's
    first line ``sep=;``, the row names that R's ``write.table`` writes without a header, and gzip. Headers and cells
    are stripped; blank lines and columns without a name are not read. A row with more or fewer cells than the header
    is rejected. A list in a parquet column becomes JSON text.

    Args:
        path: The file, or a text file that holds its path: git writes symbolic links so on some systems.
        columns: Columns that the table must have; they also help to detect the separator.
        only: The columns to keep; all by default. A report of each image takes more memory than its other cells.
        optional: Columns that the table may have. All named columns are found in any case, ``path`` for ``Path``.

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
    if raw.startswith(b"PAR1"):
        return read_parquet(path, columns)
    return _read_text(path, raw, columns, only, optional)


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
    with explain_os_errors(path):
        raw = path.read_bytes()
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        with gzip.open(io.BytesIO(raw)) as opened:
            content = opened.read(limits.MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise TableFormatError(
            f"{path} cannot be decompressed ({error}). Copy it again.", file=str(path), format="gzip"
        ) from error
    if len(content) > limits.MAX_BYTES:
        raise TableFormatError(
            f"{path} has more than {limits.MAX_BYTES:,} bytes when decompressed. Save a smaller table.",
            file=str(path),
            format="gzip",
        )
    return content


def _decode(path: Path, raw: bytes) -> tuple[str, list[Note]]:
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    names = [name for mark, name in marks.items() if raw.startswith(mark)]
    if not names:
        head = raw[:_LINK_SIZE]
        odd, even = head[1::2].count(0), head[::2].count(0)
        if max(odd, even) > len(head) / 8:
            # Latin text in UTF-16 has a NUL in every second byte.
            names = ["utf-16-le" if odd > even else "utf-16-be"]
        else:
            names = ["utf-8", "cp1252", "latin-1"]
    for name in names:
        try:
            text = raw.decode(name)
        except UnicodeDecodeError:
            text = raw.decode(name, errors="replace")
            damaged = text.count("\ufffd")
            # Letters of several bytes that fit are no accident: the file is UTF-8 with a few damaged letters.
            if name == "utf-8" and damaged < sum(letter > "\x7f" for letter in text) - damaged:
                note = f"{path.name} has {damaged:,} damaged letters in UTF-8, which were replaced by \ufffd"
                return text, [Note(note, "letters_damaged", file=path.name, letters=damaged)]
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


def _read_text(
    path: Path, raw: bytes, columns: Sequence[str], only: Collection[str] | None, optional: Collection[str]
) -> TextTable:
    text, notes = _decode(path, raw)
    del raw
    if not text.strip():
        raise EmptyTableError(f"{path} is empty. Provide a table with a header line.", file=str(path))
    lines = list(io.StringIO(text, newline=None))
    del text
    separator = _declared_separator(lines) or _separator(lines, columns)
    if not any(line.strip() for line in lines):
        raise EmptyTableError(f"{path} has no header line. Provide a table with one.", file=str(path))
    row_names = _has_row_names(lines, separator)
    header: list[str] = []
    kept: list[int] = []
    shared: dict[str, str] = {}
    cells: list[list[str]] = []
    begins: list[int] = []
    rejected: list[tuple[str, str]] = []
    for begin, end, row, reason in _records(lines, separator, row_names):
        if not header:
            if reason:
                raise TableHeaderError(
                    f"The header of {path} (line {begin}) cannot be read: {reason}.", file=str(path), line=begin
                )
            header = [""] * row_names + [" ".join(name.split()) for name in row]
            header = spell_columns(header, {*columns, *(only or ()), *optional})
            named = max(i for i, name in enumerate(header) if name) + 1
            kept = [i for i, name in enumerate(header) if only is None or name in only or name in columns]
            continue
        if not reason and len(row) != len(header):
            reason = _ragged(row, len(header), named)
            # A row whose missing or extra cells belong to unnamed columns is complete.
            row = (row + [""] * len(header))[: len(header)]
        if reason:
            span = f"line {begin}" if end == begin else f"lines {begin} to {end}"
            rejected.append((f"{path.name}, {span}", reason))
        else:
            # Equal cells share one text: most columns have few distinct values.
            cells.append([shared.setdefault(row[i], row[i]) if len(row[i]) < _SHORT else row[i] for i in kept])
            begins.append(begin)
    header = [header[i] for i in kept]
    frame = pd.DataFrame(cells, columns=range(len(header)), dtype=object)
    return TextTable(
        path, name_columns(path, frame, header, columns), np.asarray(begins, dtype=np.int64), rejected, notes
    )


def _records(lines: list[str], separator: str, row_names: int) -> Iterator[tuple[int, int, list[str], str]]:
    """Yield each row that is not blank: its first and last line, its cells, and the reason why it cannot be read.

    The header has `row_names` cells fewer than the other rows.
    """
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
            long = "field limit" in str(error)
            reason = (
                f"it has a cell of more than {csv.field_size_limit():,} characters: shorten it"
                if long
                else f"it has an invalid quotation mark ({error}): close or remove it"
            )
        if at > begin and width and (reason or len(row) != width):
            # An unclosed quotation mark has consumed the following lines: continue at the next line.
            reason = "it has an unclosed quotation mark: close or remove it"
            at = begin
            reader = csv.reader(remaining_lines(), delimiter=separator, strict=True)
        width = width or len(row) + row_names
        if reason or any(row):
            yield begin, at, row, reason


def _ragged(row: list[str], expected: int, named: int) -> str:
    """Return the reason why a row of another length than the header cannot be used; ``""`` if it can."""
    if (len(row) > expected and not any(row[expected:])) or named <= len(row) < expected:
        return ""
    return f"it has {len(row)} cells, expected {named}: correct the row, or quote its text"


def _declared_separator(lines: list[str]) -> str:
    """Return the separator that a first line ``sep=;`` declares for Excel, and make this line blank."""
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    declared = re.fullmatch(r"\"?sep=(.)\"?\s*", lines[first].lstrip("\ufeff"), re.I) if lines else None
    if declared is None:
        return ""
    lines[first] = "\n"
    return declared[1]


def _separator(lines: list[str], columns: Sequence[str]) -> str:
    """Return the separator that fits the header and the first rows best."""
    sample = [line for line in lines if line.strip()][:_SAMPLE]

    def fit(separator: str) -> tuple[int, float, int]:
        rows = _sampled(sample, separator)
        header = [" ".join(name.split()) for name in rows[0]]
        named = max((i for i, name in enumerate(header) if name), default=0) + 1
        widths = {len(header), len(header) + 1}
        complete = [len(row) in widths or not _ragged(row, len(header), named) for row in rows[1:]]
        share = sum(complete) / len(complete) if complete and len(header) > 1 else float(len(header) > 1)
        return sum(name in columns for name in header), share, len(header)

    return max(SEPARATORS, key=fit)


def _sampled(sample: list[str], separator: str) -> list[list[str]]:
    rows: list[list[str]] = []
    # An invalid row is rejected later, with its line.
    with contextlib.suppress(csv.Error):
        rows.extend([cell.strip() for cell in row] for row in csv.reader(sample, delimiter=separator))
    return rows or [[""]]


def _has_row_names(lines: list[str], separator: str) -> int:
    """Return 1 if the rows begin with a name that the header lacks, as R's ``write.table`` writes them; otherwise 0."""
    header, *rows = _sampled([line for line in lines if line.strip()][:_SAMPLE], separator)
    if not rows or any(len(row) != len(header) + 1 for row in rows):
        return 0
    first = [row[0] for row in rows]
    return int("" not in first and "" not in header and len(set(first)) == len(first) and any(row[-1] for row in rows))
