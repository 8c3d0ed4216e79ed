"""Exchange messages between two processes, as lines of JSON over TCP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
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
        self._buffer = b""
        self._sending = threading.Lock()

    def __str__(self) -> str:
        return f"process {self.process} (on {self.host})"

    def send(self, message: dict[str, Any]) -> bool:
        """Send a message. Return False if the peer is disconnected."""
        try:
            with self._sending:
                self.connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return False
        return True

    def receive(self, seconds: float) -> dict[str, Any]:
        """Wait for one message.

        Args:
            seconds: Timeout.

        Raises:
            OSError: The peer is disconnected, sends nothing in time, or sends an invalid message.
        """
        self.connection.settimeout(seconds)
        while True:
            for message in self._messages():
                return message
            self._read()

    def receive_available(self) -> list[dict[str, Any]]:
        """Return the messages received so far; call it when the socket is readable.

        Raises:
            OSError: The peer is disconnected, or sends an invalid message.
        """
        self._read()
        return list(self._messages())

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _read(self) -> None:
        chunk = self.connection.recv(65536)
        if not chunk:
            raise ConnectionResetError("the peer closed the connection")
        self._buffer += chunk
        if len(self._buffer) > _LONGEST:
            raise ConnectionAbortedError("the peer sent an invalid message")

    def _messages(self) -> Iterator[dict[str, Any]]:
        while b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            try:
                message = json.loads(line)
            except ValueError as error:
                raise ConnectionAbortedError("the peer sent an invalid message") from error
            if not isinstance(message, dict):
                raise ConnectionAbortedError("the peer sent an invalid message")
            yield message
