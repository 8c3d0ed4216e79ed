"""The pixel cache: all images, decoded once to grey levels in a memory-mapped array."""

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
from placa.core.files import atomic_file
from placa.core.progress import SILENT, Advance, Progress
from placa.core.system import cores
from placa.dataset.cache_journal import Journal, Stamp, has_batches, stamp_of
from placa.dataset.errors import FileDiffersOnWorkerError, MissingPixelsError
from placa.images.by_rule import files_at_once, read_file
from placa.images.read import ImageRejected
from placa.records.reading import STRETCH, Reading

Decoded = tuple[NDArray[np.uint8] | None, str]
#: Interval between two writes of the journal, in seconds; a kill loses at most this much work.
_SAVE_SECONDS = 2.0
#: Fixed length of the header, so that `_write_header` can overwrite it.
_HEADER_BYTES = 128
#: Reading a volume takes hundreds of megabytes, so two are read at once even on a worker with many threads.
_VOLUME_SLOTS = threading.BoundedSemaphore(2)


def read_files(size: int, reading: Reading, paths: list[str]) -> list[Decoded]:
    """Read files.

    Args:
        size: Side of the squares, in pixels.
        reading: The rule for reading files.
        paths: The files.

    Returns:
        For each file its grey levels and ``""``, or None and the reason it was rejected.
    """
    done: list[Decoded] = []
    for path in paths:
        with _VOLUME_SLOTS if reading.squares > 1 else nullcontext():
            try:
                done.append((read_file(reading, path, size), ""))
            except ImageRejected as rejected:
                done.append((None, str(rejected)))
    return done


def read_on_worker(size: int, reading: Reading, files: list[tuple[str, int | None]]) -> list[Decoded]:
    """Read files on a worker of a cluster.

    Args:
        size: Side of the squares, in pixels.
        reading: The rule for reading files.
        files: Paths with the size of each file, in bytes, on the client; None if the client does not find the file.

    Returns:
        As `read_files`.

    Raises:
        FileDiffersOnWorkerError: The worker finds another file, or none. The file itself is not rejected.
    """
    for path, wanted in files:
        stamp = stamp_of(path)
        found = stamp and stamp[0]
        if found != wanted:
            here = "is missing" if found is None else f"has {found:,} bytes"
            client = "is missing" if wanted is None else f"has {wanted:,} bytes"
            raise FileDiffersOnWorkerError(
                f"{path} {here} on this worker but {client} on the client. Give all workers the same disk at the same "
                "path.",
                path=path,
                size=found,
                expected=wanted,
            )
    return read_files(size, reading, [path for path, _ in files])


def worker_item(path: str, stamp: Stamp) -> tuple[str, int | None]:
    """Return an item for `read_on_worker`; the path is absolute because workers have another working directory."""
    return os.path.abspath(path), stamp and stamp[0]


def decode_stamped(
    paths: Iterable[str], size: int, reading: Reading, executor: Executor, ahead: int | None = None
) -> Iterator[tuple[str, Stamp, Decoded]]:
    """Decode files like `decode`, and yield each path, its stamp from before reading, and the result."""
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
        present = ([worker_item(path, stamp) for path, stamp in chunk] for chunk in chunks())
        done = executor.map_in_order(partial(read_on_worker, size, reading), present, ahead)
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
    """Decode files in order on all cores; only a few are in memory at once.

    Args:
        paths: Files to read.
        size: Side of the squares, in pixels.
        workers: Number of threads; by default `placa.images.by_rule.files_at_once`.
        reading: The rule for reading files.
        executor: The executor; by default threads of this process.
        ahead: Maximum number of items in progress (see `Threads.map_in_order`).

    Yields:
        For each path its grey levels, shape ``(reading.squares, size, size)``, and ``""``, or None and the reason it
        was rejected.

    Raises:
        MachineError: The executor is a cluster and failed (see `placa.core.executors.cluster.Cluster`).
    """
    executor = executor or Threads(workers or files_at_once(reading, cores()))
    for _, _, done in decode_stamped(paths, size, reading, executor, ahead):
        yield done


