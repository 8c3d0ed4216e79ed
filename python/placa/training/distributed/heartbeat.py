"""Detect during training that another process has ended, and why.

The connection of a killed process closes at once; a machine that fails is detected by a timeout. JAX detects both half
a minute later, and aborts with a C++ stack trace.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Any

from placa.training.distributed.connection import PeerConnection

#: Seconds between heartbeats, and seconds without a message after which a process counts as lost.
BEAT, SILENCE = 5.0, 60.0


class Heartbeat:
    """Monitor the connections of one process in threads, up to the first event.

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
        self._unfinished = {process, *(link.process for link in links)}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        threading.Thread(target=self._beat, daemon=True, name="placa-heartbeat").start()
        for link in links:
            threading.Thread(target=self._watch, args=[link], daemon=True, name="placa-peer").start()

    def done(self) -> None:
        """Report that this process has finished."""
        if self._process == 0:
            self._note_done(0)
        else:
            self._send("done")

    def failed(self, reason: str) -> None:
        """Report why this process ends early."""
        self._send("ended", reason)

    def close(self) -> None:
        """Close the connections. The other processes count this one as ended, unless all are done."""
        self._closing.set()
        for link in self._links:
            link.close()

    def _send(self, event: str, reason: str = "", but: PeerConnection | None = None) -> None:
        for link in self._links:
            if link is not but:
                link.send({"event": event, "reason": reason})

    def _beat(self) -> None:
        while not self._closing.wait(BEAT):
            self._send("alive")

    def _watch(self, link: PeerConnection) -> None:
        while not self._closing.is_set():
            try:
                message = link.receive(SILENCE)
            except TimeoutError:
                message = {"event": "ended", "reason": f"{link} has sent nothing for {SILENCE:.0f} s"}
            except OSError:
                message = {"event": "ended", "reason": f"{link} ended before training finished"}
            if message["event"] == "done":
                self._note_done(link.process)
            elif message["event"] != "alive":
                self._report(message["event"], message["reason"], link)

    def _note_done(self, process: int) -> None:
        with self._lock:
            self._unfinished.discard(process)
        if not self._unfinished:
            self._report("all done")

    def _report(self, event: str, reason: str = "", source: PeerConnection | None = None) -> None:
        """Report the first event, which is the last one, to this process and from process 0 to the others."""
        with self._lock:
            if self._closing.is_set():
                return
            self._closing.set()
        if self._process == 0:
            self._send(event, reason, but=source)
        self._events.put((event, reason))
