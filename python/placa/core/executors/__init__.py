"""Executors: apply a function to many items on this machine's cores or on a cluster, through one method.

Results are returned in the order of the items. The number of items in progress is limited, so memory does not grow with
the number of items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

from placa.core.executors.futures import Item, Result, map_futures
from placa.core.progress import Progress

if TYPE_CHECKING:
    from placa.core.executors.cluster import Cluster

#: Where work is done: on the cores of this machine, or on a cluster. Both have `Threads.map_in_order`.
Executor: TypeAlias = "Threads | Cluster"
#: Items in progress per worker: enough that no core waits for the next item.
_AHEAD = 16


class Threads:
    """An executor on this machine's cores.

    It uses threads, not processes: Pillow releases the interpreter lock while it decompresses and resizes, so two
    threads are as fast as two processes, without the cost of starting them and sending data.

    Args:
        workers: Number of threads.

    Attributes:
        chunk: Recommended number of files per item; 1 if sending an item is free.
        shares_memory: Whether functions run in this process and may use its memory.
    """

    chunk = 1
    shares_memory = True

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def map_in_order(
        self, function: Callable[[Item], Result], items: Iterable[Item], ahead: int | None = None
    ) -> Iterator[Result]:
        """Apply a function to items, several at a time.

        Args:
            function: A function of one item. Without shared memory it is sent by name, so it must be in a module that
                the workers have too.
            items: The items; they are consumed as workers become free.
            ahead: Maximum number of items in progress; by default enough to keep every worker busy.

        Yields:
            The results, in the order of `items`.

        Raises:
            Exception: The exception of `function`, at the position of its item; items that have not started are
                cancelled.
        """
        limit = max(self._workers, ahead or _AHEAD * self._workers)
        with ThreadPoolExecutor(self._workers) as pool:
            yield from map_futures(lambda item: pool.submit(function, item), items, lambda: limit)


def open_executor(scheduler: str | None, progress: Progress) -> AbstractContextManager[Any]:
    """Open the executor of the option ``--scheduler``.

    Args:
        scheduler: Address of a Dask scheduler; None for this machine, where the reader of files chooses the number of
            threads.
        progress: Receives a message with the size of the cluster.

    Returns:
        A context manager that yields an `Executor`, or None for this machine.

    Raises:
        SchedulerAddressError, SchedulerNotFoundError, ClusterLostError, MissingPackageError: See
            `placa.core.executors.cluster.Cluster`.
    """
    if scheduler is None:
        return nullcontext()
    from placa.core.executors.cluster import Cluster

    return Cluster(scheduler, progress)
