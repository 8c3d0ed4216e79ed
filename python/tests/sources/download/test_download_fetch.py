"""Fetching one file from a server that fails and recovers."""

from __future__ import annotations

import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from loopback import (
    Handler,
    Server,
    drop_after,
    remote,
    reply_with,
    serve,
    tag,
)
from one_file import BODY, NAME, QUICK, assert_complete, get, one_file
from raising import raises

from placa.sources.download.errors import BaseUrlError, HttpStatusError, RetryLaterError, TransferError
from placa.sources.download.fetch import RetryPolicy, fetch
from placa.sources.download.remote import Stopped

FILES = one_file


def test_a_complete_file_is_fetched_and_counted(server: Server, target: Path) -> None:
    steps: list[int] = []
    get(server, target, advance=lambda count=1, remark="": steps.append(count))
    assert_complete(target)
    assert sum(steps) == len(BODY) == server.sent[NAME]


def test_a_connection_that_fails_repeatedly_is_resumed(server: Server, target: Path) -> None:
    # More failures than attempts: attempts that receive bytes do not count.
    server.will(NAME, *[drop_after(0.3)] * 6)
    get(server, target)
    assert_complete(target)
    assert server.sent[NAME] == len(BODY)
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in server.ranges(NAME)[1:] if asked]
    assert len(starts) == 6 and starts == sorted(set(starts))


def test_a_server_without_reply_times_out_and_is_resumed(server: Server, target: Path) -> None:
    def stall(handler: Handler, body: bytes, start: int) -> None:
        handler.reply(200, body[:90_000], len(body), ETag=tag(body))
        time.sleep(1.0)

    server.will(NAME, stall)
    get(server, target, retry_policy=RetryPolicy(pause=0.01, timeout=(5.0, 0.5)))
    assert_complete(target)
    assert server.ranges(NAME) == [None, "bytes=90000-"]


def test_the_retry_after_header_is_respected(server: Server, target: Path) -> None:
    server.will(NAME, reply_with(503, b"busy", Retry_After="1"), reply_with(429), reply_with(202))
    began = time.monotonic()
    get(server, target)
    assert 1.0 <= time.monotonic() - began < 20.0
    assert_complete(target)


def test_a_long_retry_after_is_an_error(server: Server, target: Path) -> None:
    server.will(NAME, drop_after(0.5), reply_with(503, Retry_After=formatdate(time.time() + 3600, usegmt=True)))
    with raises(RetryLaterError, file=NAME) as caught:
        get(server, target)
    assert caught.value.values["seconds"] == pytest.approx(3600, abs=60)
    assert target.with_name(f"{NAME}.part").stat().st_size == 100_000


def test_repeated_failures_are_an_error(server: Server, target: Path) -> None:
    server.otherwise = reply_with(500)
    with raises(TransferError, file=NAME, attempts=4, reason="status 500"):
        get(server, target)
    assert len(server.asked) == 4


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_4xx_status_is_not_retried(server: Server, target: Path, status: int) -> None:
    server.otherwise = reply_with(status)
    with raises(HttpStatusError, file=NAME, url=f"{server.url}/{NAME}", status=status):
        get(server, target)
    assert len(server.asked) == 1


def test_a_closed_port_is_an_error(target: Path) -> None:
    with raises(TransferError, file=NAME, url="http://127.0.0.1:9/x", reason="refused"):
        fetch(remote(NAME, BODY), "http://127.0.0.1:9/x", target, retry_policy=QUICK)
    with raises(BaseUrlError, url="http://[::1/x"):
        fetch(remote(NAME, BODY), "http://[::1/x", target, retry_policy=QUICK)


def test_a_redirect_keeps_the_range_header(server: Server, target: Path) -> None:
    server.files["elsewhere"] = BODY
    away = reply_with(302, Location="/nih/elsewhere")
    server.will(NAME, away, away)
    server.will("elsewhere", drop_after(0.5), serve)
    get(server, target)
    assert server.ranges("elsewhere") == [None, "bytes=100000-"]
    assert_complete(target)


def test_stopping_keeps_the_partial_file(server: Server, target: Path) -> None:
    stop = threading.Event()

    def slowly(handler: Handler, body: bytes, start: int) -> None:
        handler.reply(200, body[:60_000], len(body), ETag=tag(body))

    server.will(NAME, slowly)
    with pytest.raises(Stopped):
        get(server, target, stop=stop, advance=lambda count=1, remark="": stop.set())
    here = target.with_name(f"{NAME}.part").stat().st_size
    assert 0 < here <= 60_000
    get(server, target)
    assert_complete(target)
    assert server.ranges(NAME) == [None, f"bytes={here}-"]
