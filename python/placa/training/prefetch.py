"""What comes next is made before it is asked for, so that nobody waits."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class Ahead(Generic[Key, Made]):
    """Makes things on threads, always the next few in a row.

    What is made depends on its key alone, so the number of threads changes nothing but the time. Threads, not
    processes: NumPy, OpenCV and Pillow let go of the interpreter while they work, and nothing has to be sent.

    Args:
        make: Makes the thing of a key; called on several threads at once.
        following: The key that is likely to be asked for after a key.
        threads: How many work at a time.
        ahead: How many things are made, or being made, beyond the one last asked for: that much memory is taken.
    """

    def __init__(self, make: Callable[[Key], Made], following: Callable[[Key], Key], threads: int, ahead: int) -> None:
        self._make, self._following, self._ahead = make, following, ahead
        self._pool = ThreadPoolExecutor(threads)
        self._one_asks = Lock()
        self._coming: dict[Key, Future[Made]] = {}

    def get(self, key: Key) -> Made:
        """The thing of a key; waits for it where it is not yet made.

        Raises:
            Exception: What `make` raised for this key.
        """
        with self._one_asks:
            wanted = [key]
            while len(wanted) <= self._ahead:
                wanted.append(self._following(wanted[-1]))
            coming = {
                one: self._coming.pop(one) if one in self._coming else self._pool.submit(self._make, one)
                for one in wanted
            }
            # What is left over was skipped by somebody who jumped, and will not be asked for.
            for future in self._coming.values():
                future.cancel()
            self._coming = coming
            return coming.pop(key).result()
