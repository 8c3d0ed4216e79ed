"""A Dask cluster as an executor: https://distributed.dask.org.

Workers receive the names of files, not their content: they need the same disk at the same path, and the same packages.
The worker checks both with each item, so workers that join late are checked too.
"""

from __future__ import annotations

import gc
import logging
import platform
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from typing import Any, Self

from placa.core import system
from placa.core.errors import (
    ClusterLostError,
    MissingPackageError,
    PlacaError,
    SchedulerAddressError,
    SchedulerNotFoundError,
    WorkerDiedError,
    WorkerMismatchError,
)
from placa.core.executors.futures import Item, Result, map_futures
from placa.core.progress import SILENT, Progress

#: Seconds to wait for a reply of the scheduler, and for a worker.
CONNECT_SECONDS = 20.0
WORKERLESS_SECONDS = 60.0
#: Seconds between two counts of the workers.
_POLL_SECONDS = 5.0
#: Items in progress per thread of the cluster: one that runs, and some that wait on the worker.
_AHEAD = 4
#: An address with a port; a scheduler inside this process has none.
_ADDRESS = re.compile(r"inproc://.+|([a-z]+://)?(\[[^]]+\]|[^:/\s]+):\d+/?")


@cache
def versions() -> dict[str, str]:
    """Return the versions, in this process, of the packages that determine pixels and model outputs."""
    return {**system.versions(), "python": ".".join(platform.python_version_tuple()[:2])}


def _on_worker(function: Callable[[Item], Result], wanted: dict[str, str], item: Item) -> Result:
    here = versions()
    for name in sorted(wanted.keys() | here.keys()):
        if wanted.get(name) != here.get(name):
            raise WorkerMismatchError(
                f"The Dask worker {_name()} has {name} {here.get(name, '(not installed)')}, but this process has "
                f"{wanted.get(name, 'none')}. Install the same packages on both (requirements.lock).",
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
    """An executor on the workers of a Dask scheduler.

    If a worker dies, the other workers process its unfinished items.

    Args:
        address: Address of the scheduler, ``tcp://host:8786`` or ``host:8786``.
        progress: Receives a message with the number of workers and threads.

    Raises:
        SchedulerAddressError: The address has no port.
        MissingPackageError: distributed is not installed.
        SchedulerNotFoundError: No scheduler replies at `address`.
        ClusterLostError: The scheduler has no worker.
    """

    chunk = 16
    shares_memory = False

    def __init__(self, address: str, progress: Progress = SILENT) -> None:
        if not _ADDRESS.fullmatch(address):
            raise SchedulerAddressError(
                f"The address of a Dask scheduler must be HOST:PORT, such as tcp://node1:8786, got {address!r}. Pass "
                "the address that dask scheduler prints.",
                address=address,
            )
        try:
            distributed = import_module("distributed")
        except ImportError as error:
            raise MissingPackageError(
                f"A Dask cluster needs a package that is not installed ({error}). Run pip install 'placa[dask]'.",
                package="distributed",
                reason=str(error),
            ) from error
        # The errors below replace these log messages.
        for name in ("distributed", "asyncio", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        # Garbage collection closes a client that failed to connect, under a lock that creating a client also takes.
        # Collecting it now avoids the deadlock.
        gc.collect()
        self._address = address
        self._threads, self._looked = 0, 0.0
        try:
            with warnings.catch_warnings():
                # The worker compares the relevant versions with each item.
                warnings.simplefilter("ignore")
                self._client: Any = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except Exception as error:
            # The exception depends on the fault: an invalid address, a port of another service.
            reason = " ".join(str(error).split()) or type(error).__name__
            raise SchedulerNotFoundError(
                f"No Dask scheduler replies at {address} ({reason[:200]}). Start one with dask scheduler, and pass the "
                "address that it prints.",
                address=address,
                reason=reason,
            ) from error
        try:
            self._client.wait_for_workers(1, timeout=WORKERLESS_SECONDS)
        except TimeoutError as error:
            self._close()
            raise self._no_worker() from error
        # Not pure: files may have changed since the cluster last read them.
        self._executor = self._client.get_executor(pure=False)
        progress.say(f"Dask at {address}: {self._count_threads()} threads of {len(self._client.nthreads())} workers")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        # The scheduler may have disappeared.
        with suppress(Exception):
            self._client.close(timeout=2)

    def map_in_order(
        self, function: Callable[[Item], Result], items: Iterable[Item], ahead: int | None = None
    ) -> Iterator[Result]:
        """See `placa.core.executors.Threads.map_in_order`.

        Raises:
            WorkerMismatchError: A worker has other packages or no placa.
            WorkerDiedError: Several workers died of the same items.
            ClusterLostError: The scheduler or the last worker disappeared.
        """
        task = partial(_on_worker, function, versions())

        def submit(item: Item) -> Future[Result]:
            try:
                future: Future[Result] = self._executor.submit(task, item)
            except Exception as error:
                raise self._lost(error) from error
            return future

        yield from map_futures(submit, items, lambda: ahead or _AHEAD * self._count_threads(), self._result)

    def _result(self, future: Future[Result]) -> Result:
        killed = import_module("distributed").KilledWorker
        workerless = 0.0
        while True:
            try:
                return future.result(timeout=_POLL_SECONDS)
            except TimeoutError:
                workerless = 0.0 if self._count_threads() else workerless + _POLL_SECONDS
                if workerless >= WORKERLESS_SECONDS:
                    raise self._no_worker() from None
            except PlacaError:
                raise
            except CancelledError as error:
                raise self._lost(error) from error
            except killed as error:
                raise WorkerDiedError(
                    f"Several workers of the Dask cluster at {self._address} died of the same files ({error}). Check "
                    "the log of a worker; the usual cause is too little memory.",
                    address=self._address,
                    reason=str(error),
                ) from error
            except ImportError as error:
                raise WorkerMismatchError(
                    f"A worker of the Dask cluster at {self._address} cannot import placa ({error}). Install "
                    f"placa {versions().get('placa')} there.",
                    worker=self._address,
                    package="placa",
                    version=None,
                    expected=versions().get("placa"),
                ) from error

    def _count_threads(self) -> int:
        if time.monotonic() - self._looked > _POLL_SECONDS / 2:
            try:
                self._threads = sum(self._client.nthreads().values())
            except Exception as error:
                raise self._lost(error) from error
            self._looked = time.monotonic()
        return self._threads

    def _lost(self, error: BaseException) -> ClusterLostError:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        message = f"The Dask scheduler at {self._address} disappeared ({reason}). Start it and try again."
        return ClusterLostError(message, address=self._address, reason=reason)

    def _no_worker(self) -> ClusterLostError:
        return ClusterLostError(
            f"The Dask scheduler at {self._address} had no worker for {WORKERLESS_SECONDS:.0f} s. Start workers with "
            f"dask worker {self._address} and try again.",
            address=self._address,
            reason="no worker",
            seconds=WORKERLESS_SECONDS,
        )
