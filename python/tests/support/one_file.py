"""One file on a server, and fetching it with little retry_policy."""

from __future__ import annotations

from pathlib import Path

from loopback import Server, noise, remote

from placa.sources.download.fetch import RetryPolicy, fetch

NAME = "images_001.tar.gz"
BODY = noise(200_000)
QUICK = RetryPolicy(attempts=4, pause=0.01, timeout=(5.0, 5.0))


def one_file() -> dict[str, bytes]:
    """What the server has."""
    return {NAME: BODY}


def get(server: Server, target: Path, body: bytes = BODY, retry_policy: RetryPolicy = QUICK, **options: object) -> None:
    """Fetch the file, which is said to be `body`."""
    fetch(remote(NAME, body), f"{server.url}/{NAME}", target, retry_policy=retry_policy, **options)  # type: ignore[arg-type]


def assert_whole(target: Path) -> None:
    """The file is there, and nothing beside it."""
    assert target.read_bytes() == BODY
    assert sorted(path.name for path in target.parent.iterdir()) == [NAME]
