"""Download one file over HTTP: interrupted transfers are resumed, and the file is verified before it is renamed."""

from __future__ import annotations

import math
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import requests
from rich import filesize
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError
from urllib3.util.retry import Retry

import placa
from placa.core.files import explain_os_errors
from placa.core.progress import SILENT, Advance, Progress
from placa.sources.download.errors import BaseUrlError, ChecksumError, RetryLaterError, TransferError
from placa.sources.download.interrupt import TooSlowError, call_until_stopped
from placa.sources.download.part import Part
from placa.sources.download.remote import RemoteFile, Stopped, check_stop, public_url
from placa.sources.download.responses import (
    RestartError,
    RetryError,
    UnreliableRangeError,
    file_size_error,
    first_byte,
    if_range_validator,
    network_failure,
)

_BLOCK = 1 << 18
#: A gain of this many bytes, or of a twentieth of a small file, resets the count of failures.
_MIN_PROGRESS = 1 << 20
#: The longest pause in seconds that placa waits for a server; a longer one is left to the user.
_MAX_RETRY_AFTER = 600.0


@dataclass(frozen=True)
class RetryPolicy:
    """Hold the limits for repeated requests.

    Args:
        attempts: The number of failures in a row after which the download fails, 1 or more; a substantial gain of bytes
            resets the count.
        pause: Seconds before the second attempt; doubled for each later one, and varied by a quarter so that several
            downloads do not retry at the same time.
        longest_pause: The longest pause in seconds, except one that the server requests.
        timeout: Seconds to wait for a connection, and for the next bytes.
        headers: Seconds to wait for the complete headers of a response.
        slowest: Seconds, and the bytes that must arrive in them; a slower transfer is repeated.
    """

    attempts: int = 6
    pause: float = 1.0
    longest_pause: float = 60.0
    timeout: tuple[float, float] = (15.0, 30.0)
    headers: float = 60.0
    slowest: tuple[float, int] = (60.0, 1 << 16)


def fetch(
    file: RemoteFile,
    url: str,
    target: Path,
    advance: Advance | None = None,
    stop: threading.Event | None = None,
    retry_policy: RetryPolicy | None = None,
    progress: Progress = SILENT,
) -> None:
    """Download `file` from `url` to `target`.

    Bytes are written to ``TARGET.part``, which is kept and resumed if the download is interrupted. ``If-Range``
    (RFC 9110, section 13.1.5) prevents parts of two versions from being mixed, and the digest verifies the result.

    Args:
        file: The file, with its size and digest.
        url: Its HTTP or HTTPS address.
        target: The output path; it exists only when the file is complete and verified.
        advance: Receives the number of new bytes; a negative number if a part is deleted.
        stop: An event that stops the download.
        retry_policy: The limits for repeated requests.
        progress: Where interruptions are reported.

    Raises:
        HttpStatusError: The server refused the file.
        FileSizeError: The server's file has another size.
        ChecksumError: The server's file has another checksum.
        TransferError: All attempts failed.
        RetryLaterError: The server requested a long pause.
        BaseUrlError: `url` is not an address.
        Stopped: `stop` was set.
    """
    stop, retry_policy = stop or threading.Event(), retry_policy or RetryPolicy()
    with explain_os_errors(target):
        _Fetch(file, url, Part(target), advance, stop, retry_policy, progress).run()


