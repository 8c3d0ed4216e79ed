"""Download the files of a data set: check the options and the disk, then fetch, verify and extract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rich import filesize

import placa
from placa.core.files import explain_os_error, require_writable
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
    files: Sequence[RemoteFile],
    server: str,
    to: Path,
    base_url: str | None,
    only: str | Iterable[str] | None,
    jobs: int,
    keep_archives: bool,
    progress: Progress,
    retry_policy: RetryPolicy | None,
) -> list[Path]:
    """Download files; see `placa.sources.download.nih.download_nih`.

    Args:
        files: The files.
        server: The name of their server, for messages.
        to: The directory to create or to complete.
        base_url: A mirror with all files under their names; by default the address of each.
        only: Groups or names of files; everything by default.
        jobs: The number of simultaneous transfers.
        keep_archives: Whether archives are kept after extraction.
        progress: Where progress is reported.
        retry_policy: The limits for repeated requests.

    Returns:
        The created files and folders; empty if everything existed.
    """
    from placa.sources.download.tasks import DownloadOptions, lock_directory, run_tasks

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
    try:
        to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os_error(error, to) from error
    missing = sum(task.file.size - task.fetched for task in tasks)
    server = public_url(base_url) if base_url else server
    progress.stage(f"Downloading {filesize.decimal(missing)} from {server}, number of files: {len(tasks)}")
    with lock_directory(to):
        # Another download may have ended in the meantime.
        known = {task.file.name: task.file for task in tasks}
        tasks = [replace(task, file=known.get(task.file.name, task.file)) for task in plan(to, chosen)[0]]
        run_tasks(to, tasks, DownloadOptions(base_url, jobs, keep_archives, retry_policy), progress)
    made = [to / (task.file.stem if task.file.images else task.file.name) for task in tasks]
    # An optional file may be missing.
    return [path for path in made if path.exists()]


def _with_size(task: Task, base_url: str | None, retry_policy: RetryPolicy | None) -> Task:
    """Ask the server for the size of a file that has no known one."""
    if task.file.editions or task.archive:
        return task
    from placa.sources.download.tasks import DownloadOptions

    address = DownloadOptions(base_url, 1, False).address(task.file)
    size = _stated_size(task.file, address, retry_policy)
    return replace(task, file=replace(task.file, editions=(Edition(size, None),)))


def _stated_size(file: RemoteFile, url: str, retry_policy: RetryPolicy | None = None) -> int:
    """Ask a server for the size of a file, in bytes.

    Raises:
        HttpStatusError: The server refused the file.
        TransferError: The server cannot be reached, or does not state the size.
        BaseUrlError: `url` is not an address.
    """
    # Requests takes a tenth of a second to import.
    import requests

    from placa.sources.download.fetch import RetryPolicy
    from placa.sources.download.responses import RetryError, content_length, network_failure, require_file

    timeout = (retry_policy or RetryPolicy()).timeout
    headers = {"Accept-Encoding": "identity", "User-Agent": f"placa/{placa.__version__}"}
    reason, code = "the server does not state its size", "size"
    try:
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
            require_file(file, public_url(url), response.status_code, response.headers)
            if size := content_length(response.headers):
                return size
    except requests.exceptions.InvalidURL as error:
        message = f"{public_url(url)} is not a valid address. Check --base-url."
        raise BaseUrlError(message, url=public_url(url)) from error
    except requests.RequestException as error:
        reason, code = network_failure(error)
    except RetryError as error:
        reason, code = str(error), error.code
    raise TransferError(
        f"Cannot download {file.name} from {public_url(url)}: {reason}. Try again later, or name another --base-url.",
        file=file.name,
        url=public_url(url),
        attempts=1,
        reason=code,
        received=0,
    )
