"""Files that are whole or not there: write beside, then rename."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from placa.core.errors import (
    DamagedFileError,
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

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def find_shared(name: str) -> Path | None:
    """Find a folder that travels along with the package: ``reports``, or ``R``, the source of the R package.

    Returns:
        It, in the installed package or in placa's source tree; None where neither has it.
    """
    package = Path(__file__).resolve().parents[1]
    return next((place for place in (package / "share" / name, package.parents[1] / name) if place.is_dir()), None)


def is_full(error: OSError) -> bool:
    """Whether an error says that a disk, or what one may use of it, is full."""
    return error.errno in _FULL or "No space left" in str(error)


def explain_os_error(error: OSError, path: Path | str | None = None) -> PlacaError:
    """Turn an operating-system error into the sentence that a user can act on."""
    where = str(path or error.filename or "the output")
    if is_full(error):
        message = f"The disk that holds {where} is full: free some space, or choose another place."
        return DiskFullError(message, path=where)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        message = f"There is no permission to read or write {where}: choose another place, or ask for access."
        return PermissionDeniedError(message, path=where)
    if error.errno in {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}:
        message = f"{where} cannot be used, for a file stands where a directory should, or the other way round."
        return WrongFileTypeError(message, path=where)
    if error.errno == errno.ENOENT:
        return PathNotFoundError(f"{where} does not exist.", path=where)
    reason = str(error.strerror or error)
    return FileAccessError(f"{where} could not be read or written ({reason}).", path=where, reason=reason)


def _partial(path: Path) -> Path:
    return path.parent / f".{path.name}.partial-{os.getpid()}-{secrets.token_hex(3)}"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the name `path` only if the block ends well.

    Raises:
        PlacaError: The place cannot be written, or its disk is full.
    """
    partial = _partial(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except OSError as error:
        raise explain_os_error(error, path) from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_directory(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Yield a new directory beside `path`; it takes the name `path` only if the block ends well.

    An older directory of that name stays until then, and is replaced in two renames.

    Args:
        path: The directory to make.
        overwrite: Whether a directory already there may be replaced.

    Raises:
        PlacaError: `path` is there and may not be replaced, or cannot be written, or its disk is full.
    """
    refuse_existing(path, overwrite)
    partial = _partial(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        yield partial
        put_in_place(partial, path)
    except OSError as error:
        raise explain_os_error(error, path) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def put_in_place(partial: Path, path: Path) -> None:
    """Give a whole directory its name; an older one of that name goes."""
    old = None
    if path.exists():
        old = path.parent / f".{path.name}.old-{os.getpid()}"
        path.rename(old)
    partial.rename(path)
    if old is not None:
        shutil.rmtree(old)


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Refuse an output that is already there, before any work is done for it.

    Only a directory that placa wrote is ever replaced: `--overwrite ~` should not empty a home.

    Raises:
        PlacaError: `path` is a file, or a directory that may not be replaced.
    """
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        message = f"{path} is a file, and a directory of that name was to be made: choose another --out."
        raise WrongFileTypeError(message, path=str(path))
    if not any(path.iterdir()):
        return
    if not overwrite:
        message = f"{path} is already there: choose another --out, or add --overwrite to replace it."
        raise OutputExistsError(message, path=str(path))
    if not any((path / name).is_file() for name in ("source.json", "run.json")):
        message = f"{path} holds something that placa did not write, so it is not replaced: choose another --out."
        raise ForeignDirectoryError(message, path=str(path))


@contextmanager
def held(handle: IO[Any] | int, busy: str, path: Path | None = None) -> Iterator[None]:
    """Hold an open file or directory against other programs; the system lets go of it however this one ends.

    Args:
        handle: It, or its descriptor.
        busy: What to say where another program holds it.
        path: Its path, for the error's values; by default the name of `handle`.

    Raises:
        InUseError: Another program holds it.
    """
    try:
        import fcntl
    except ImportError:
        # Windows has no such locks.
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InUseError(busy, path=str(path) if path else str(getattr(handle, "name", ""))) from error
    except OSError:
        # Some network file systems have no locks; then it is up to the user.
        pass
    yield


def require_writable(directory: Path) -> None:
    """Find out before the work, not after it, whether `directory` (or its nearest parent) takes a file.

    Raises:
        PlacaError: It does not.
    """
    place = directory.absolute()
    while not os.path.lexists(place):
        place = place.parent
    try:
        # Asking the file system beats asking os.access, which root and network disks answer wrongly.
        with tempfile.TemporaryFile(dir=place):
            pass
    except FileNotFoundError as error:
        message = f"No file can be made in {place}: choose another place for {directory}."
        raise NotWritableError(message, path=str(directory), directory=str(place)) from error
    except OSError as error:
        raise explain_os_error(error, directory) from error


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented UTF-8 JSON, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def write_rejected(path: Path, rejected: list[tuple[str, str]]) -> None:
    """Write the images that were set aside as CSV, whole or not at all: ``path``, ``reason``."""
    # A file name need not be UTF-8; such bytes are written as \\xe9 and the like.
    with (
        whole_file(path) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        csv.writer(file).writerows([("path", "reason"), *rejected])


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        PlacaError: The file is not there, or holds no JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise explain_os_error(error, path) from error
    except ValueError as error:
        message = f"{path} was to hold JSON and does not ({error}): make it anew."
        raise DamagedFileError(message, path=str(path), reason=str(error)) from error


def fingerprint(*paths: Path) -> str:
    """Return ``"sha256:…"`` over the bytes of the files, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return f"sha256:{digest.hexdigest()}"
