"""Temporary files and directories: what killed processes left of them is removed at the next start."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextmanager
def temporary_directory(prefix: str) -> Iterator[Path]:
    """Yield a temporary directory; remove those of the same prefix whose process has ended.

    Args:
        prefix: The beginning of its name; the number of the process follows.
    """
    _sweep(Path(tempfile.gettempdir()), prefix)
    with tempfile.TemporaryDirectory(prefix=f"{prefix}{os.getpid()}-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


def is_running(process: int) -> bool:
    """Return whether a process of this machine is running."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        # No process has a larger number than the system allows.
        return False
    except OSError:
        pass
    return True


def _sweep(place: Path, prefix: str) -> None:
    for found in place.glob(f"{prefix}*"):
        number = re.fullmatch(rf"{re.escape(prefix)}(\d+)-\w+", found.name)
        if number and not found.is_symlink() and found.stat().st_uid == os.getuid() and not is_running(int(number[1])):
            shutil.rmtree(found, ignore_errors=True)


def exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two files or directories, in one step (renameat2 of Linux).

    Returns:
        Whether they were exchanged; False if the system or the file system cannot do that.
    """
    if sys.platform != "linux":
        return False
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        # The C library is older than glibc 2.28.
        return False
    return bool(function(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0)


def hidden_name(path: Path, kind: str) -> Path:
    """Return a temporary path beside `path`, with the process and the machine in its name.

    Args:
        path: The output.
        kind: ``partial``, or ``old`` for a directory that is being replaced.
    """
    return path.parent / f".{path.name}.{kind}-{os.getpid()}-{_machine()}{secrets.token_hex(2)}"


def sweep(path: Path) -> None:
    """Remove what killed processes of this machine left beside an output.

    If such a process had moved the output away and not yet replaced it, it gets its name again.

    Args:
        path: The output.
    """
    if not path.parent.is_dir():
        return
    pattern = re.compile(rf"\.{re.escape(path.name)}\.(partial|old)-(\d+)-{_machine()}[0-9a-f]+(\.keras)?")
    for found in path.parent.iterdir():
        name = pattern.fullmatch(found.name)
        if name is None or is_running(int(name[2])):
            continue
        if name[1] == "old" and not os.path.lexists(path):
            found.rename(path)
        elif found.is_dir() and not found.is_symlink():
            shutil.rmtree(found, ignore_errors=True)
        else:
            found.unlink(missing_ok=True)


def _machine() -> str:
    """Return four digits that tell machines apart that share a disk."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:4]
