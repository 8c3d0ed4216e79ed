"""Where work on many files is done: on this machine's cores or on a cluster, behind one interface.

What runs there is a function of one item; results come in the order of the items, and only so many are under way that
memory does not grow with their number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any, Protocol, TypeVar

from placa.core.progress import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")
#: Items under way for each one that is worked on: enough that no core waits for the next.
_AHEAD = 16


class Executor(Protocol):
    """What maps a function over items somewhere.

    Attributes:
        chunk: Files that one item had best hold: 1 where an item costs nothing to send.
        shares_memory: Whether functions run in this process, and may use what lies in its memory.
    """

    chunk: int
    shares_memory: bool

    def map_in_order(
        self, function: Callable[[Item], Result], items: Iterable[Item], ahead: int | None = None
    ) -> Iterator[Result]:
        """Apply a function to items, several at a time.

        Args:
            function: What to do with one item. Where memory is not shared it is sent as a name: it must stand in a
                module that the other side has too.
            items: What to do it with; taken one after the other as there is room.
            ahead: Items under way at once; by default what keeps everything busy.

        Yields:
            The results, in the order of `items`.

        Raises:
            Exception: Whatever `function` raised, when its turn comes; what was not begun is then not begun.
        """
        ...


class Threads:
    """This machine's cores.

    Threads, not processes: Pillow lets go of the interpreter while it inflates and resizes, so two threads do what two
    processes do, with nothing to start, to send or to guard a script against.

    Args:
        workers: Items that are worked on at once.
    """

    chunk = 1
    shares_memory = True

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def map_in_order(
        self, function: Callable[[Item], Result], items: Iterable[Item], ahead: int | None = None
    ) -> Iterator[Result]:
        """See `Executor.map_in_order`."""
        ahead = max(self._workers, ahead or _AHEAD * self._workers)
        rest = iter(items)
        with ThreadPoolExecutor(self._workers) as pool:
            pending: deque[Future[Result]] = deque()
            try:
                pending.extend(pool.submit(function, item) for item in islice(rest, ahead))
                while pending:
                    yield pending.popleft().result()
                    pending.extend(pool.submit(function, item) for item in islice(rest, 1))
            finally:
                # Left early (an error, Ctrl-C): what was not begun is not begun.
                for future in pending:
                    future.cancel()


def open_executor(scheduler: str | None, progress: Progress) -> AbstractContextManager[Any]:
    """Open the executor that the command line asks for.

    Args:
        scheduler: A Dask scheduler's address; None for this machine, of which the reader of files knows best how many
            threads it bears.
        progress: Where to say what was found there.

    Returns:
        A context with an `Executor`, or with None for this machine.

    Raises:
        PlacaError: There is no such scheduler, or its workers are no match (see
            `placa.core.executors.cluster.Cluster`).
    """
    if scheduler is None:
        return nullcontext()
    from placa.core.executors.cluster import Cluster

    return Cluster(scheduler, progress)
