"""Fetch and extract several files at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from placa.core.errors import PlacaError
from placa.core.files import held
from placa.core.progress import Advance, Progress
from placa.sources.download.errors import PathInUseError, SeveralFilesError
from placa.sources.download.extract import extract
from placa.sources.download.fetch import Patience, fetch
from placa.sources.download.plan import Task
from placa.sources.download.remote import RemoteFile, Stopped

_FETCHED, _EXTRACTED = "fetched", "extracted"


@dataclass(frozen=True)
class Manner:
    """How to go about it.

    Args:
        base_url: A mirror that has each file under its name; None for each file's own address.
        jobs: Files at a time.
        keep_archives: Whether an archive stays once it is extracted.
        patience: How long to put up with a server.
    """

    base_url: str | None
    jobs: int
    keep_archives: bool
    patience: Patience

    def address(self, file: RemoteFile) -> str:
        """Where to fetch a file from."""
        return f"{self.base_url.rstrip('/')}/{file.name}" if self.base_url else file.url


def work(to: Path, tasks: list[Task], manner: Manner, progress: Progress) -> None:
    """Do all tasks. One that fails does not keep the others from ending well.

    Raises:
        PlacaError: A file that is not optional could not be had.
        KeyboardInterrupt: Ctrl-C; parts stay to be resumed, and no half-extracted folder does.
    """
    stop = threading.Event()
    bars = {_FETCHED: sum(max(0, task.file.size - task.fetched) for task in tasks)}
    if any(task.file.images for task in tasks):
        bars[_EXTRACTED] = sum(task.file.size for task in tasks if task.file.images)
    failures: dict[str, PlacaError] = {}
    with progress.byte_bars(bars) as advances, ThreadPoolExecutor(manner.jobs) as pool:
        running = {pool.submit(_do, task, to, manner, advances, stop, progress): task for task in tasks}
        try:
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    task = running.pop(future)
                    try:
                        future.result()
                    except PlacaError as error:
                        if task.file.optional:
                            progress.warn(f"{error} placa does without this file.")
                        else:
                            failures[task.file.name] = error
        except BaseException:
            # Without this, leaving the pool's block would wait for gigabytes.
            stop.set()
            pool.shutdown(cancel_futures=True)
            progress.say(f"what has come of a file stays in {to} as NAME.part; the same command goes on from there")
            raise
    if failures:
        errors = list(failures.values())
        if len(errors) == 1:
            raise errors[0]
        raise SeveralFilesError(
            f"{errors[0]} ({len(errors) - 1} more could not be had either.)",
            files=sorted(failures),
            errors=sorted({type(error).__name__ for error in errors}),
        )


def _do(
    task: Task, to: Path, manner: Manner, advances: dict[str, Advance], stop: threading.Event, progress: Progress
) -> None:
    file, target = task.file, to / task.file.name
    if not task.archive:
        fetch(file, manner.address(file), target, advances[_FETCHED], stop, manner.patience, progress)
    elif not file.matches(target, _stopper(stop)):
        raise PathInUseError(
            f"{target} is there and is not the archive expected: delete it and give the same command again.",
            path=str(target),
        )
    if file.images:
        extract(target, to / file.stem, file, advances[_EXTRACTED], stop)
        if not manner.keep_archives:
            target.unlink()


def _stopper(stop: threading.Event) -> Callable[[], None]:
    def check() -> None:
        if stop.is_set():
            raise Stopped

    return check


@contextmanager
def only_one(to: Path) -> Iterator[None]:
    """Hold a directory for this download: two that write the same parts would spoil both.

    Raises:
        PlacaError: Another download is at work there.
    """
    busy = f"Another download is at work in {to}: wait for it, or choose another --to."
    with (to / ".placa-download.lock").open("w") as lock, held(lock, busy):
        yield
