"""Atomic files and directories: write to a temporary path, then rename."""

from __future__ import annotations

import csv
import errno
import hashlib
import lzma
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from placa.core.errors import (
    DiskFullError,
    FileAccessError,
    ForeignDirectoryError,
    InUseError,
    NotWritableError,
    OutputExistsError,
    PathNotFoundError,
    PermissionDeniedError,
    PlacaError,
    WrongFileTypeError,
)
from placa.core.temporary import exchange, hidden_name, sweep

#: Files by which placa recognises a directory that it wrote.
_OURS = ("source.json", "run.json", "validation.json")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
#: What `zipfile` raises for a damaged, encrypted or unknown archive.
ZIP_ERRORS = (zipfile.BadZipFile, RuntimeError, ValueError, KeyError, EOFError, zlib.error, lzma.LZMAError)


def find_shared(name: str) -> Path | None:
    """Find a directory that is distributed with the package: ``reports``, or ``R`` (the source of the R package).

    Returns:
        The directory in the installed package or in placa's source tree; None if it is in neither.
    """
    package = Path(__file__).resolve().parents[1]
    return next((place for place in (package / "share" / name, package.parents[1] / name) if place.is_dir()), None)


def is_full(error: OSError) -> bool:
    """Return whether an error means that the disk or the quota is full."""
    return error.errno in _FULL or "No space left" in str(error)


def explain_os_error(error: OSError, path: Path | str | None = None) -> PlacaError:
    """Return the `PlacaError` that explains an operating-system error.

    Args:
        error: The error.
        path: The path to name; by default that of `error`.
    """
    where = str(path or error.filename or "the output")
    if is_full(error):
        message = f"The disk of {where} is full. Free some space or choose another path."
        return DiskFullError(message, path=where)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        message = f"No permission to read or write {where}. Choose another path or ask for access."
        return PermissionDeniedError(message, path=where)
    if error.errno in {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}:
        message = f"Cannot use {where}: a file exists where a directory is needed, or the reverse. Choose another path."
        return WrongFileTypeError(message, path=where)
    if error.errno == errno.ENOENT:
        return PathNotFoundError(f"{where} does not exist. Check the path.", path=where)
    reason = str(error.strerror or error)
    return FileAccessError(f"Cannot read or write {where} ({reason}).", path=where, reason=reason)


