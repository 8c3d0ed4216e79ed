"""Detect during training that another process has ended, and why.

The connection of a killed process closes at once; a machine that fails is detected by a timeout. JAX detects both half
a minute later, and aborts with a C++ stack trace.
"""

from __future__ import annotations

import selectors
import threading
import time
from queue import SimpleQueue
from typing import Any

from placa.training.distributed.connection import PeerConnection

#: Seconds between heartbeats, and seconds without a message after which a process counts as lost.
BEAT, SILENCE = 5.0, 60.0


class Heartbeat:
    """Monitor the connections of one process in a thread.

    Args:
        process: Number of this process. Process 0 forwards events to all other processes.
        links: From `placa.training.distributed.rendezvous.connect_processes`.
        events: Queue of events: ``("ended", reason)`` if another process ends early, ``("all done", "")`` when every
            process has called `done`.
    """

    def __init__(self, process: int, links: list[PeerConnection], events: SimpleQueue[tuple[str, Any]]) -> None:
        self._process = process
        self._links = links
        self._events = events
        self._done: set[int] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="placa-heartbeat")
        self._thread.start()

    def done(self) -> None:
        """Report that this process has finished."""
        if self._process == 0:
            self._note_done(0)
        else:
            self._send_all({"done": True})

    def failed(self, reason: str) -> None:
        """Report why this process ends early."""
        self._send_all({"ended": reason})

    def close(self) -> None:
        """Close the connections. The other processes count this one as ended, unless all are done."""
        self._closing.set()
        self._thread.join(timeout=5)
        for link in self._links:
            link.close()

    def _send_all(self, message: dict[str, Any], but: PeerConnection | None = None) -> None:
        for link in self._links:
            if link is not but:
                link.send(message)

    def _note_done(self, process: int) -> None:
        with self._lock:
            self._done.add(process)
            all_done = len(self._done) == len(self._links) + 1
        if all_done:
            self._send_all({"all done": True})
            self._events.put(("all done", ""))

    def _watch(self) -> None:
        last_received = {link: time.monotonic() for link in self._links}
        last_sent = 0.0
        with selectors.DefaultSelector() as selector:
            for link in self._links:
                link.connection.settimeout(BEAT)
                selector.register(link.connection, selectors.EVENT_READ, link)
            while not self._closing.is_set():
                if time.monotonic() - last_sent > BEAT:
                    self._send_all({"alive": True})
                    last_sent = time.monotonic()
                for key, _ in selector.select(timeout=0.2):
                    last_received[key.data] = time.monotonic()
                    if not self._receive(key.data):
                        return
                for link, last in last_received.items():
                    if time.monotonic() - last > SILENCE:
                        self._report_loss(link, f"P{str(link)[1:]} has sent nothing for {SILENCE:.0f} s")
                        return

    def _receive(self, link: PeerConnection) -> bool:
        """Process the messages of one peer. Return False after the last event."""
        try:
            messages = link.receive_available()
        except OSError:
            self._report_loss(link, f"P{str(link)[1:]} ended before training finished")
            return False
        for message in messages:
            if "ended" in message:
                self._report_loss(link, str(message["ended"]))
                return False
            if "all done" in message:
                self._events.put(("all done", ""))
                return False
            if "done" in message:
                self._note_done(link.process)
        return True

    def _report_loss(self, link: PeerConnection, reason: str) -> None:
        if self._process == 0:
            with self._lock:
                if len(self._done) == len(self._links) + 1:
                    # The peer disconnects because all processes are done.
                    return
            self._send_all({"ended": reason}, but=link)
        self._events.put(("ended", reason))
