"""Call functions that may wait for a server, with a time limit and an event that stops the wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from placa.sources.download.remote import Stopped

_Result = TypeVar("_Result")
#: Seconds between two checks of the event.
_CHECK = 0.1
#: Seconds that a stopped function has to close its files.
_GRACE = 1.0


class TooSlowError(Exception):
    """The function did not return within the time limit."""


def call_until_stopped(function: Callable[[], _Result], stop: threading.Event, seconds: float | None = None) -> _Result:
    """Call a function in a daemon thread, which an unresponsive server cannot keep alive after the program ends.

    Args:
        function: The function.
        stop: The event that stops the wait.
        seconds: The time limit; None for none.

    Raises:
        Stopped: `stop` was set.
        TooSlowError: The time limit was reached.
        BaseException: The exception of the function.
    """
    results: list[_Result] = []
    failures: list[BaseException] = []

    def call() -> None:
        try:
            results.append(function())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    end = None if seconds is None else time.monotonic() + seconds
    while thread.is_alive():
        thread.join(_CHECK)
        if stop.is_set():
            thread.join(_GRACE)
            raise Stopped
        if end is not None and time.monotonic() > end and thread.is_alive():
            raise TooSlowError
    if failures:
        raise failures[0]
    return results[0]