@contextmanager
def explain_os_errors(path: Path | None = None) -> Iterator[None]:
    """Raise the `PlacaError` that explains an operating-system error of the block (see `explain_os_error`).

    Args:
        path: The path to name; by default that of the error.
    """
    try:
        yield
    except OSError as error:
        raise explain_os_error(error, path) from error


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` if the block succeeds.

    Raises:
        PlacaError: The path is not writable, or its disk is full (see `explain_os_error`).
    """
    partial = hidden_name(path, "partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except OSError as error:
        raise explain_os_error(error, path) from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: Path, overwrite: bool = False, ours: tuple[str, ...] = _OURS) -> Iterator[Path]:
    """Yield a temporary directory beside `path`, and rename it to `path` if the block succeeds.

    An existing directory is kept until then, and is exchanged for the new one in one step where the system can do that.
    Of a link to a directory, the directory is replaced.

    Args:
        path: The directory to create.
        overwrite: Whether an existing directory may be replaced.
        ours: As for `refuse_existing`.

    Raises:
        OutputExistsError, ForeignDirectoryError, WrongFileTypeError: `path` exists and may not be replaced.
        PlacaError: `path` is not writable, or its disk is full (see `explain_os_error`).
    """
    path = behind_link(path)
    sweep(path)
    refuse_existing(path, overwrite, ours)
    partial = hidden_name(path, "partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        yield partial
        put_in_place(partial, path)
    except OSError as error:
        raise explain_os_error(error, path) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def behind_link(path: Path) -> Path:
    """Return the directory behind a link, which may be on another disk than the link; any other path as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() and path.is_dir() else path


def put_in_place(partial: Path, path: Path) -> None:
    """Rename a complete directory to its final name, and remove an existing one of that name."""
    if not path.exists():
        partial.rename(path)
    elif exchange(partial, path):
        shutil.rmtree(partial)
    else:
        # After a kill between the two renames, the next start restores the old directory (see `sweep`).
        old = hidden_name(path, "old")
        path.rename(old)
        partial.rename(path)
        shutil.rmtree(old)


def refuse_existing(path: Path, overwrite: bool, ours: tuple[str, ...] = _OURS) -> None:
    """Refuse an existing output before any work starts.

    Only a directory that placa wrote is replaced: `--overwrite ~` must not delete a home directory.

    Args:
        path: The output directory.
        overwrite: Whether an existing directory may be replaced.
        ours: Names of files, one of which is in every directory that may be replaced.

    Raises:
        WrongFileTypeError: `path` is a file.
        OutputExistsError: `path` is a directory with content, and `overwrite` is false.
        ForeignDirectoryError: placa did not write the directory.
    """
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        message = f"{path} is a file, but the output is a directory. Choose another --out."
        raise WrongFileTypeError(message, path=str(path))
    if not any(path.iterdir()):
        return
    if not overwrite:
        message = f"{path} already exists. Choose another --out, or add --overwrite to replace it."
        raise OutputExistsError(message, path=str(path))
    if not any((path / name).is_file() for name in ours):
        message = f"{path} was not written by placa, so it is not replaced. Choose another --out."
        raise ForeignDirectoryError(message, path=str(path))


@contextmanager
def locked(handle: IO[Any] | int, busy: str, path: Path | None = None) -> Iterator[None]:
    """Lock an open file or directory; the system releases the lock when this process ends.

    Args:
        handle: The open file, or its descriptor.
        busy: Message of the error if another process holds the lock.
        path: Path for the error's values; by default the name of `handle`.

    Raises:
        InUseError: Another process holds the lock.
    """
    try:
        import fcntl
    except ImportError:
        # Windows has no fcntl.
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InUseError(busy, path=str(path) if path else str(getattr(handle, "name", ""))) from error
    except OSError:
        # Some network file systems have no locks; two processes are then not detected.
        pass
    yield


def require_writable(directory: Path) -> None:
    """Check that files can be created in `directory`, or in its nearest existing parent.

    Raises:
        NotWritableError: No file can be created there.
        PlacaError: Any other operating-system error (see `explain_os_error`).
    """
    place = directory.absolute()
    while not os.path.lexists(place):
        place = place.parent
    try:
        # os.access is wrong for root and on network disks, so a file is created instead.
        with tempfile.TemporaryFile(dir=place):
            pass
    except FileNotFoundError as error:
        message = f"Cannot create a file in {place}. Choose another path for {directory}."
        raise NotWritableError(message, path=str(directory), directory=str(place)) from error
    except OSError as error:
        raise explain_os_error(error, directory) from error


def write_rejected(path: Path, rejected: list[tuple[str, str]], columns: tuple[str, str] = ("path", "reason")) -> None:
    """Write the rejected images atomically as CSV with two columns."""
    # File names may not be UTF-8; other bytes are written as escapes such as \\xe9.
    with (
        atomic_file(path) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        csv.writer(file).writerows([columns, *rejected])


def fingerprints(directory: Path, *leave_out: str) -> dict[str, str]:
    """Return the fingerprints of all files in a directory by their relative paths, except of those to leave out."""
    files = {path.relative_to(directory).as_posix(): path for path in sorted(directory.rglob("*")) if path.is_file()}
    return {name: fingerprint(path) for name, path in files.items() if name not in leave_out}


def fingerprint(*paths: Path) -> str:
    """Return the SHA-256 of the bytes of the files, in the given order, as ``"sha256:…"``."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def short_fingerprint(whole: str) -> str:
    """Return the first characters of a fingerprint, enough to distinguish two."""
    return whole[:19]
