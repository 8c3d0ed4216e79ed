"""A Dask cluster as an executor: https://distributed.dask.org.

Workers get the names of files, not their content: they need the same disk at the same path, and the same packages. Both
are checked where the work is done, with each item, so that a worker that joins late is checked too.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import platform
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import cache
from importlib import import_module
from types import TracebackType
from typing import Any, Self, TypeVar

from placa.core import system
from placa.core.errors import (
    ClusterLostError,
    MissingPackageError,
    PlacaError,
    SchedulerNotFoundError,
    WorkerDiedError,
    WorkerMismatchError,
)
from placa.core.progress import SILENT, Progress

Item = TypeVar("Item")
Result = TypeVar("Result")
#: Seconds to put up with a scheduler that does not answer, and with a cluster that has no worker.
CONNECT_SECONDS = 20.0
WORKERLESS_SECONDS = 60.0
#: Seconds between two looks at how many workers there are.
_LOOK = 5.0
#: Items under way for each thread of the cluster: one that is worked on, and some that wait beside it.
_AHEAD = 4
#: What decides about a file's pixels and a model's answer, to the bit.
_PACKAGES = ("placa", "pillow", "numpy", "pydicom", "python-gdcm", "simpleitk", "keras", "tensorflow")


@cache
def versions() -> dict[str, str]:
    """The versions, here, of what decides about pixels and answers."""
    return {**system.versions(*_PACKAGES), "python": ".".join(platform.python_version_tuple()[:2])}


def _on_worker(function: Callable[[Item], Result], item: Item, wanted: dict[str, str]) -> Result:
    here = versions()
    for name in sorted(wanted.keys() | here.keys()):
        if wanted.get(name) != here.get(name):
            raise WorkerMismatchError(
                f"The Dask worker {_name()} has {name} {here.get(name, 'not at all')}, and {wanted.get(name, 'none')} "
                "is here: give both the same packages (requirements.lock), for else they may not say the same.",
                worker=_name(),
                package=name,
                version=here.get(name),
                expected=wanted.get(name),
            )
    try:
        return function(item)
    except PlacaError as error:
        error.args = (f"The Dask worker {_name()}: {error}",)
        error.values["worker"] = _name()
        raise


def _name() -> str:
    try:
        return str(import_module("distributed").get_worker().address)
    except ValueError:
        return platform.node()


class Cluster:
    """The workers of a Dask scheduler.

    A worker that dies costs nothing but time: what it had not delivered, the others do.

    Args:
        address: The scheduler's, as ``tcp://host:8786`` or ``host:8786``.
        progress: Where to say what was found there.

    Raises:
        MissingPackageError: distributed is not installed.
        SchedulerNotFoundError: Nothing answers at `address`.
        ClusterLostError: There is a scheduler, and no worker comes.
    """

    chunk = 16
    shares_memory = False

    def __init__(self, address: str, progress: Progress = SILENT) -> None:
        try:
            distributed = import_module("distributed")
        except ImportError as error:
            raise MissingPackageError(
                f"A Dask cluster needs a package that is not installed ({error}): pip install 'placa[dask]'.",
                package="distributed",
                reason=str(error),
            ) from error
        # What it logs is said here in a sentence, where it matters.
        for name in ("distributed", "asyncio", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        # A client that could not connect says good-bye when it is collected, under a lock that making another holds:
        # collected in the midst of that, it would wait for ever.
        gc.collect()
        self._address = address
        self._threads, self._looked = 0, 0.0
        try:
            with warnings.catch_warnings():
                # Versions that matter are compared with each item.
                warnings.simplefilter("ignore")
                self._client: Any = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except Exception as error:
            # An address that is none, a port where something else listens: each raises something else.
            reason = " ".join(str(error).split()) or type(error).__name__
            raise SchedulerNotFoundError(
                f"No Dask scheduler answers at {address} ({reason[:200]}): start one with dask scheduler, and name the "
                "address that it prints.",
                address=address,
                reason=reason,
            ) from error
        try:
            self._client.wait_for_workers(1, timeout=WORKERLESS_SECONDS)
        except TimeoutError as error:
            self._close()
            raise self._no_worker() from error
        progress.say(f"Dask at {address}: {self._count_threads()} threads of {len(self._client.nthreads())} workers")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        # A scheduler that is gone cannot be told good-bye.
        with suppress(Exception):
            self._client.close(timeout=2)

    def map_in_order(
        self, function: Callable[[Item], Result], items: Iterable[Item], ahead: int | None = None
    ) -> Iterator[Result]:
        """See `placa.core.executors.Executor.map_in_order`.

        Raises:
            PlacaError: A worker has other packages or no placa, or died of the same items several times.
            ClusterLostError: The scheduler went away, or the last worker, and no other came.
        """
        pending: deque[Any] = deque()
        rest = iter(items)
        more = True
        try:
            while True:
                room = (ahead or _AHEAD * self._count_threads()) - len(pending)
                while more and (room > 0 or not pending):
                    more, room = self._submit(function, rest, pending), room - 1
                if not pending:
                    return
                yield self._result(pending.popleft())
        finally:
            with suppress(Exception):
                self._client.cancel(list(pending))

    def _submit(self, function: Callable[[Item], Result], rest: Iterator[Item], pending: deque[Any]) -> bool:
        for item in rest:
            try:
                # Not pure: the same files may have changed since the cluster last saw them.
                pending.append(self._client.submit(_on_worker, function, item, versions(), pure=False))
            except Exception as error:
                raise self._gone(error) from error
            return True
        return False

    def _result(self, future: Any) -> Any:
        killed = import_module("distributed").KilledWorker
        workerless = 0.0
        while True:
            try:
                return future.result(timeout=_LOOK)
            except TimeoutError:
                workerless = 0.0 if self._count_threads() else workerless + _LOOK
                if workerless >= WORKERLESS_SECONDS:
                    raise self._no_worker() from None
            except PlacaError:
                raise
            except (CancelledError, asyncio.CancelledError) as error:
                raise self._gone(error) from error
            except killed as error:
                raise WorkerDiedError(
                    f"Several workers of the Dask cluster at {self._address} died of the same files ({error}): look "
                    "at a worker's log; most often it has too little memory.",
                    address=self._address,
                    reason=str(error),
                ) from error
            except ImportError as error:
                raise WorkerMismatchError(
                    f"A worker of the Dask cluster at {self._address} has no placa like this one ({error}): install "
                    "the same version there.",
                    worker=self._address,
                    package="placa",
                    version=None,
                    expected=versions().get("placa"),
                ) from error

    def _count_threads(self) -> int:
        if time.monotonic() - self._looked > _LOOK / 2:
            try:
                self._threads = sum(self._client.nthreads().values())
            except Exception as error:
                raise self._gone(error) from error
            self._looked = time.monotonic()
        return self._threads

    def _gone(self, error: BaseException) -> ClusterLostError:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        message = f"The Dask scheduler at {self._address} went away ({said}): start it, and try again."
        return ClusterLostError(message, address=self._address, reason=said)

    def _no_worker(self) -> ClusterLostError:
        return ClusterLostError(
            f"The Dask scheduler at {self._address} has had no worker for {WORKERLESS_SECONDS:.0f} seconds: start some "
            f"with dask worker {self._address}, and try again.",
            address=self._address,
            reason="no worker",
            seconds=WORKERLESS_SECONDS,
        )
