"""Killed and simultaneous downloads."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from loopback import Handler, Server, images_archive, tag
from raising import raises
from small_nih import get, small_set, visible

from placa.core.errors import InUseError

FILES = small_set


def test_two_downloads_cannot_write_one_directory(server: Server, to: Path) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slowly(handler: Handler, body: bytes, start: int) -> None:
        began.set()
        go_on.wait(5)
        handler.reply(200, body)

    server.will("images_001.tar.gz", slowly)
    first = threading.Thread(target=get, args=(server, to), kwargs={"only": "images_001"})
    first.start()
    assert began.wait(5)
    with raises(InUseError, path=str(to / ".placa-download.lock")):
        get(server, to, only="tables")
    go_on.set()
    first.join()
    assert visible(to) == ["images_001"]


CALL = """
import json, sys
from pathlib import Path
from placa.sources.download import Edition, RemoteFile, download_nih
from placa.sources.download.fetch import RetryPolicy
url, to, files = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
made = [RemoteFile(n, "", (Edition(s, d),), i) for n, s, d, i in files]
try:
    download_nih(to, url, files=made, retry_policy=RetryPolicy(attempts=3, pause=0.01))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_download_is_resumed(server: Server, to: Path, how: signal.Signals) -> None:
    body = images_archive(3, 101, side=500)
    server.files = {"images_001.tar.gz": body}
    half = len(body) // 2
    sent = threading.Event()

    def half_then_wait(handler: Handler, body: bytes, start: int) -> None:
        handler.reply(200, body[:half], len(body), ETag=tag(body))
        sent.set()
        # Few bytes at a time, as on a slow connection.
        for i in range(1000):
            time.sleep(0.05)
            handler.wfile.write(body[half + i : half + i + 1])
            handler.wfile.flush()

    server.will("images_001.tar.gz", half_then_wait)
    files = [["images_001.tar.gz", len(body), f"md5:{hashlib.md5(body).hexdigest()}", 3]]
    process = subprocess.Popen([sys.executable, "-c", CALL, server.url, str(to), json.dumps(files)])
    assert sent.wait(30)
    part = to / "images_001.tar.gz.part"
    deadline = time.monotonic() + 40
    while not (part.is_file() and part.stat().st_size >= half):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, how)
    assert process.wait(30) == (130 if how == signal.SIGINT else -9)
    have = part.stat().st_size
    assert visible(to) == ["images_001.tar.gz.part", "images_001.tar.gz.part.json"]
    server.sent.clear()
    get(server, to)
    assert server.ranges("images_001.tar.gz")[-1] == f"bytes={have}-"
    assert server.sent["images_001.tar.gz"] == len(body) - have
    assert visible(to) == ["images_001"]
