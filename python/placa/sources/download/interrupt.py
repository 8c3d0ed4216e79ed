"""Call functions that may wait for a server, with a time limit and an event that stops the wait."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from placa.sources.download.remote import Stopped, check_stop

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
    # The threads of an executor would keep the program alive.
    future: Future[_Result] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    end = math.inf if seconds is None else time.monotonic() + seconds
    while not wait([future], _CHECK).done:
        if stop.is_set():
            wait([future], _GRACE)
            raise Stopped
        if time.monotonic() > end:
            raise TooSlowError
    check_stop(stop)
    return future.result()
