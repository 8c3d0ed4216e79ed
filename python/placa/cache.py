"""The pixel cache: every image decoded once, to grey levels in one memory-mapped array."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from placa.errors import PlacaError
from placa.progress import SILENT, Progress
from placa.reading import STRETCH, Reading
from placa.reading.images import ImageRejected

Decoded = tuple[NDArray[np.uint8] | None, str]


def cores() -> int:
    """Cores that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _decode(path: str, size: int, reading: Reading) -> Decoded:
    try:
        return reading.read(path, size), ""
    except ImageRejected as rejected:
        return None, str(rejected)


def decode(
    paths: Sequence[str], size: int, workers: int | None = None, reading: Reading = STRETCH
) -> Iterator[Decoded]:
    """Decode files in order, on every core, holding only a few at a time.

    Threads, not processes: Pillow lets go of the interpreter while it inflates and resizes, so two threads do what
    two processes do, with nothing to start, to send or to guard a script against.

    Args:
        paths: Files to read.
        size: Side of the squares to make, in pixels.
        workers: Threads; one a core by default, or fewer where the files are large (see `Reading.workers`).
        reading: How a file becomes squares.

    Yields:
        For each path in turn, its grey levels ``(reading.squares, size, size)`` and ``""``, or None and the reason it
        was rejected.
    """
    workers = workers or reading.workers(cores())
    ahead = 16 * workers
    with ThreadPoolExecutor(workers) as pool:
        pending = deque(pool.submit(_decode, path, size, reading) for path in paths[:ahead])
        try:
            for following in range(ahead, len(paths) + ahead):
                if not pending:
                    return
                yield pending.popleft().result()
                if following < len(paths):
                    pending.append(pool.submit(_decode, paths[following], size, reading))
        finally:
            # Left early (an error, Ctrl-C): what was not begun is not begun.
            for future in pending:
                future.cancel()


def pixels_path(prepared: Path, size: int) -> Path:
    """Where the cache of a prepared data set lies."""
    return prepared / f"pixels-{size}.npy"


def build_cache(
    paths: Sequence[str], target: Path, size: int, progress: Progress = SILENT, reading: Reading = STRETCH
) -> tuple[NDArray[np.bool_], list[str]]:
    """Decode every file into a new array file.

    Rows follow `paths`; those of rejected files are left out, so the array has ``reading.squares`` rows for each file
    that was kept.

    Args:
        paths: Files to read.
        target: The ``.npy`` file to write, in a directory that is renamed when it is whole.
        size: Side of the squares, in pixels.
        progress: Where to show the bar.
        reading: How a file becomes squares.

    Returns:
        Which files were kept, shape ``(n,)``, and for each file the reason it was rejected, ``""`` if it was not.

    Raises:
        OSError: The disk is full.
    """
    kept = np.zeros(len(paths), dtype=bool)
    reasons: list[str] = []
    # A plain stream, not a memory map: on a full disk a write to a map kills the process, and this one raises.
    with target.open("wb") as file, progress.bar("decoding", len(paths)) as advance:
        _write_header(file, len(paths) * reading.squares, size)
        body = file.tell()
        for row, (levels, reason) in enumerate(decode(paths, size, reading=reading)):
            if levels is not None:
                file.write(levels.tobytes())
                kept[row] = True
            reasons.append(reason)
            advance()
        count = int(kept.sum()) * reading.squares
        file.seek(0)
        _write_header(file, count, size)
        if file.tell() != body:
            raise AssertionError("the header of the pixel cache changed its length")
        file.flush()
        os.fsync(file.fileno())
    return kept, reasons


def _write_header(file: BinaryIO, rows: int, size: int) -> None:
    # The header is padded to a fixed width by a row count written with blanks, so that it can be corrected in place.
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({rows:>12}, {size}, {size}), }}"
    padded = text.ljust(117) + "\n"
    file.write(b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode("latin1"))


def open_pixels(prepared: Path, size: int | None = None) -> NDArray[np.uint8]:
    """Open the pixel cache of a prepared data set as a read-only memory map.

    Args:
        prepared: The directory that ``placa prepare`` wrote.
        size: Side in pixels; the only one there is by default.

    Returns:
        Grey levels 0-255, shape ``(n, size, size)``.

    Raises:
        PlacaError: There is no cache of that size, or it is damaged.
    """
    there = sorted(prepared.glob("pixels-*.npy"))
    path = pixels_path(prepared, size) if size else (there[0] if there else prepared / "pixels-*.npy")
    if not path.is_file():
        sizes = ", ".join(file.stem.removeprefix("pixels-") for file in there) or "none"
        raise PlacaError(
            f"{path} was expected and is not there (sizes there: {sizes}): prepare the data set with --size."
        )
    try:
        pixels: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    except (ValueError, OSError) as error:
        raise PlacaError(f"{path} is damaged ({error}): prepare the data set again.") from error
    return pixels
