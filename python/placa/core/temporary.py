"""Temporary directories that are removed at the next start if the process was killed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
