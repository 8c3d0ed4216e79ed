"""What to make of a server's answer: go on, start over, come back later, or give up (RFC 9110, sections 13 to 15)."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from placa.sources.download.errors import FileSizeError, HttpStatusError, RetryLaterError
from placa.sources.download.remote import RemoteFile, human_size

# 202 is Box's "not ready yet".
_LATER = {202, 408, 425, 429, 500, 502, 503, 504}
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)", re.IGNORECASE)
#: A server that asks for more than this, in seconds, gets its wish from the user, not from a program that sits there.
LONGEST_WISH = 600.0


class TryAgainError(Exception):
    """The answer was none, or broke off; the next one may be better.

    Args:
        reason: What happened, in words that go on a sentence.
        code: The same as a code.
        after: Seconds that the server asked to be left alone; None where it did not ask.
    """

    def __init__(self, reason: str, code: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.after = after


class StaleError(Exception):
    """The part that is there is of no use: start over.

    Args:
        reason: What happened, in words that go on a sentence.
        code: The same as a code.
    """

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.code = code


class DistrustError(StaleError):
    """The server said one range and sent, or would send, another: start over, and ask it for no more ranges."""


def first_byte(file: RemoteFile, url: str, status: int, headers: Mapping[str, str], offset: int) -> int:
    """Find which byte of the file an answer's body begins with.

    Args:
        file: What was asked for.
        url: Where.
        status: The answer's status.
        headers: The answer's headers, whose names match in any case.
        offset: The byte from which on the file was asked for.

    Returns:
        `offset` where the server goes on, 0 where it sends the whole file.

    Raises:
        TryAgainError: The server is busy, or sent a page of its own.
        StaleError: The server's file does not reach as far as the part that is there.
        DistrustError: The server says that it sends something else than it was asked for.
        PlacaError: The file is not to be had there.
    """
    if status in _LATER:
        raise TryAgainError(f"the server answered {status}", f"status {status}", _wish(file, headers))
    if status == 416:
        whole = re.fullmatch(r"bytes \*/(\d+)", headers.get("Content-Range", "").strip(), re.IGNORECASE)
        if whole and int(whole[1]) == offset:
            # The file ends where the part does: it never was the one expected.
            raise another_file(file, url, offset)
        raise StaleError("the server has no such part of the file", "range")
    if status not in (200, 206):
        raise HttpStatusError(
            f"{file.name} could not be fetched: {url} answered {status}. {_what_to_do(status)}",
            file=file.name,
            url=url,
            status=status,
        )
    if headers.get("Content-Type", "").lower().startswith("text/html"):
        # Box says "too much traffic" and "log in" with status 200 and a page.
        raise TryAgainError("a web page came instead of the file", "web page")
    length = _length(headers)
    if status == 206:
        return _continued(file, headers, offset, length)
    if length is not None and length > max(file.sizes):
        raise another_file(file, url, length)
    return 0


def another_file(file: RemoteFile, url: str, size: int) -> FileSizeError:
    """Make the error for a file that is longer or shorter than the one asked for."""
    return FileSizeError(
        f"{url} has another file than {file.name}: {file.size:,} bytes were expected, and {size:,} came; "
        "try another --base-url, or fetch the file by hand.",
        file=file.name,
        url=url,
        expected=file.size,
        received=size,
    )


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return what may stand in ``If-Range``: a strong ETag, else the date of the last change, else None."""
    tag = headers.get("ETag", "")
    if tag.startswith('"'):
        return tag
    return headers.get("Last-Modified")


def _continued(file: RemoteFile, headers: Mapping[str, str], offset: int, length: int | None) -> int:
    said = headers.get("Content-Range", "")
    match = _RANGE.fullmatch(said.strip())
    if match is None:
        raise DistrustError(f"the server sent a part and said of it only {said!r}", "range")
    start, end = int(match[1]), int(match[2])
    if start != offset:
        raise DistrustError(f"bytes from {offset:,} on were asked for and those from {start:,} on came", "range")
    if match[3] != "*" and int(match[3]) not in file.sizes:
        raise DistrustError(f"the server says that the file has {int(match[3]):,} bytes, not {file.size:,}", "size")
    if not start <= end < max(file.sizes) or (length is not None and length != end - start + 1):
        raise DistrustError(f"the server says that bytes {start:,} to {end:,} are {length} bytes", "range")
    return offset


def _length(headers: Mapping[str, str]) -> int | None:
    said = headers.get("Content-Length", "").strip()
    return int(said) if said.isdigit() else None


def _wish(file: RemoteFile, headers: Mapping[str, str]) -> float | None:
    said = headers.get("Retry-After", "").strip()
    if not said:
        return None
    try:
        seconds = float(said) if said.isdigit() else parsedate_to_datetime(said).timestamp() - time.time()
    except ValueError:
        return None
    if seconds > LONGEST_WISH:
        raise RetryLaterError(
            f"The server asks to be left alone for {seconds / 60:.0f} minutes before it sends {file.name}: "
            "give the same command then; it goes on where it stopped.",
            file=file.name,
            seconds=round(seconds),
        )
    return max(0.0, seconds)


def _what_to_do(status: int) -> str:
    if status in (401, 403, 407):
        return "Access is refused: ask whoever runs the server or the proxy, or name another with --base-url."
    if status in (404, 410):
        return "There is no such file: check --base-url, or look for it at https://nihcc.app.box.com/v/ChestXray-NIHCC."
    return "Try again later, or name a mirror with --base-url."


def progress_words(have: int, file: RemoteFile) -> str:
    """Say how far a file has come: ``"1.2 GB of 4.0 GB"``."""
    return f"{human_size(have)} of {human_size(file.size)}"