@dataclass
class _Fetch:
    file: RemoteFile
    address: str
    part: Part
    advance: Advance | None
    stop: threading.Event
    retry_policy: RetryPolicy
    progress: Progress

    def __post_init__(self) -> None:
        # The address may contain a password, which is neither shown nor stored.
        self.url = public_url(self.address)
        self._ranges = True
        # Bytes of several responses may not belong together; those of one response do.
        self._resumed = self.part.size > 0
        self._longest = self.part.size
        self._retries = self._all_retries()

    def run(self) -> None:
        with requests.Session() as session:
            while True:
                try:
                    if self.part.size > max(self.file.sizes):
                        raise RestartError("the local part is longer than the file", "size")
                    if self.part.size not in self.file.sizes:
                        self._receive(session)
                    if self.file.matches(self.part.path, self._check_stop):
                        self.part.finish()
                        return
                    self._reject_contents()
                except RetryError as error:
                    self._retry(error)

    def _reject_contents(self) -> None:
        patched = self._resumed
        self._start_over()
        if patched:
            raise UnreliableRangeError("the parts do not match: the checksum is wrong", "checksum")
        raise ChecksumError(
            f"The checksum of {self.file.name} from {self.url} is wrong: the file is damaged or another version. "
            "Try again later, or name another --base-url.",
            file=self.file.name,
            url=self.url,
        )

    def _receive(self, session: requests.Session) -> None:
        if not self._ranges:
            self._start_over()
        offset = self.part.size
        with self._request(session, offset) as response:
            start = first_byte(self.file, self.url, response.status_code, response.headers, offset)
            validator = if_range_validator(response.headers)
            known = self.part.validator(self.url)
            if start and known and validator and known[0] == validator[0] == '"' and known != validator:
                raise RestartError("the file has changed on the server", "version")
            if start < offset:
                self._start_over()
            self._resumed = start > 0
            self.part.save_origin(self.url, validator)
            self._store(response, start)
        if self.part.size not in self.file.sizes:
            raise RetryError("the response ended early", "cut")

    def _request(self, session: requests.Session, offset: int) -> requests.Response:
        headers = {}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if validator := self.part.validator(self.url):
                headers["If-Range"] = validator
        self._check_stop()
        return open_response(session, self.address, headers, self.retry_policy, self.stop)

    def _store(self, response: requests.Response, start: int) -> None:
        position = start
        seconds, least = self.retry_policy.slowest
        until, mark = time.monotonic() + seconds, start
        with self.part.open_at(start) as output:
            while block := _next_block(response):
                position += len(block)
                if position > max(self.file.sizes):
                    self._start_over()
                    raise file_size_error(self.file, self.url, position)
                output.write(block)
                if time.monotonic() > until:
                    if position - mark < least:
                        raise RetryError("the server sends too slowly", "slow")
                    until, mark = time.monotonic() + seconds, position
                self._report(len(block))
                self._check_stop()

    def _start_over(self) -> None:
        self._report(-self.part.size)
        self.part.delete()

    def _report(self, steps: int) -> None:
        if self.advance is not None and steps:
            self.advance(steps, self.file.name)

    def _check_stop(self) -> None:
        check_stop(self.stop)

    def _all_retries(self) -> Retry:
        policy = self.retry_policy
        retries = Retry(total=policy.attempts - 1, backoff_factor=policy.pause, backoff_max=policy.longest_pause)
        # Some versions of urllib3 shorten a requested pause to six hours.
        retries.retry_after_max = math.inf  # type: ignore[assignment]
        return retries

    def _retry(self, error: RetryError) -> None:
        if isinstance(error, RestartError):
            self._ranges = self._ranges and not isinstance(error, UnreliableRangeError)
            self._start_over()
        requested = self._requested_pause(error.retry_after)
        attempts = self.retry_policy.attempts
        received = f"{filesize.decimal(self.part.size)} of {filesize.decimal(self.file.size)} received"
        if self.part.size - self._longest >= min(_MIN_PROGRESS, self.file.size / 20):
            self._retries = self._all_retries()
        # Only new bytes count; otherwise a server that always restarts would never reach the limit.
        self._longest = max(self._longest, self.part.size)
        try:
            self._retries = self._retries.increment(error=error)
        except MaxRetryError:
            raise TransferError(
                f"Cannot download {self.file.name} from {self.url} in {attempts} attempts: {error} ({received}). "
                "Check the connection and run the same command: the download continues where it stopped.",
                file=self.file.name,
                url=self.url,
                attempts=attempts,
                reason=error.code,
                received=self.part.size,
            ) from error
        # urllib3 does not wait after the first failure.
        pause = (self._retries.get_backoff_time() or self.retry_policy.pause) * random.uniform(0.75, 1.25)
        pause = max(pause, requested)
        self.progress.say(f"{self.file.name}: {error}; {received}, retry in {pause:.0f} s")
        if self.stop.wait(pause):
            raise Stopped

    def _requested_pause(self, retry_after: str) -> float:
        try:
            seconds = self._retries.parse_retry_after(retry_after)
        except InvalidHeader:
            return 0.0
        if seconds > _MAX_RETRY_AFTER:
            raise RetryLaterError(
                f"The server requests a pause of {seconds / 60:.0f} minutes before {self.file.name}. "
                "Run the same command then; the download continues where it stopped.",
                file=self.file.name,
                seconds=round(seconds),
            )
        return seconds


def open_response(
    session: requests.Session, address: str, headers: dict[str, str], policy: RetryPolicy, stop: threading.Event
) -> requests.Response:
    """Request a file, and return the response when its headers are complete.

    Raises:
        RetryError: The server cannot be reached, or is too slow.
        BaseUrlError: `address` is not an address.
        Stopped: `stop` was set.
    """
    # The archive must not be decompressed during the transfer.
    headers = {"Accept-Encoding": "identity", "User-Agent": f"placa/{placa.__version__}", **headers}
    try:
        return call_until_stopped(
            lambda: session.get(address, headers=headers, stream=True, timeout=policy.timeout), stop, policy.headers
        )
    except TooSlowError as error:
        raise RetryError("the server did not respond in time", "timeout") from error
    except requests.exceptions.InvalidURL as error:
        url = public_url(address)
        raise BaseUrlError(f"{url} is not a valid address. Check --base-url.", url=url) from error
    except requests.RequestException as error:
        raise RetryError(*network_failure(error)) from error


def _next_block(response: requests.Response) -> bytes:
    try:
        # read1 returns the bytes received so far; read would lose up to a block when the connection breaks.
        return bytes(response.raw.read1(_BLOCK, decode_content=False))
    except (HTTPError, OSError) as error:
        # This code does not write to the disk, so an OSError is a network error.
        raise RetryError(*network_failure(error)) from error
