"""Standard output and standard error, which may be closed or full: then messages are lost, and nothing else."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from placa.core.errors import LowMemoryError


def open_streams() -> None:
    """Open the null device in place of a closed standard stream, before a library opens a file with its number."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                opened = os.open(os.devnull, os.O_WRONLY)
                if opened != number:
                    os.dup2(opened, number)
                    os.close(opened)
                setattr(sys, name, os.fdopen(number, "w", encoding="utf-8"))


def print_message(text: str) -> None:
    """Print a line on standard error, if that is possible."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def flush_streams() -> None:
    """Flush the standard streams; Python would end with exit code 120 if it could not flush them."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def low_memory(error: BaseException) -> LowMemoryError:
    """Return the error for memory that ran out."""
    # Others name a part of a library that was not loaded.
    reason = " ".join(str(error).split()) if isinstance(error, MemoryError | RuntimeError) else ""
    detail = f" ({reason})" if reason else ""
    message = f"Not enough memory{detail}. Close other programs, use smaller images or batches, or a larger machine."
    return LowMemoryError(message, reason=reason)
