"""What of a pixel cache is safely on the disk, so that an interrupted `placa prepare` goes on where it was.

Beside the pixels lies a file of lines, each with its own checksum: first by what rule the pixels were made, then one
line a batch of files. A line is written only when the pixels that it speaks of have reached the disk, so that whatever
ends the program (SIGKILL, a power cut), every whole line is true. And each is believed only as long as its files are
the same: names, sizes and times of change.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import placa
from placa.records.reading import Reading

#: Size in bytes, and the times of the last change to content and to file, in ns since 1970; None where no file is.
Stamp = tuple[int, int, int] | None


def stamp_of(path: str) -> Stamp:
    """What tells cheaply whether a file is still the same."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def says_something(path: Path) -> bool:
    """Whether a journal speaks of any file yet."""
    try:
        return len(path.read_bytes().splitlines()) > 1
    except FileNotFoundError:
        return False


class Journal:
    """The journal of one pixel cache.

    Args:
        path: Where it lies.
        size: Side of the squares, in pixels.
        reading: How a file becomes squares.
    """

    def __init__(self, path: Path, size: int, reading: Reading) -> None:
        self._path = path
        self._rule = {
            "size": size,
            "reading": reading.as_dict(),
            # Another version may read the same file otherwise.
            "versions": {
                "placa": placa.__version__,
                **{name: version(name) for name in ("pillow", "pydicom", "numpy")},
            },
        }
        self._digest = hashlib.sha256()
        self._reasons: list[str] = []

    def believed(self, paths: Sequence[str], square_rows: int, row_bytes: int, stored_bytes: int) -> list[str]:
        """Find out what needs no decoding, and forget the rest.

        Args:
            paths: The files wanted, in the order of the rows.
            square_rows: Rows a file.
            row_bytes: Bytes a row.
            stored_bytes: Bytes of rows that the pixel file holds.

        Returns:
            For each of the first files that are done, why it was rejected; ``""`` if it was not, and then its rows are
            stored.
        """
        reasons: list[str] = []
        try:
            lines = self._path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            lines = []
        true_bytes = 0
        if lines and _content(lines[0]) == self._rule:
            true_bytes, rest, kept = len(lines[0]), iter(paths), 0
            for line in lines[1:]:
                batch = _content(line)
                if batch is None:
                    break
                files = list(islice(rest, batch["files"]))
                kept += batch["files"] - len(batch["rejected"])
                if (
                    len(files) < batch["files"]
                    or kept * square_rows * row_bytes > stored_bytes
                    or _digest(files) != batch["stamps"]
                ):
                    break
                true_bytes += len(line)
                reasons += [batch["rejected"].get(str(place), "") for place in range(len(files))]
        if true_bytes:
            os.truncate(self._path, true_bytes)
        else:
            with self._path.open("wb") as file:
                _append(file, self._rule)
        return reasons

    def note(self, path: str, stamp: Stamp, reason: str) -> None:
        """Keep in mind how a file fared; `stamp` is from before it was read."""
        _feed(self._digest, path, stamp)
        self._reasons.append(reason)

    def save(self, pixels: BinaryIO) -> None:
        """Write down what was noted since the last time, once the pixels are on the disk.

        Raises:
            OSError: The disk is full.
        """
        if not self._reasons:
            return
        pixels.flush()
        os.fsync(pixels.fileno())
        rejected = {str(place): reason for place, reason in enumerate(self._reasons) if reason}
        with self._path.open("ab") as file:
            batch = {"files": len(self._reasons), "rejected": rejected, "stamps": self._digest.hexdigest()}
            _append(file, batch)
        self._digest = hashlib.sha256()
        self._reasons = []


def _append(file: BinaryIO, content: dict[str, Any]) -> None:
    text = json.dumps(content).encode()
    file.write(b"%08x %s\n" % (zlib.crc32(text), text))
    file.flush()
    os.fsync(file.fileno())


def _content(line: bytes) -> Any:
    """What a line says, or None where it was cut off or damaged."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    whole = line.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(text)
    return json.loads(text) if whole else None


def _digest(paths: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        _feed(digest, path, stamp_of(path))
    return digest.hexdigest()


def _feed(digest: Any, path: str, stamp: Stamp) -> None:
    # A file name need not be UTF-8.
    digest.update(f"{path}\0{stamp}\n".encode("utf-8", errors="surrogateescape"))
