"""Download one file over HTTP: interrupted transfers are resumed, and the file is verified before it is renamed."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import placa
from placa.core.files import explain_os_error
from placa.core.progress import SILENT, Advance, Progress
from placa.sources.download.errors import BaseUrlError, ChecksumError, TransferError
from placa.sources.download.part import Part
from placa.sources.download.remote import RemoteFile, Stopped
from placa.sources.download.responses import (
    RestartError,
    RetryError,
    UnreliableRangeError,
    file_size_error,
    first_byte,
    format_progress,
    if_range_validator,
)

if TYPE_CHECKING:
    from requests import Response, Session

_BLOCK = 1 << 18
#: The block size for urllib3 before 2.1.
_SMALL_BLOCK = 1 << 14
#: A gain of this many bytes, or of a twentieth of a small file, resets the count of failures.
_MIN_PROGRESS = 1 << 20


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
    """

    attempts: int = 6
    pause: float = 1.0
    longest_pause: float = 60.0
    timeout: tuple[float, float] = (15.0, 30.0)


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
    import requests

    with requests.Session() as session:
        work = _Fetch(
            file, url, Part(target), advance, stop or threading.Event(), retry_policy or RetryPolicy(), progress
        )
        try:
            work.run(session)
        except OSError as error:
            raise explain_os_error(error, target) from error


class _Fetch:
    def __init__(
        self,
        file: RemoteFile,
        url: str,
        part: Part,
        advance: Advance | None,
        stop: threading.Event,
        retry_policy: RetryPolicy,
        progress: Progress,
    ) -> None:
        self._file, self._url, self._part = file, url, part
        self._advance, self._stop, self._retry_policy, self._progress = advance, stop, retry_policy, progress
        self._ranges = True
        # Bytes of several responses may not belong together; those of one response do.
        self._resumed = part.size > 0
        self._failures = 0
        self._longest = part.size

    def run(self, session: Session) -> None:
        while True:
            try:
                if self._part.size > max(self._file.sizes):
                    raise RestartError("the local part is longer than the file", "size")
                if self._part.size not in self._file.sizes:
                    self._receive(session)
                if self._file.matches(self._part.path, self._check_stop):
                    self._part.finish()
                    return
                self._reject_contents()
            except RetryError as error:
                self._wait(str(error), error.code, error.after)
            except RestartError as error:
                self._ranges = self._ranges and not isinstance(error, UnreliableRangeError)
                self._start_over()
                self._wait(f"{error}; starting over", error.code, None)

    def _reject_contents(self) -> None:
        patched = self._resumed
        self._start_over()
        if patched:
            raise UnreliableRangeError("the parts do not match: the checksum is wrong", "checksum")
        raise ChecksumError(
            f"The checksum of {self._file.name} from {self._url} is wrong: the file is damaged or another version. "
            "Try again later, or name another --base-url.",
            file=self._file.name,
            url=self._url,
        )

    def _receive(self, session: Session) -> None:
        offset = self._part.size
        if offset and not self._ranges:
            self._start_over()
            offset = 0
        with self._request(session, offset) as response:
            start = first_byte(self._file, self._url, response.status_code, response.headers, offset)
            self._require_same_version(response, start)
            if start < offset:
                self._start_over()
            self._resumed = start > 0
            self._part.save_origin(self._url, if_range_validator(response.headers))
            self._store(response, start)
        if self._part.size not in self._file.sizes:
            raise RetryError("the response ended early", "cut")

    def _request(self, session: Session, offset: int) -> Response:
        import requests

        # The archive must not be decompressed during the transfer.
        headers = {"Accept-Encoding": "identity", "User-Agent": f"placa/{placa.__version__}"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            validator = self._part.validator(self._url)
            if validator:
                headers["If-Range"] = validator
        self._check_stop()
        try:
            return session.get(self._url, headers=headers, stream=True, timeout=self._retry_policy.timeout)
        except requests.exceptions.InvalidURL as error:
            raise BaseUrlError(
                f"{self._url} is not a valid address ({error}). Check --base-url.", url=self._url
            ) from error
        except requests.RequestException as error:
            raise RetryError(*_network_failure(error)) from error

    def _require_same_version(self, response: Response, start: int) -> None:
        known, now = self._part.validator(self._url), if_range_validator(response.headers)
        if start and known and now and known[0] == now[0] == '"' and known != now:
            raise RestartError("the file has changed on the server", "version")

    def _store(self, response: Response, start: int) -> None:
        position = start
        with self._part.open_at(start) as output:
            while block := self._next_block(response):
                position += len(block)
                if position > max(self._file.sizes):
                    self._start_over()
                    raise file_size_error(self._file, self._url, position)
                output.write(block)
                self._report(len(block))
                self._check_stop()

    def _next_block(self, response: Response) -> bytes:
        from urllib3.exceptions import HTTPError

        try:
            # read1 returns the bytes received so far; read would lose up to a block when the connection breaks.
            if hasattr(response.raw, "read1"):
                return bytes(response.raw.read1(_BLOCK, decode_content=False))
            return bytes(response.raw.read(_SMALL_BLOCK, decode_content=False))
        except (HTTPError, OSError) as error:
            # This code does not write to the disk, so an OSError is a network error.
            raise RetryError(*_network_failure(error)) from error

    def _start_over(self) -> None:
        self._report(-self._part.size)
        self._part.delete()

    def _report(self, steps: int) -> None:
        if self._advance is not None and steps:
            self._advance(steps, self._file.name)

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _wait(self, reason: str, code: str, retry_after: float | None) -> None:
        received = self._part.size
        if received - self._longest >= min(_MIN_PROGRESS, self._file.size / 20):
            self._failures = 0
        # Only new bytes count; otherwise a server that always restarts would never reach the limit.
        self._longest = max(self._longest, received)
        self._failures += 1
        if self._failures >= self._retry_policy.attempts:
            raise TransferError(
                f"Cannot download {self._file.name} from {self._url} in {self._failures} attempts: {reason} "
                f"({format_progress(received, self._file)} received). Check the connection and run the same command: "
                "the download continues where it stopped.",
                file=self._file.name,
                url=self._url,
                attempts=self._failures,
                reason=code,
                received=received,
            )
        pause = min(self._retry_policy.longest_pause, self._retry_policy.pause * 2 ** (self._failures - 1))
        pause = max(pause * random.uniform(0.75, 1.25), retry_after or 0.0)
        self._progress.say(
            f"{self._file.name}: {reason}; {format_progress(received, self._file)} received, retry in {pause:.0f} s"
        )
        if self._stop.wait(pause):
            raise Stopped


def _network_failure(error: Exception) -> tuple[str, str]:
    """Describe a network failure, in words and as a code."""
    text = f"{type(error).__name__} {error}"
    for sign, words, code in (
        ("NameResolution", "the server name cannot be resolved (is this machine online?)", "host"),
        ("SSL", "the secure connection failed", "TLS"),
        ("IncompleteRead", "the connection was interrupted", "cut"),
        ("RemoteDisconnected", "the server closed the connection", "cut"),
        ("reset", "the connection was interrupted", "cut"),
        ("refused", "the server refused the connection", "refused"),
        ("imed out", "the server did not respond in time", "timeout"),
        ("imeout", "the server did not respond in time", "timeout"),
    ):
        if sign in text:
            return words, code
    return f"the connection failed ({type(error).__name__})", "connection"
