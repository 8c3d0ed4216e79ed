"""Prefetch items on threads."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Prefetcher(Generic[Key, Value]):
    """Compute the next items of a sequence on threads.

    An item depends on its key only, so that the number of threads changes only the time. Threads are sufficient, as
    NumPy, OpenCV and Pillow release the interpreter lock, and no data are copied between processes.

    Args:
        make: Function from a key to an item; called on several threads.
        following: Function from a key to the next key.
        threads: Number of threads.
        ahead: Number of items to prefetch, which are held in memory.
    """

    def __init__(self, make: Callable[[Key], Value], following: Callable[[Key], Key], threads: int, ahead: int) -> None:
        self._make, self._following, self._ahead = make, following, ahead
        self._pool = ThreadPoolExecutor(threads)
        self._lock = Lock()
        self._pending: dict[Key, Future[Value]] = {}

    def get(self, key: Key) -> Value:
        """Return the item of a key; wait until it is ready.

        Args:
            key: The key.

        Raises:
            Exception: Any error that `make` raises for this key.
        """
        with self._lock:
            wanted = [key]
            while len(wanted) <= self._ahead:
                wanted.append(self._following(wanted[-1]))
            pending = {
                one: self._pending.pop(one) if one in self._pending else self._pool.submit(self._make, one)
                for one in wanted
            }
            # Items of skipped keys are not needed.
            for future in self._pending.values():
                future.cancel()
            self._pending = pending
            return pending.pop(key).result()
