"""Fetch one file from a server with short pauses between attempts."""

from __future__ import annotations

from pathlib import Path

from loopback import Server, noise, remote

from placa.sources.download.fetch import RetryPolicy, fetch

NAME = "images_001.tar.gz"
BODY = noise(200_000)
QUICK = RetryPolicy(attempts=4, pause=0.01, timeout=(5.0, 5.0))


def one_file() -> dict[str, bytes]:
    """Return the files of the server."""
    return {NAME: BODY}


def get(server: Server, target: Path, body: bytes = BODY, retry_policy: RetryPolicy = QUICK, **options: object) -> None:
    """Fetch the file, whose expected content is `body`."""
    fetch(remote(NAME, body), f"{server.url}/{NAME}", target, retry_policy=retry_policy, **options)  # type: ignore[arg-type]


def assert_complete(target: Path) -> None:
    """Assert that the file is complete and the only one in its directory."""
    assert target.read_bytes() == BODY
    assert sorted(path.name for path in target.parent.iterdir()) == [NAME]
