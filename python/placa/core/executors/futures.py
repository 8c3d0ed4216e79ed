"""Map a function over items with an executor of concurrent.futures: threads, or Dask's executor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_futures(
    submit: Callable[[Item], Future[Result]],
    items: Iterable[Item],
    ahead: Callable[[], int],
    wait: Callable[[Future[Result]], Result] = Future.result,
) -> Iterator[Result]:
    """Submit items to an executor of concurrent.futures, and yield the results in the order of the items.

    Args:
        submit: Submits one item.
        items: The items; they are consumed as results are.
        ahead: Returns the maximum number of items in progress; at least one is.
        wait: Waits for the result of a future.
    """
    rest = iter(items)
    pending: deque[Future[Result]] = deque()
    try:
        while True:
            room = max(ahead() - len(pending), 0 if pending else 1)
            pending.extend(map(submit, islice(rest, room)))
            if not pending:
                return
            yield wait(pending.popleft())
    finally:
        # After an error or Ctrl-C, items that have not started are cancelled.
        for future in pending:
            future.cancel()
