"""Download the files of a data set: check the options and the disk, then fetch, verify and extract."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rich import filesize

from placa.core.files import explain_os_errors, locked, require_writable
from placa.core.progress import Progress
from placa.sources.download.errors import BaseUrlError, JobCountError, PathInUseError, TransferError
from placa.sources.download.plan import Task, choose, plan, require_space
from placa.sources.download.remote import Edition, RemoteFile, public_url

if TYPE_CHECKING:
    from placa.sources.download.fetch import RetryPolicy

#: Simultaneous transfers. More are hardly faster, and load a public server.
DEFAULT_JOBS = 3
MOST_JOBS = 8


def download_files(
    to: Path,
    base_url: str | None,
    only: str | Iterable[str] | None,
    jobs: int,
    keep_archives: bool,
    progress: Progress,
    files: Sequence[RemoteFile],
    retry_policy: RetryPolicy | None,
    server: str,
) -> list[Path]:
    """Download the files of a data set in the layout that ``placa prepare`` reads.

    Complete files are not downloaded again; an interrupted download continues with the same call. The checksum of
    every file that has a published one is verified.

    Args:
        to: The directory to create or to complete.
        base_url: A mirror with all files under their names, ``https://host/nih``; by default the address of each.
        only: ``"tables"``, ``"images"``, or names such as ``"images_003"``; everything by default.
        jobs: The number of simultaneous transfers, 1 to 8.
        keep_archives: Whether archives are kept after extraction.
        progress: Where progress is reported.
        files: The files.
        retry_policy: The limits for repeated requests.
        server: The name of the server of the files, for messages.

    Returns:
        The created files and folders; empty if everything existed.

    Raises:
        JobCountError: `jobs` is out of range.
        BaseUrlError: `base_url` is not an address.
        UnknownNameError: A name in `only` is unknown.
        InUseError: Another download uses the directory.
        PathInUseError: Another file or folder exists in place of a file of the data set.
        DiskSpaceError: The disk has too little free space.
        PlacaError: A file cannot be downloaded, verified or extracted.
        KeyboardInterrupt: Ctrl-C; partial downloads are kept, partial folders are deleted.
    """
    from placa.sources.download.tasks import run_tasks

    if not 1 <= jobs <= MOST_JOBS:
        raise JobCountError(
            f"--jobs must be an integer from 1 to {MOST_JOBS}, got {jobs}.",
            jobs=jobs,
            minimum=1,
            maximum=MOST_JOBS,
        )
    if base_url is not None and (urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).netloc):
        raise BaseUrlError(
            f"--base-url must be an address such as https://host/nih, got {public_url(base_url)!r}.",
            url=public_url(base_url),
        )
    chosen = choose(files, only)
    if to.exists() and not to.is_dir():
        raise PathInUseError(f"{to} is a file, not a directory. Choose another --to.", path=str(to))
    # No lock or write access is needed for a complete data set, which may be read-only.
    tasks, existing = plan(to, chosen)
    for folder in existing:
        progress.say(f"{to / folder} is complete; placa did not extract it, and uses it unchanged")
    if not tasks:
        progress.say(f"all requested files exist in {to}: nothing to do")
        return []
    require_writable(to)
    tasks = [_with_size(task, base_url, retry_policy) for task in tasks]
    require_space(to, tasks, jobs, keep_archives)
    with explain_os_errors(to):
        to.mkdir(parents=True, exist_ok=True)
    missing = sum(task.file.size - task.fetched for task in tasks)
    server = public_url(base_url) if base_url else server
    progress.stage(f"Downloading {filesize.decimal(missing)} from {server}, number of files: {len(tasks)}")
    # Two downloads must not write the same files.
    busy = f"Another download is using {to}. Wait for it, or choose another --to."
    with (to / ".placa-download.lock").open("w") as lock, locked(lock, busy):
        # Another download may have ended in the meantime.
        known = {task.file.name: task.file for task in tasks}
        tasks = [replace(task, file=known.get(task.file.name, task.file)) for task in plan(to, chosen)[0]]
        run_tasks(to, tasks, base_url, jobs, keep_archives, retry_policy, progress)
    made = [to / (task.file.stem if task.file.images else task.file.name) for task in tasks]
    # An optional file may be missing.
    return [path for path in made if path.exists()]


def _with_size(task: Task, base_url: str | None, retry_policy: RetryPolicy | None) -> Task:
    """Ask the server for the size of a file that has no known one."""
    if task.file.editions or task.archive:
        return task
    size = _stated_size(task.file, task.file.address(base_url), retry_policy)
    return replace(task, file=replace(task.file, editions=(Edition(size, None),)))


def _stated_size(file: RemoteFile, address: str, retry_policy: RetryPolicy | None) -> int:
    """Ask a server for the size of a file, in bytes.

    Raises:
        HttpStatusError: The server refused the file.
        TransferError: The server cannot be reached, or does not state the size.
        BaseUrlError: `address` is not an address.
    """
    # Requests takes a tenth of a second to import.
    from requests import Session

    from placa.sources.download.fetch import RetryPolicy, open_response
    from placa.sources.download.responses import RetryError, content_length, require_file

    url, failure = public_url(address), RetryError("the server does not state its size", "size")
    policy = retry_policy or RetryPolicy()
    try:
        with Session() as session, open_response(session, address, {}, policy, threading.Event()) as response:
            require_file(file, url, response.status_code, response.headers)
            if size := content_length(response.headers):
                return size
    except RetryError as error:
        failure = error
    raise TransferError(
        f"Cannot download {file.name} from {url}: {failure}. Try again later, or name another --base-url.",
        file=file.name,
        url=url,
        attempts=1,
        reason=failure.code,
        received=0,
    )
