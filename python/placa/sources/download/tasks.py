"""Download and extract several files at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from placa.core.errors import PlacaError
from placa.core.progress import Progress
from placa.sources.download.errors import PathInUseError, SeveralFilesError
from placa.sources.download.extract import extract
from placa.sources.download.fetch import RetryPolicy, fetch
from placa.sources.download.interrupt import call_until_stopped
from placa.sources.download.plan import Task
from placa.sources.download.remote import check_stop

_FETCHED, _EXTRACTED = "fetched", "extracted"


def run_tasks(
    to: Path,
    tasks: list[Task],
    base_url: str | None,
    jobs: int,
    keep_archives: bool,
    retry_policy: RetryPolicy | None,
    progress: Progress,
) -> None:
    """Run all tasks; see `placa.sources.download.download.download_files`. A failed task does not stop the others.

    Raises:
        PlacaError: The error of a required file.
        SeveralFilesError: Several required files failed.
        KeyboardInterrupt: Ctrl-C; partial downloads are kept, partial folders are deleted.
    """
    stop = threading.Event()
    bars = {_FETCHED: sum(max(0, task.file.size - task.fetched) for task in tasks)}
    if any(task.file.images for task in tasks):
        bars[_EXTRACTED] = sum(task.file.size for task in tasks if task.file.images)
    failures: dict[str, PlacaError] = {}
    with progress.byte_bars(bars) as advances, ThreadPoolExecutor(jobs) as pool:

        def run(task: Task) -> None:
            target = to / task.file.name
            if not task.archive:
                url, advance = task.file.address(base_url), advances[_FETCHED]
                # A server that sends a byte now and then must not delay Ctrl-C.
                call_until_stopped(lambda: fetch(task.file, url, target, advance, stop, retry_policy, progress), stop)
            elif not task.file.matches(target, partial(check_stop, stop)):
                raise PathInUseError(
                    f"{target} exists and is not the expected archive. Delete it and run the same command again.",
                    path=str(target),
                )
            if task.file.images:
                extract(target, to / task.file.stem, task.file, advances[_EXTRACTED], stop)
                if not keep_archives:
                    target.unlink()

        running = {pool.submit(run, task): task for task in tasks}
        try:
            for future in as_completed(running):
                try:
                    future.result()
                except PlacaError as error:
                    if running[future].file.optional:
                        progress.warn(f"{error} This file is optional; the download continues.")
                    else:
                        failures[running[future].file.name] = error
        except BaseException:
            # Otherwise the pool would wait for the transfers to end.
            stop.set()
            pool.shutdown(cancel_futures=True)
            progress.say(f"partial files are kept in {to} as NAME.part; run the same command to continue")
            raise
    if failures:
        errors = list(failures.values())
        if len(errors) == 1:
            raise errors[0]
        raise SeveralFilesError(
            f"{errors[0]} ({len(errors) - 1} more files failed.)",
            files=sorted(failures),
            errors=sorted({type(error).__name__ for error in errors}),
        )
