"""Faults of the machine, such as too many open files: they are tried again, and do not reject a file."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from placa.core.errors import LowMemoryError, MachineFaultError

_Result = TypeVar("_Result")
#: Errors of the system, and what to do about them.
_REMEDIES = {
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "Close other programs, or raise the limit with ulimit -n."),
    errno.ENOMEM: "Close other programs, or use a machine with more memory.",
    **dict.fromkeys(
        (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENODEV, errno.EHOSTDOWN, errno.ENOTCONN, errno.EREMOTEIO),
        "Check the disk or the network share.",
    ),
}
#: Messages of libraries that got no memory; the loader of the system has no errno for it.
_NO_MEMORY = re.compile("failed to map segment|cannot allocate|bad_alloc|can't start new thread", re.IGNORECASE)
#: Seconds before each further attempt.
_PAUSES = (0.1, 0.5)


class DecoderKilledError(OSError):
    """A decoder was killed from outside, usually because the memory of the machine ran out."""

    def __init__(self) -> None:
        super().__init__(errno.ENOMEM, "the decoder was killed; the usual reason is that memory ran out")


def machine_fault(error: BaseException | None) -> OSError | MemoryError | None:
    """Return the fault of the machine that caused an error, or None if there is none.

    Args:
        error: An error; its causes are examined too.
    """
    for one in _chain(error):
        if isinstance(one, MemoryError) or (isinstance(one, OSError) and one.errno in _REMEDIES):
            return one
        if isinstance(one, ImportError) and _NO_MEMORY.search(str(one)):
            return MemoryError(str(one))
    return None


def lacks_memory(error: BaseException | None) -> bool:
    """Return whether a command failed because memory ran out.

    Args:
        error: An error; what it was raised from, or raised while handling, is examined too.
    """
    return any(
        isinstance(one, MemoryError) or bool(_NO_MEMORY.search(str(one))) for one in _chain(error, with_context=True)
    )


def low_memory(error: BaseException) -> LowMemoryError:
    """Return the error for memory that ran out."""
    # Others name a part of a library that was not loaded.
    reason = " ".join(str(error).split()) if isinstance(error, MemoryError | RuntimeError) else ""
    detail = f" ({reason})" if reason else ""
    message = f"Not enough memory{detail}. Close other programs, use smaller images or batches, or a larger machine."
    return LowMemoryError(message, reason=reason)


def _chain(error: BaseException | None, with_context: bool = False) -> Iterator[BaseException]:
    """Yield an error and up to nine errors that caused it, with context also those during whose handling it arose."""
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or (error.__context__ if with_context else None)


def retry_faults(function: Callable[[], _Result], path: str) -> _Result:
    """Call a function that reads a file; after a fault of the machine, call it again.

    Args:
        function: The function.
        path: The file, for the message.

    Raises:
        MachineFaultError: The machine failed three times.
        Exception: Any other error of the function.
    """
    for pause in (*_PAUSES, None):
        try:
            return function()
        except Exception as error:
            fault = machine_fault(error)
            if fault is None:
                raise
            if pause is None:
                raise _explained(fault, path) from error
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _explained(fault: OSError | MemoryError, path: str) -> MachineFaultError:
    code = errno.ENOMEM if isinstance(fault, MemoryError) else fault.errno or errno.EIO
    reason = "not enough memory" if isinstance(fault, MemoryError) else str(fault.strerror or fault)
    return MachineFaultError(
        f"The machine failed to read {path} in {len(_PAUSES) + 1} attempts ({reason}). The file may be good. "
        f"{_REMEDIES[code]} Then run the same command again.",
        path=path,
        reason=reason,
        errno=code,
    )
