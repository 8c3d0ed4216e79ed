"""Interpret a server's response: continue, restart, retry, or refuse the file (RFC 9110, sections 13 to 15)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from placa.sources.download.errors import FileSizeError, HttpStatusError
from placa.sources.download.remote import RemoteFile

# 202 is Box's status for a file in preparation.
_RETRY_STATUSES = {202, 408, 425, 429, 500, 502, 503, 504}
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)


class RetryError(Exception):
    """A request failed, or the response ended early; another attempt may succeed.

    Args:
        reason: What happened, as a part of a sentence.
        code: The same as a code.
        retry_after: The header ``Retry-After``.
    """

    def __init__(self, reason: str, code: str, retry_after: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.retry_after = retry_after


class RestartError(RetryError):
    """The local part cannot be used: restart the download."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(f"{reason}; starting over", code)


class UnreliableRangeError(RestartError):
    """The server sent another range than it announced: restart, and request no more ranges."""


def first_byte(file: RemoteFile, url: str, status: int, headers: Mapping[str, str], offset: int) -> int:
    """Return the byte of the file at which the body of a response begins.

    Args:
        file: The requested file.
        url: Its address.
        status: The HTTP status.
        headers: The response headers; names match in any case.
        offset: The first requested byte.

    Returns:
        `offset` if the server continues, 0 if it sends the complete file.

    Raises:
        RetryError: The server is busy, or sent a web page.
        RestartError: The server's file is shorter than the local part.
        UnreliableRangeError: The server sends another range than requested.
        HttpStatusError: The server refused the file.
        FileSizeError: The server's file has another size.
    """
    if status == 416:
        complete = re.fullmatch(r"bytes \*/([0-9]{1,18})", headers.get("Content-Range", "").strip(), re.IGNORECASE)
        if complete and int(complete[1]) == offset:
            # The server's file is as long as the part, so it is not the expected one.
            raise file_size_error(file, url, offset)
        raise RestartError("the server does not have this part of the file", "range")
    require_file(file, url, status, headers)
    length = content_length(headers)
    if status == 206:
        return _check_range(file, headers, offset, length)
    if length is not None and length > max(file.sizes):
        raise file_size_error(file, url, length)
    return 0


def require_file(file: RemoteFile, url: str, status: int, headers: Mapping[str, str]) -> None:
    """Check that a response has a file; see `first_byte`."""
    if status in _RETRY_STATUSES:
        raise RetryError(f"the server returned status {status}", f"status {status}", headers.get("Retry-After", ""))
    if status not in (200, 206):
        raise HttpStatusError(
            f"Cannot download {file.name}: {url} returned status {status}. {_remedy(status, file.page)}",
            file=file.name,
            url=url,
            status=status,
        )
    if headers.get("Content-Type", "").lower().startswith("text/html"):
        # Box sends "too much traffic" and "log in" pages with status 200.
        raise RetryError("the server sent a web page instead of the file", "web page")


def file_size_error(file: RemoteFile, url: str, size: int) -> FileSizeError:
    """Return the error for a file of another size than expected."""
    return FileSizeError(
        f"{url} has another version of {file.name}: expected {file.size:,} bytes, got {size:,}. "
        "Try another --base-url, or download the file by hand.",
        file=file.name,
        url=url,
        expected=file.size,
        received=size,
    )


def if_range_validator(headers: Mapping[str, str]) -> str | None:
    """Return the value for ``If-Range``: a strong ETag, otherwise the date of the last change, otherwise None."""
    tag = headers.get("ETag", "")
    if tag.startswith('"'):
        return tag
    return headers.get("Last-Modified")


def _check_range(file: RemoteFile, headers: Mapping[str, str], offset: int, length: int | None) -> int:
    value = headers.get("Content-Range", "")
    match = _RANGE.fullmatch(value.strip())
    if match is None:
        raise UnreliableRangeError(f"the server sent a part with the range {value!r}", "range")
    start, end = int(match[1]), int(match[2])
    if start != offset:
        raise UnreliableRangeError(f"the server sent bytes from {start:,}, not from {offset:,}", "range")
    if match[3] != "*" and int(match[3]) not in file.sizes:
        raise UnreliableRangeError(f"the server reports {int(match[3]):,} bytes, not {file.size:,}", "size")
    if not start <= end < max(file.sizes) or (length is not None and length != end - start + 1):
        raise UnreliableRangeError(f"the server sent {length} bytes as bytes {start:,} to {end:,}", "range")
    return offset


def content_length(headers: Mapping[str, str]) -> int | None:
    """Return the length of a response in bytes, if the server states it."""
    value = headers.get("Content-Length", "").strip()
    return int(value) if re.fullmatch("[0-9]{1,18}", value) else None


def _remedy(status: int, page: str) -> str:
    if status in (401, 403, 407):
        return "Access is denied. Ask the administrator of the server or proxy, or name another server with --base-url."
    if status in (404, 410):
        return f"The file does not exist. Check --base-url, or see {page}."
    return "Try again later, or name a mirror with --base-url."


def network_failure(error: Exception) -> tuple[str, str]:
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
