"""Exchange messages between two processes, as lines of JSON over TCP."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from typing import Any

#: Maximum size of a message in bytes.
_LONGEST = 1 << 20


class PeerConnection:
    """A connection to another process of the group.

    Args:
        connection: A connected socket.
        process: Number of the peer; -1 while unknown.
        host: Host name of the peer, for messages.
    """

    def __init__(self, connection: socket.socket, process: int = -1, host: str = "") -> None:
        self.connection = connection
        self.process = process
        self.host = host
        self._lines = connection.makefile("rb")
        self._sending = threading.Lock()

    def __str__(self) -> str:
        return f"Process {self.process} (on {self.host})"

    def send(self, message: dict[str, Any]) -> None:
        """Send a message. A disconnected peer receives nothing."""
        with suppress(OSError), self._sending:
            self.connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, seconds: float) -> dict[str, Any]:
        """Wait for one message.

        Args:
            seconds: Timeout; the connection cannot receive anything after it.

        Raises:
            OSError: The peer is disconnected, sends nothing in time, or sends an invalid message.
        """
        self.connection.settimeout(seconds)
        line = self._lines.readline(_LONGEST)
        if not line:
            raise ConnectionResetError("the peer closed the connection")
        try:
            return dict(json.loads(line))
        except (ValueError, TypeError, RecursionError) as error:
            raise ConnectionAbortedError("the peer sent an invalid message") from error

    def close(self) -> None:
        """Close the connection; a thread that waits for a message receives its end."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()
