"""The journal of a pixel cache: which files are decoded and on disk, so that `placa prepare` can be resumed.

The journal is a text file beside the pixels. Every line has a checksum. The first line has the rule by which the pixels
were made; each further line describes a batch of files. A line is written after its pixels have reached the disk, so
every complete line is valid even after SIGKILL or a power failure. A line is used only if its files are unchanged:
names, sizes and modification times.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import placa
from placa.core.system import changed_decoders, decoder_versions
from placa.records.reading import Reading

#: Size in bytes, and the modification times of content and metadata in ns since 1970; None for a missing file.
Stamp = tuple[int, int, int] | None


def stamp_of(path: str) -> Stamp:
    """Return the size and times of a file, which show whether it has changed."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def has_batches(path: Path) -> bool:
    """Return whether a journal has at least one batch of files."""
    try:
        return len(path.read_bytes().splitlines()) > 1
    except FileNotFoundError:
        return False


class Journal:
    """The journal of one pixel cache.

    Args:
        path: The file of the journal.
        size: Side of the squares, in pixels.
        reading: The rule for reading files.
    """

    def __init__(self, path: Path, size: int, reading: Reading) -> None:
        self._path = path
        self._rule = {
            "size": size,
            "reading": reading.as_record(),
            # Another version may read the same file differently.
            "versions": {**decoder_versions(), "placa": placa.__version__},
        }
        #: Decoders that have another version than those of an interrupted cache, in words, or ``""``.
        self.changed_decoders = ""
        self._done: list[tuple[str, Stamp, str]] = []

    def resume(self, paths: Sequence[str], square_rows: int, row_bytes: int, stored_bytes: int) -> list[str]:
        """Return which files need no decoding, and truncate the journal after them.

        Args:
            paths: The files to decode, in the order of the rows.
            square_rows: Rows per file.
            row_bytes: Bytes per row.
            stored_bytes: Bytes of rows in the pixel file.

        Returns:
            For each of the leading files that are already decoded, the reason it was rejected, or ``""`` if its rows
            are stored.
        """
        reasons: list[str] = []
        try:
            lines = self._path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            lines = []
        valid_bytes = 0
        begun = (_content(lines[0]) or {}) if lines else {}
        self.changed_decoders = changed_decoders(begun.get("versions", {}))
        if lines and _content(lines[0]) == self._rule:
            valid_bytes, rest, kept = len(lines[0]), iter(paths), 0
            for line in lines[1:]:
                batch = _content(line)
                if batch is None:
                    break
                files = list(islice(rest, batch["files"]))
                kept += batch["files"] - len(batch["rejected"])
                if (
                    len(files) < batch["files"]
                    or kept * square_rows * row_bytes > stored_bytes
                    or _digest((path, stamp_of(path)) for path in files) != batch["stamps"]
                ):
                    break
                valid_bytes += len(line)
                reasons += [batch["rejected"].get(str(place), "") for place in range(len(files))]
        if valid_bytes:
            os.truncate(self._path, valid_bytes)
        else:
            with self._path.open("wb") as file:
                _append(file, self._rule)
        return reasons

    def record(self, path: str, stamp: Stamp, reason: str) -> None:
        """Record the result of a file; `stamp` was taken before it was read."""
        self._done.append((path, stamp, reason))

    def save(self, pixels: BinaryIO) -> None:
        """Write the recorded results, after flushing the pixels to the disk.

        Raises:
            OSError: The disk is full.
        """
        if not self._done:
            return
        pixels.flush()
        os.fsync(pixels.fileno())
        rejected = {str(place): reason for place, (_, _, reason) in enumerate(self._done) if reason}
        stamps = _digest((path, stamp) for path, stamp, _ in self._done)
        with self._path.open("ab") as file:
            _append(file, {"files": len(self._done), "rejected": rejected, "stamps": stamps})
        self._done = []


def _append(file: BinaryIO, content: dict[str, Any]) -> None:
    text = json.dumps(content).encode()
    file.write(b"%08x %s\n" % (zlib.crc32(text), text))
    file.flush()
    os.fsync(file.fileno())


def _content(line: bytes) -> Any:
    """Return the content of a line, or None if the line is truncated or damaged."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    valid = line.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(text)
    return json.loads(text) if valid else None


def _digest(files: Iterable[tuple[str, Stamp]]) -> str:
    digest = hashlib.sha256()
    for path, stamp in files:
        # File names may not be UTF-8.
        digest.update(f"{path}\0{stamp}\n".encode("utf-8", errors="surrogateescape"))
    return digest.hexdigest()
