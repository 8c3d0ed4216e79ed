"""While they train: each process knows within a moment when another has ended, and why.

A process that is killed takes its connection with it, and the others hear of that at once; a machine that vanishes is
noticed by its silence. JAX would notice too, half a minute later, and abort with a stack of C++ calls.
"""

from __future__ import annotations

import selectors
import threading
import time
from queue import SimpleQueue
from typing import Any

from placa.training.distributed.connection import Link

#: Seconds between signs of life, and of silence after which a process is taken for lost.
BEAT, SILENCE = 5.0, 60.0


class Lifeline:
    """Watch the connections of one process, in a thread of its own.

    Args:
        process: The number of this process; 0 passes on what it hears to all others.
        links: From `placa.training.distributed.rendezvous.meet`.
        news: Where to put what happens: ``("ended", sentence)`` when another process has, ``("all done", "")`` when
            every process has said `done`.
    """

    def __init__(self, process: int, links: list[Link], news: SimpleQueue[tuple[str, Any]]) -> None:
        self._process = process
        self._links = links
        self._news = news
        self._done: set[int] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="placa-lifeline")
        self._thread.start()

    def done(self) -> None:
        """Say that this process has finished its part."""
        if self._process == 0:
            self._note_done(0)
        else:
            self._tell({"done": True})

    def failed(self, sentence: str) -> None:
        """Say why this process ends before its time."""
        self._tell({"ended": sentence})

    def close(self) -> None:
        """Hang up: the others take it for the end, unless all are done."""
        self._closing.set()
        self._thread.join(timeout=5)
        for link in self._links:
            link.close()

    def _tell(self, message: dict[str, Any], but: Link | None = None) -> None:
        for link in self._links:
            if link is not but:
                link.send(message)

    def _note_done(self, process: int) -> None:
        with self._lock:
            self._done.add(process)
            everyone = len(self._done) == len(self._links) + 1
        if everyone:
            self._tell({"all done": True})
            self._news.put(("all done", ""))

    def _watch(self) -> None:
        heard = {link: time.monotonic() for link in self._links}
        beaten = 0.0
        with selectors.DefaultSelector() as selector:
            for link in self._links:
                link.connection.settimeout(BEAT)
                selector.register(link.connection, selectors.EVENT_READ, link)
            while not self._closing.is_set():
                if time.monotonic() - beaten > BEAT:
                    self._tell({"alive": True})
                    beaten = time.monotonic()
                for key, _ in selector.select(timeout=0.2):
                    heard[key.data] = time.monotonic()
                    if not self._hear(key.data):
                        return
                for link, last in heard.items():
                    if time.monotonic() - last > SILENCE:
                        self._lose(link, f"P{str(link)[1:]} has sent nothing for {SILENCE:.0f} s")
                        return

    def _hear(self, link: Link) -> bool:
        """Take what came from one process; False if that was the last."""
        try:
            messages = link.arrived()
        except OSError:
            self._lose(link, f"P{str(link)[1:]} ended before training finished")
            return False
        for message in messages:
            if "ended" in message:
                self._lose(link, str(message["ended"]))
                return False
            if "all done" in message:
                self._news.put(("all done", ""))
                return False
            if "done" in message:
                self._note_done(link.process)
        return True

    def _lose(self, link: Link, sentence: str) -> None:
        if self._process == 0:
            with self._lock:
                if len(self._done) == len(self._links) + 1:
                    # It has heard that all are done, and hung up.
                    return
            self._tell({"ended": sentence}, but=link)
        self._news.put(("ended", sentence))
