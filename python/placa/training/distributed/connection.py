"""One line of JSON after the other between two processes, over TCP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

#: A message is a few options and names; whoever sends more than this is not one of us.
_LONGEST = 1 << 20


class Link:
    """A connection to another process of the team.

    Args:
        connection: A connected socket.
        process: The number of the process at the other end; -1 as long as it has not said.
        host: Its machine, for messages.
    """

    def __init__(self, connection: socket.socket, process: int = -1, host: str = "") -> None:
        self.connection = connection
        self.process = process
        self.host = host
        self._held = b""
        self._sending = threading.Lock()

    def __str__(self) -> str:
        return f"process {self.process} (on {self.host})"

    def send(self, message: dict[str, Any]) -> bool:
        """Send a message; False if the other end is gone, which whoever listens there hears anyway."""
        try:
            with self._sending:
                self.connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return False
        return True

    def receive(self, seconds: float) -> dict[str, Any]:
        """Wait for one message.

        Raises:
            OSError: The other end is gone, said nothing in time, or speaks another language.
        """
        self.connection.settimeout(seconds)
        while True:
            for message in self._messages():
                return message
            self._take()

    def arrived(self) -> list[dict[str, Any]]:
        """Take what has come, to be asked for when the socket is readable.

        Raises:
            OSError: The other end is gone, or speaks another language.
        """
        self._take()
        return list(self._messages())

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def _take(self) -> None:
        came = self.connection.recv(65536)
        if not came:
            raise ConnectionResetError("the other end has hung up")
        self._held += came
        if len(self._held) > _LONGEST:
            raise ConnectionAbortedError("the other end sends something else")

    def _messages(self) -> Iterator[dict[str, Any]]:
        while b"\n" in self._held:
            line, _, self._held = self._held.partition(b"\n")
            try:
                message = json.loads(line)
            except ValueError as error:
                raise ConnectionAbortedError("the other end sends something else") from error
            if not isinstance(message, dict):
                raise ConnectionAbortedError("the other end sends something else")
            yield message
