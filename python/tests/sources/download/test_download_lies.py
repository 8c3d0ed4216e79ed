"""Servers that ignore ranges, send wrong ranges, or have another file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from loopback import (
    Handler,
    Server,
    drop_after,
    no_ranges,
    noise,
    part_header,
    remote,
    reply_with,
    short_length,
)
from one_file import BODY, NAME, QUICK, assert_complete, get, one_file
from raising import raises

from placa.sources.download.errors import ChecksumError, FileSizeError, TransferError
from placa.sources.download.fetch import RetryPolicy, fetch

FILES = one_file


def test_a_server_that_ignores_ranges_sends_the_complete_file(server: Server, target: Path) -> None:
    steps: list[int] = []
    server.will(NAME, drop_after(0.5), no_ranges)
    get(server, target, advance=lambda count=1, remark="": steps.append(count))
    assert_complete(target)
    assert server.ranges(NAME) == [None, "bytes=100000-"]
    # The discarded half is subtracted from the progress bar.
    assert sum(steps) == len(BODY) and min(steps) == -100_000


def test_a_server_that_ignores_ranges_and_always_fails_is_an_error(server: Server, target: Path) -> None:
    server.otherwise = lambda handler, body, start: handler.reply(200, body[:100_000], len(body))
    with raises(TransferError, file=NAME, attempts=QUICK.attempts, reason="cut", received=100_000):
        get(server, target)
    assert len(server.asked) < 2 * QUICK.attempts
    assert not target.exists()


@pytest.mark.parametrize(
    "content_range",
    [
        "bytes 0-199999/200000",
        "bytes 120000-199999/200000",
        "bytes 100000-199999/300000",
        "bytes 100000-299999/200000",
        "bytes 100000-150000/200000",
        "all of it",
        "",
    ],
)
def test_a_response_with_another_range_is_not_used(server: Server, target: Path, content_range: str) -> None:
    server.will(NAME, drop_after(0.5), lambda h, body, start: h.reply(206, body[start:], Content_Range=content_range))
    get(server, target)
    assert_complete(target)
    assert server.ranges(NAME) == [None, "bytes=100000-", None]


def test_a_wrong_range_is_detected_by_the_checksum(server: Server, target: Path) -> None:
    def wrong_range(handler: Handler, body: bytes, start: int) -> None:
        handler.reply(206, body[: len(body) - start], Content_Range=part_header(body, start))

    server.will(NAME, drop_after(0.5), wrong_range)
    get(server, target)
    assert_complete(target)
    assert server.ranges(NAME) == [None, "bytes=100000-", None]


def test_another_range_with_a_correct_header_is_not_used(server: Server, target: Path) -> None:
    other = reply_with(206, BODY[120_000:], Content_Range=part_header(BODY, 120_000))
    server.will(NAME, drop_after(0.5), other)
    get(server, target)
    assert_complete(target)
    assert server.ranges(NAME) == [None, "bytes=100000-", None]


def test_after_a_wrong_range_no_range_is_requested(server: Server, target: Path) -> None:
    wrong_range = reply_with(206, BODY, Content_Range=part_header(BODY, 0))
    server.will(NAME, drop_after(0.5), wrong_range, drop_after(0.5))
    get(server, target)
    assert_complete(target)
    assert server.ranges(NAME) == [None, "bytes=100000-", None, None]


def test_a_server_that_denies_the_rest_is_an_error(server: Server, target: Path) -> None:
    def deny(handler: Handler, body: bytes, start: int) -> None:
        if start:
            handler.reply(416, b"")
        else:
            handler.reply(200, body[:100_000], len(body))

    server.otherwise = deny
    with raises(TransferError, file=NAME, attempts=QUICK.attempts):
        get(server, target)
    assert len(server.asked) < 2 * QUICK.attempts


def test_a_response_that_ends_early_is_resumed(server: Server, target: Path) -> None:
    def some(handler: Handler, body: bytes, start: int) -> None:
        handler.reply(206, body[start : start + 50_000], Content_Range=f"bytes {start}-{start + 49_999}/{len(body)}")

    server.will(NAME, drop_after(0.5), some)
    get(server, target)
    assert_complete(target)
    assert server.sent[NAME] == len(BODY)


def test_a_truncated_response_with_matching_length_is_resumed(server: Server, target: Path) -> None:
    server.will(NAME, short_length(0.4))
    get(server, target)
    assert_complete(target)
    assert server.ranges(NAME) == [None, "bytes=80000-"]


def test_a_file_announced_as_longer_is_rejected_before_fetching(server: Server, target: Path) -> None:
    server.files[NAME] = BODY + b"more"
    steps: list[int] = []
    with raises(FileSizeError, file=NAME, expected=200_000, received=200_004):
        get(server, target, advance=lambda count=1, remark="": steps.append(count))
    assert steps == []
    assert list(target.parent.iterdir()) == []


def test_a_shorter_file_is_an_error(server: Server, target: Path) -> None:
    server.files[NAME] = BODY[:-5]
    with raises(FileSizeError, file=NAME, expected=200_000, received=199_995):
        get(server, target)
    assert server.ranges(NAME) == [None, "bytes=199995-"]


def test_an_endless_response_is_stopped(server: Server, target: Path) -> None:
    def endless(handler: Handler, body: bytes, start: int) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        for _ in range(1000):
            handler.wfile.write(body)

    server.will(NAME, endless)
    with raises(FileSizeError, file=NAME, expected=200_000) as caught:
        get(server, target)
    assert 200_000 < caught.value.values["received"] < 1_000_000
    assert list(target.parent.iterdir()) == []


def test_a_wrong_checksum_is_an_error_and_leaves_no_file(server: Server, target: Path) -> None:
    server.files[NAME] = noise(len(BODY), seed=1)
    with raises(ChecksumError, file=NAME, url=f"{server.url}/{NAME}"):
        get(server, target)
    assert len(server.asked) == 1
    assert list(target.parent.iterdir()) == []


def test_a_partial_file_of_another_version_is_discarded(server: Server, target: Path) -> None:
    server.files[NAME] = noise(len(BODY), seed=1)
    server.will(NAME, *[drop_after(0.2)] * 4)
    with raises(TransferError, file=NAME, attempts=1, received=40_000):
        fetch(remote(NAME, BODY), f"{server.url}/{NAME}", target, retry_policy=RetryPolicy(attempts=1))
    server.files[NAME] = BODY
    server.replies[NAME].clear()
    get(server, target)
    # Because of If-Range, the server sends the complete new version in one response.
    assert server.ranges(NAME) == [None, "bytes=40000-"]
    assert_complete(target)


def test_a_partial_file_of_unknown_origin_is_detected(server: Server, target: Path) -> None:
    target.with_name(f"{NAME}.part").write_bytes(noise(50_000, seed=2))
    get(server, target)
    assert server.ranges(NAME) == ["bytes=50000-", None]
    assert_complete(target)


@pytest.mark.parametrize("size", [len(BODY), len(BODY) + 10])
def test_a_partial_file_as_long_as_the_file_or_longer_is_handled(server: Server, target: Path, size: int) -> None:
    target.with_name(f"{NAME}.part").write_bytes((BODY + bytes(10))[:size])
    get(server, target)
    assert_complete(target)
    assert server.sent[NAME] == (0 if size == len(BODY) else len(BODY))


def test_a_web_page_is_not_accepted_as_the_file(server: Server, target: Path) -> None:
    server.otherwise = reply_with(200, b"<html>" * 100, Content_Type="text/html; charset=utf-8")
    with raises(TransferError, file=NAME, reason="web page", received=0):
        get(server, target)
    assert list(target.parent.iterdir()) == []


def test_a_content_encoding_is_not_decoded(server: Server, target: Path) -> None:
    body = gzip.compress(b"an archive")
    server.files[NAME] = body
    server.will(NAME, lambda handler, body, start: handler.reply(200, body, Content_Encoding="gzip"))
    get(server, target, body)
    assert target.read_bytes() == body
    assert server.ranges(NAME) == [None]
    # The request forbids compression of the response.
    assert server.headers["Accept-Encoding"] == "identity"