def pixels_path(prepared: Path, size: int) -> Path:
    """Return the path of the pixel cache of a prepared data set."""
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
    """Decode all files into an array file, or resume an interrupted one.

    Rows are in the order of `paths`, without rejected files: the array has ``reading.squares`` rows per accepted file.
    Memory does not grow with the number of files.

    Args:
        paths: Files to read.
        target: The ``.npy`` file to write.
        size: Side of the squares, in pixels.
        progress: Shows a bar and messages.
        reading: The rule for reading files.
        executor: The executor; by default threads of this process.
        journal: The journal of `target` (see `placa.dataset.cache_journal`), with which decoding is resumed; None to
            start from the first file.

    Returns:
        Whether each file was accepted, shape ``(n,)``, and for each file the reason it was rejected, or ``""``.

    Raises:
        OSError: The disk is full.
        MachineError: The executor is a cluster and failed (see `placa.core.executors.cluster.Cluster`).
    """
    executor = executor or Threads(files_at_once(reading, cores()))
    log = Journal(journal, size, reading) if journal else None
    begun = journal is not None and has_batches(journal)
    # A plain stream, not a memory map: on a full disk a write to a map kills the process, and this one raises.
    with target.open("r+b" if log and target.exists() else "w+b") as file:
        file.seek(0, os.SEEK_END)
        stored = file.tell() - _HEADER_BYTES
        reasons = log.resume(paths, reading.squares, size * size, stored) if log else []
        file.seek(0)
        _write_header(file, len(paths) * reading.squares, size)
        file.seek(_HEADER_BYTES + reasons.count("") * reading.squares * size * size)
        file.truncate()
        if reasons:
            progress.say(f"resuming: {len(reasons):,} of {len(paths):,} files are already decoded")
        elif log and log.changed_decoders:
            progress.say(f"the interrupted cache has other decoders ({log.changed_decoders}); decoding all files again")
        elif begun:
            progress.say("the interrupted cache has other files or another size; decoding all files again")
        rest = islice(paths, len(reasons), None)
        with progress.bar("decoding", len(paths)) as advance:
            advance(len(reasons))
            _fill(file, decode_stamped(rest, size, reading, executor), reasons, log, advance)
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
    log: Journal | None,
    advance: Advance,
) -> None:
    saved = time.monotonic()
    try:
        for path, stamp, (levels, reason) in files:
            if levels is not None:
                file.write(levels.tobytes())
            reasons.append(reason)
            advance()
            if log is None:
                continue
            log.record(path, stamp, reason)
            if time.monotonic() - saved > _SAVE_SECONDS:
                log.save(file)
                saved = time.monotonic()
    except BaseException:
        # After Ctrl-C or a lost cluster, decoded files are not decoded again. On a full disk this write may fail too.
        with suppress(OSError):
            if log:
                log.save(file)
        raise
    if log:
        log.save(file)


def drop_rows(target: Path, kept: NDArray[np.bool_]) -> None:
    """Remove rows from a cache; the result replaces it when it is complete.

    Args:
        target: The ``.npy`` file.
        kept: Whether each row is kept, shape ``(rows,)``.
    """
    pixels: NDArray[np.uint8] = np.load(target, mmap_mode="r")
    with atomic_file(target) as partial, partial.open("wb") as file:
        _write_header(file, int(kept.sum()), pixels.shape[1])
        for row in np.flatnonzero(kept):
            file.write(pixels[row].tobytes())


def _write_header(file: BinaryIO, rows: int, size: int) -> None:
    # The row count is padded with blanks, so that the header has a fixed length.
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({rows:>12}, {size}, {size}), }}"
    padded = text.ljust(_HEADER_BYTES - 11) + "\n"
    file.write(b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode("latin1"))


def open_pixels(prepared: Path, size: int | None = None) -> NDArray[np.uint8]:
    """Open the pixel cache of a prepared data set as a read-only memory map.

    Args:
        prepared: The directory that ``placa prepare`` wrote.
        size: Side of the squares, in pixels; by default that of the first pixel cache.

    Returns:
        Grey levels 0-255, shape ``(n, size, size)``.

    Raises:
        MissingPixelsError: There is no cache of that size.
        DamagedFileError: The cache is damaged.
    """
    caches = sorted(prepared.glob("pixels-*.npy"))
    path = pixels_path(prepared, size) if size else (caches[0] if caches else prepared / "pixels-*.npy")
    if not path.is_file():
        sizes = [file.stem.removeprefix("pixels-") for file in caches]
        listed = ", ".join(sizes) or "none"
        message = f"{path} does not exist (existing sizes: {listed}). Run placa prepare with --size."
        raise MissingPixelsError(message, path=str(path), sizes=[int(one) for one in sizes if one.isdecimal()])
    try:
        pixels: NDArray[np.uint8] = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, OSError, EOFError, OverflowError) as error:
        message = f"{path} is damaged ({error}). Run placa prepare again."
        raise DamagedFileError(message, path=str(path), reason=str(error)) from error
    sides = pixels.shape[1:]
    if pixels.dtype != np.uint8 or len(set(sides)) != 1 or len(sides) != 2 or path.name != f"pixels-{sides[0]}.npy":
        reason = f"it has the shape {pixels.shape} and the type {pixels.dtype}, expected squares of uint8"
        message = f"{path} is damaged ({reason}). Run placa prepare again."
        raise DamagedFileError(message, path=str(path), reason=reason)
    return pixels
