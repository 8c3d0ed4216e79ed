"""Servers that are slow for ever, passwords in addresses, and headers of archives that are no numbers."""

import gzip
import socket
import threading
import time
from pathlib import Path

import pytest
from raising import raises

from placa.sources.download.errors import BaseUrlError, DamagedArchiveError, TransferError
from placa.sources.download.extract import extract
from placa.sources.download.fetch import RetryPolicy, fetch
from placa.sources.download.interrupt import TooSlowError, call_until_stopped
from placa.sources.download.nih import download_nih
from placa.sources.download.remote import Edition, RemoteFile, Stopped, public_url
from placa.sources.download.responses import content_length

_FILE = RemoteFile("a.csv", "http://x/a.csv", (Edition(1000, None),))


def test_a_call_ends_when_it_is_stopped_or_too_slow() -> None:
    stop = threading.Event()
    assert call_until_stopped(lambda: 7, stop) == 7
    with pytest.raises(ZeroDivisionError):
        call_until_stopped(lambda: 1 // 0, stop)
    with pytest.raises(TooSlowError):
        call_until_stopped(lambda: time.sleep(5), stop, 0.1)
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        call_until_stopped(lambda: time.sleep(20), stop)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_a_server_that_sends_a_byte_now_and_then_is_left(tmp_path: Path, head: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            while True:
                try:
                    client, _ = server.accept()
                    with client:
                        client.sendall(head or b"H")
                        while True:
                            client.sendall(b"x")
                            time.sleep(0.02)
                except OSError:
                    if server.fileno() < 0:
                        return

        threading.Thread(target=drip, daemon=True).start()
        url = f"http://user:secret@127.0.0.1:{server.getsockname()[1]}/a.csv"
        policy = RetryPolicy(attempts=1, timeout=(2.0, 2.0), headers=0.3, slowest=(0.3, 500))
        with raises(TransferError, url=public_url(url)) as refused:
            fetch(_FILE, url, tmp_path / "a.csv", retry_policy=policy)
    assert "secret" not in str(refused.value)
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_password_in_an_address_is_not_printed(tmp_path: Path) -> None:
    assert public_url("https://user:secret@host/nih") == "https://host/nih"
    assert public_url("https://host/a@b") == "https://host/a@b"
    with raises(BaseUrlError, url="host/nih"):
        download_nih(tmp_path, "user:secret@host/nih")


def test_only_plain_digits_are_acontent_length() -> None:
    assert content_length({"Content-Length": "12"}) == 12
    assert content_length({"Content-Length": "\u00b2"}) is None


def test_a_size_of_a_sparse_file_that_is_no_number_is_refused(tmp_path: Path) -> None:
    import io
    import tarfile

    with io.BytesIO() as content:
        with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as tar:
            member = tarfile.TarInfo("images/00000001_000.png")
            member.pax_headers = {"GNU.sparse.map": "0,x", "GNU.sparse.size": "x"}
            tar.addfile(member)
        (tmp_path / "a.tar.gz").write_bytes(gzip.compress(content.getvalue()))
    file = RemoteFile("a.tar.gz", "http://x", (Edition(1, None),), images=1)
    with raises(DamagedArchiveError, file=str(tmp_path / "a.tar.gz")):
        extract(tmp_path / "a.tar.gz", tmp_path / "out", file)
    assert not (tmp_path / "out").exists()
