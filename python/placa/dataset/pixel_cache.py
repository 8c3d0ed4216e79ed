"""The pixel cache: every image decoded once, to grey levels in one memory-mapped array."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from placa.core.errors import DamagedFileError
from placa.core.executors import Executor, Threads
from placa.core.progress import SILENT, Advance, Progress
from placa.core.system import cores
from placa.dataset.cache_journal import Journal, Stamp, says_something, stamp_of
from placa.dataset.errors import FileDiffersOnWorkerError, MissingPixelsError
from placa.images.by_rule import files_at_once, read_file
from placa.images.read import ImageRejected
from placa.records.reading import STRETCH, Reading

Decoded = tuple[NDArray[np.uint8] | None, str]
#: Seconds of work that a kill may cost.
_SAVE_SECONDS = 2.0
#: What stands before the pixels, which `_write_header` can so correct in place.
_HEADER_BYTES = 128
#: A volume takes hundreds of megabytes while it is read, also where a cluster's worker has many threads.
_ROOM_FOR_VOLUMES = threading.BoundedSemaphore(2)


def read_files(size: int, reading: Reading, paths: list[str]) -> list[Decoded]:
    """Read a few files.

    Args:
        size: Side of the squares to make, in pixels.
        reading: How a file becomes squares.
        paths: The files.

    Returns:
        For each its grey levels, or None and why it was rejected.
    """
    done: list[Decoded] = []
    for path in paths:
        with _ROOM_FOR_VOLUMES if reading.squares > 1 else nullcontext():
            try:
                done.append((read_file(reading, path, size), ""))
            except ImageRejected as rejected:
                done.append((None, str(rejected)))
    return done


def read_elsewhere(size: int, reading: Reading, files: list[tuple[str, int | None]]) -> list[Decoded]:
    """Read a few files on a worker of a cluster.

    Args:
        size: Side of the squares to make, in pixels.
        reading: How a file becomes squares.
        files: Each with the bytes that it has where the work was given out; None where it is not to be found there.

    Returns:
        What `read_files` returns.

    Raises:
        FileDiffersOnWorkerError: A file is not the same here, or not there at all: to reject it would be wrong.
    """
    for path, wanted in files:
        stamp = stamp_of(path)
        found = stamp and stamp[0]
        if found != wanted:
            here = "is not there" if found is None else f"has {found:,} bytes there"
            at_home = "is not there" if wanted is None else f"has {wanted:,} bytes"
            raise FileDiffersOnWorkerError(
                f"{path} {here}, and {at_home} where the command was given: all workers need the same disk, under the "
                "same path.",
                path=path,
                size=found,
                expected=wanted,
            )
    return read_files(size, reading, [path for path, _ in files])


def for_elsewhere(path: str, stamp: Stamp) -> tuple[str, int | None]:
    """A file as `read_elsewhere` wants it named: a worker there has a working directory of its own."""
    return os.path.abspath(path), stamp and stamp[0]


def decode_stamped(
    paths: Iterable[str], size: int, reading: Reading, executor: Executor, ahead: int | None = None
) -> Iterator[tuple[str, Stamp, Decoded]]:
    """`decode`, and with each file its path and what it was like before it was read."""
    known: deque[tuple[str, Stamp]] = deque()

    def chunks() -> Iterator[list[tuple[str, Stamp]]]:
        rest = iter(paths)
        while chunk := [(path, stamp_of(path)) for path in islice(rest, executor.chunk if reading.squares == 1 else 1)]:
            known.extend(chunk)
            yield chunk

    if executor.shares_memory:
        here = ([path for path, _ in chunk] for chunk in chunks())
        done = executor.map_in_order(partial(read_files, size, reading), here, ahead)
    else:
        there = ([for_elsewhere(path, stamp) for path, stamp in chunk] for chunk in chunks())
        done = executor.map_in_order(partial(read_elsewhere, size, reading), there, ahead)
    for several in done:
        for one in several:
            yield *known.popleft(), one


def decode(
    paths: Sequence[str],
    size: int,
    workers: int | None = None,
    reading: Reading = STRETCH,
    executor: Executor | None = None,
    ahead: int | None = None,
) -> Iterator[Decoded]:
    """Decode files in order, on every core, holding only a few at a time.

    Args:
        paths: Files to read.
        size: Side of the squares to make, in pixels.
        workers: Threads; one a core by default, or fewer where the files are large (see `Reading.workers`).
        reading: How a file becomes squares.
        executor: Where to do it; on threads of this process by default.
        ahead: Items under way at once (see `Executor.map_in_order`).

    Yields:
        For each path in turn, its grey levels ``(reading.squares, size, size)`` and ``""``, or None and the reason it
        was rejected.

    Raises:
        PlacaError: The executor is a cluster, and something is wrong with it.
    """
    executor = executor or Threads(workers or files_at_once(reading, cores()))
    for _, _, done in decode_stamped(paths, size, reading, executor, ahead):
        yield done


def pixels_path(prepared: Path, size: int) -> Path:
    """Where the cache of a prepared data set lies."""
    return prepared / f"pixels-{size}.npy"


def build_cache(
    paths: Sequence[str],
    target: Path,
    size: int,
    progress: Progress = SILENT,
    reading: Reading = STRETCH,
    executor: Executor | None = None,
    journal: Path | None = None,
) -> tuple[NDArray[np.bool_], list[str]]:
    """Decode every file into a new array file, or go on with one that was interrupted.

    Rows follow `paths`; those of rejected files are left out, so the array has ``reading.squares`` rows for each file
    that was kept. Memory does not grow with their number.

    Args:
        paths: Files to read.
        target: The ``.npy`` file to write, in a directory that is renamed when it is whole.
        size: Side of the squares, in pixels.
        progress: Where to show the bar.
        reading: How a file becomes squares.
        executor: Where to decode; on threads of this process by default.
        journal: The file that says how much of `target` is true (see `placa.dataset.cache_journal`); None to begin
            anew and keep none.

    Returns:
        Which files were kept, shape ``(n,)``, and for each file the reason it was rejected, ``""`` if it was not.

    Raises:
        OSError: The disk is full.
        PlacaError: The executor is a cluster, and something is wrong with it.
    """
    executor = executor or Threads(files_at_once(reading, cores()))
    book = Journal(journal, size, reading) if journal else None
    begun = journal is not None and says_something(journal)
    # A plain stream, not a memory map: on a full disk a write to a map kills the process, and this one raises.
    with target.open("r+b" if book and target.exists() else "w+b") as file:
        file.seek(0, os.SEEK_END)
        stored = file.tell() - _HEADER_BYTES
        reasons = book.believed(paths, reading.squares, size * size, stored) if book else []
        file.seek(0)
        _write_header(file, len(paths) * reading.squares, size)
        file.seek(_HEADER_BYTES + reasons.count("") * reading.squares * size * size)
        file.truncate()
        if reasons:
            progress.say(f"{len(reasons):,} of {len(paths):,} files were decoded before; going on from there")
        elif begun:
            progress.say("what was decoded before is of other files or another size: beginning anew")
        rest = islice(paths, len(reasons), None)
        with progress.bar("decoding", len(paths)) as advance:
            advance(len(reasons))
            _fill(file, decode_stamped(rest, size, reading, executor), reasons, book, advance)
        kept = np.array([not reason for reason in reasons], dtype=bool)
        file.seek(0)
        _write_header(file, int(kept.sum()) * reading.squares, size)
        file.flush()
        os.fsync(file.fileno())
    return kept, reasons


def _fill(
    file: BinaryIO,
    files: Iterator[tuple[str, Stamp, Decoded]],
    reasons: list[str],
    book: Journal | None,
    advance: Advance,
) -> None:
    saved = time.monotonic()
    try:
        for path, stamp, (levels, reason) in files:
            if levels is not None:
                file.write(levels.tobytes())
            reasons.append(reason)
            advance()
            if book is None:
                continue
            book.note(path, stamp, reason)
            if time.monotonic() - saved > _SAVE_SECONDS:
                book.save(file)
                saved = time.monotonic()
    except BaseException:
        # Ctrl-C, or a cluster that went away: what is done need not be done again. On a full disk, only the last of it.
        with suppress(OSError):
            if book:
                book.save(file)
        raise
    if book:
        book.save(file)


def _write_header(file: BinaryIO, rows: int, size: int) -> None:
    # The row count is written with blanks, so that the header has one length whatever it is.
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({rows:>12}, {size}, {size}), }}"
    padded = text.ljust(_HEADER_BYTES - 11) + "\n"
    file.write(b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode("latin1"))


def open_pixels(prepared: Path, size: int | None = None) -> NDArray[np.uint8]:
    """Open the pixel cache of a prepared data set as a read-only memory map.

    Args:
        prepared: The directory that ``placa prepare`` wrote.
        size: Side in pixels; the only one there is by default.

    Returns:
        Grey levels 0-255, shape ``(n, size, size)``.

    Raises:
        MissingPixelsError: There is no cache of that size.
        DamagedFileError: It is damaged.
    """
    there = sorted(prepared.glob("pixels-*.npy"))
    path = pixels_path(prepared, size) if size else (there[0] if there else prepared / "pixels-*.npy")
    if not path.is_file():
        sizes = [file.stem.removeprefix("pixels-") for file in there]
        listed = ", ".join(sizes) or "none"
        message = f"{path} was expected and is not there (sizes there: {listed}): prepare the data set with --size."
        raise MissingPixelsError(message, path=str(path), sizes=[int(one) for one in sizes if one.isdigit()])
    try:
        pixels: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    except (ValueError, OSError) as error:
        message = f"{path} is damaged ({error}): prepare the data set again."
        raise DamagedFileError(message, path=str(path), reason=str(error)) from error
    return pixels
