"""Fetch one file over HTTP: resumed where it broke off, verified before it gets its name."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import placa
from placa.core.files import explain_os_error
from placa.core.progress import SILENT, Advance, Progress
from placa.sources.download.answers import (
    DistrustError,
    StaleError,
    TryAgainError,
    another_file,
    first_byte,
    progress_words,
    strong_validator,
)
from placa.sources.download.errors import BaseUrlError, ChecksumError, TransferError
from placa.sources.download.part import Part
from placa.sources.download.remote import RemoteFile, Stopped

if TYPE_CHECKING:
    from requests import Response, Session

_BLOCK = 1 << 18
#: For urllib3 before 2.1.
_SMALL_BLOCK = 1 << 14
#: Bytes that have to be gained for the count of failures to begin anew, or a twentieth of a small file.
_WORTH_IT = 1 << 20


@dataclass(frozen=True)
class Patience:
    """How long to put up with a server.

    Args:
        attempts: How many answers in a row may fail before the file is given up; a good stretch of bytes starts the
            count anew.
        pause: Seconds before the second attempt; doubled for each one after it, and varied by a quarter so that
            several files do not come back at once.
        longest_pause: Seconds that no pause exceeds, but for one that the server asks for.
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
    patience: Patience | None = None,
    progress: Progress = SILENT,
) -> None:
    """Fetch `file` from `url` to `target`.

    Bytes go to ``TARGET.part``, which stays when the work ends early and is gone on from the next time. ``If-Range``
    (RFC 9110, section 13.1.5) keeps parts of two versions apart, and the digest of the whole proves it.

    Args:
        file: What to fetch, with its size and digest.
        url: Where, by http or https.
        target: The file to make; it appears only when it is whole and verified.
        advance: Told how many bytes came; a negative number takes back those of a part that was dropped.
        stop: Set it to end the work early.
        patience: How often and how long to try.
        progress: Where to say that something broke.

    Raises:
        PlacaError: The file is not there, is not the one expected, or did not come after all attempts.
        Stopped: `stop` was set.
    """
    import requests

    with requests.Session() as session:
        work = _Fetch(file, url, Part(target), advance, stop or threading.Event(), patience or Patience(), progress)
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
        patience: Patience,
        progress: Progress,
    ) -> None:
        self._file, self._url, self._part = file, url, part
        self._advance, self._stop, self._patience, self._progress = advance, stop, patience, progress
        self._ranges = True
        # Bytes of several answers may not belong together; those of one answer do.
        self._patched = part.size > 0
        self._failures = 0
        self._best = part.size

    def run(self, session: Session) -> None:
        while True:
            try:
                if self._part.size > max(self._file.sizes):
                    raise StaleError("more bytes are here than the file has", "size")
                if self._part.size not in self._file.sizes:
                    self._receive(session)
                if self._file.matches(self._part.path, self._check_stop):
                    self._part.finish()
                    return
                self._judge_contents()
            except TryAgainError as error:
                self._wait(str(error), error.code, error.after)
            except StaleError as error:
                self._ranges = self._ranges and not isinstance(error, DistrustError)
                self._start_over()
                self._wait(f"{error}; starting over", error.code, None)

    def _judge_contents(self) -> None:
        patched = self._patched
        self._start_over()
        if patched:
            raise DistrustError("the parts do not make up the file: its checksum is wrong", "checksum")
        raise ChecksumError(
            f"{self._file.name} came whole from {self._url}, and its checksum is not the one expected: the file there "
            "is damaged or another one; try again later, or name another --base-url.",
            file=self._file.name,
            url=self._url,
        )

    def _receive(self, session: Session) -> None:
        offset = self._part.size
        if offset and not self._ranges:
            self._start_over()
            offset = 0
        with self._ask(session, offset) as answer:
            start = first_byte(self._file, self._url, answer.status_code, answer.headers, offset)
            self._require_same_version(answer, start)
            if start < offset:
                self._start_over()
            self._patched = start > 0
            self._part.remember(self._url, strong_validator(answer.headers))
            self._store(answer, start)
        if self._part.size not in self._file.sizes:
            raise TryAgainError("the answer ended early", "cut")

    def _ask(self, session: Session, offset: int) -> Response:
        import requests

        # An archive must come as it lies there, not unpacked on the way.
        headers = {"Accept-Encoding": "identity", "User-Agent": f"placa/{placa.__version__}"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            validator = self._part.validator(self._url)
            if validator:
                headers["If-Range"] = validator
        self._check_stop()
        try:
            return session.get(self._url, headers=headers, stream=True, timeout=self._patience.timeout)
        except requests.exceptions.InvalidURL as error:
            raise BaseUrlError(
                f"{self._url} is no address to fetch from ({error}): check --base-url.", url=self._url
            ) from error
        except requests.RequestException as error:
            raise TryAgainError(*_network_failure(error)) from error

    def _require_same_version(self, answer: Response, start: int) -> None:
        known, now = self._part.validator(self._url), strong_validator(answer.headers)
        if start and known and now and known[0] == now[0] == '"' and known != now:
            raise StaleError("the file has changed on the server", "version")

    def _store(self, answer: Response, start: int) -> None:
        position = start
        with self._part.open_at(start) as output:
            while block := self._next_block(answer):
                position += len(block)
                if position > max(self._file.sizes):
                    self._start_over()
                    raise another_file(self._file, self._url, position)
                output.write(block)
                self._tell(len(block))
                self._check_stop()

    def _next_block(self, answer: Response) -> bytes:
        from urllib3.exceptions import HTTPError

        try:
            # read1 hands over what has come; read would lose up to a block of it when the connection breaks.
            if hasattr(answer.raw, "read1"):
                return bytes(answer.raw.read1(_BLOCK, decode_content=False))
            return bytes(answer.raw.read(_SMALL_BLOCK, decode_content=False))
        except (HTTPError, OSError) as error:
            # The disk is written elsewhere, so that an OSError here is the network's.
            raise TryAgainError(*_network_failure(error)) from error

    def _start_over(self) -> None:
        self._tell(-self._part.size)
        self._part.drop()

    def _tell(self, steps: int) -> None:
        if self._advance is not None and steps:
            self._advance(steps, self._file.name)

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _wait(self, reason: str, code: str, wish: float | None) -> None:
        have = self._part.size
        if have - self._best >= min(_WORTH_IT, self._file.size / 20):
            self._failures = 0
        # Only what was never reached before counts: else a server that breaks off and starts over keeps us for ever.
        self._best = max(self._best, have)
        self._failures += 1
        if self._failures >= self._patience.attempts:
            raise TransferError(
                f"{self._file.name} did not come from {self._url} in {self._failures} attempts, the last time because "
                f"{reason}; {progress_words(have, self._file)} are here: check the connection and give the same "
                "command again, it goes on from there.",
                file=self._file.name,
                url=self._url,
                attempts=self._failures,
                reason=code,
                received=have,
            )
        pause = min(self._patience.longest_pause, self._patience.pause * 2 ** (self._failures - 1))
        pause = max(pause * random.uniform(0.75, 1.25), wish or 0.0)
        self._progress.say(
            f"{self._file.name}: {reason}; {progress_words(have, self._file)} are here, again in {pause:.0f} s"
        )
        if self._stop.wait(pause):
            raise Stopped


def _network_failure(error: Exception) -> tuple[str, str]:
    """What happened, in words and as a code."""
    text = f"{type(error).__name__} {error}"
    for sign, words, code in (
        ("NameResolution", "the server's name is not known (is this machine on the network?)", "host"),
        ("SSL", "no secure connection could be made", "TLS"),
        ("IncompleteRead", "the connection broke off", "cut"),
        ("RemoteDisconnected", "the server closed the connection", "cut"),
        ("reset", "the connection broke off", "cut"),
        ("refused", "the server refused the connection", "refused"),
        ("imed out", "the server did not answer in time", "timeout"),
        ("imeout", "the server did not answer in time", "timeout"),
    ):
        if sign in text:
            return words, code
    return f"the connection failed ({type(error).__name__})", "connection"
