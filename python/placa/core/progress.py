"""Progress on stderr: stages, bars and messages.

The public functions show their progress; ``progress=False`` turns it off. Functions between stages are silent by
default.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from placa.core.language import translate, translate_message
from placa.core.text import show_controls

if TYPE_CHECKING:
    from rich.text import Text


#: The logger of all messages. Without a handler of the program, they are not printed twice.
LOGGER = logging.getLogger("placa")
LOGGER.addHandler(logging.NullHandler())
#: Seconds between two lines about the same work, if stderr is not a terminal.
_SECONDS_BETWEEN_LINES = 60.0


class Advance(Protocol):
    """Advance a bar by `steps`, and show a short remark beside it."""

    def __call__(self, steps: int = 1, remark: str = "") -> None: ...


class Progress:
    """Progress that shows nothing."""

    def stage(self, title: str) -> None:
        """Start a stage of the work."""

    def say(self, text: str) -> None:
        """Print a message."""

    def warn(self, text: str) -> None:
        """Print a warning."""

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Advance]:
        """Show a bar that counts to `total`; the block receives the function that advances it."""
        yield _hidden

    @contextmanager
    def byte_bars(self, totals: dict[str, int]) -> Iterator[dict[str, Advance]]:
        """Show one bar per title that counts bytes to a total; every thread may advance every bar."""
        yield dict.fromkeys(totals, _hidden)


def _hidden(steps: int = 1, remark: str = "") -> None:
    """Advance no bar."""


SILENT = Progress()


class LoggedProgress(Progress):
    """Progress as records of the logger ``placa``, for services and for programs that configure `logging`."""

    def stage(self, title: str) -> None:
        LOGGER.info(show_controls(title))

    def say(self, text: str) -> None:
        LOGGER.info(show_controls(text))

    def warn(self, text: str) -> None:
        LOGGER.warning(show_controls(text))

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Advance]:
        yield _lines(title, total, LOGGER.info)


def show(progress: Progress | bool) -> Progress:
    """Resolve the argument `progress` of the public functions.

    Args:
        progress: True shows bars and messages on stderr, in a terminal and in a notebook; False shows nothing. The
            messages are records of the logger ``placa`` in both cases.
    """
    if isinstance(progress, Progress):
        return progress
    return RichProgress() if progress else LoggedProgress()


class RichProgress(Progress):
    """Progress on a terminal with rich; plain lines if stderr is not a terminal.

    Attributes:
        quiet: Whether only warnings are shown.
        verbose: Whether each message has its time.
    """

    quiet = verbose = False

    def __init__(self, stages: int | None = None) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        # In a notebook, rich draws bars without a terminal.
        self._plain = not (self._console.is_terminal or self._console.is_jupyter)
        self._stages = stages
        self._stage = 0

    def stage(self, title: str) -> None:
        self._stage += 1
        count = f"{self._stage}/{self._stages} " if self._stages else ""
        LOGGER.info(show_controls(title))
        if not self.quiet:
            self._print(plain(f"{count}{translate_message(translate(title))}", "bold cyan"))

    def say(self, text: str) -> None:
        LOGGER.info(show_controls(text))
        self._line(text)

    def _line(self, text: str) -> None:
        if not self.quiet:
            self._print(plain(f"  {translate_message(text)}"))

    def warn(self, text: str) -> None:
        LOGGER.warning(show_controls(text))
        self._print(plain("  !", "yellow").append(f" {show_controls(translate_message(text))}", ""))

    def _print(self, text: Text) -> None:
        # A closed or full stderr loses messages, and nothing else.
        if self.verbose:
            text = plain(time.strftime("%H:%M:%S "), "dim").append_text(text)
        with suppress(OSError, ValueError):
            self._console.print(text, soft_wrap=True)

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Advance]:
        with self._bars({translate(title): total}) as bars:
            yield bars[translate(title)]

    @contextmanager
    def byte_bars(self, totals: dict[str, int]) -> Iterator[dict[str, Advance]]:
        with self._bars(totals, in_bytes=True) as bars:
            yield bars

    @contextmanager
    def _bars(self, totals: dict[str, int], in_bytes: bool = False) -> Iterator[dict[str, Advance]]:
        if self._plain or self.quiet:
            yield {title: _lines(title, total, self._line) for title, total in totals.items()}
            return
        from rich import progress as rich

        columns = (
            rich.TextColumn("  {task.description}", markup=False),
            rich.BarColumn(bar_width=16),
            *((rich.DownloadColumn(), rich.TransferSpeedColumn()) if in_bytes else (rich.MofNCompleteColumn(),)),
            rich.TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            rich.TextColumn("{task.fields[remark]}", style="dim", markup=False),
        )
        with rich.Progress(*columns, console=self._console, refresh_per_second=4) as bars:

            def bar(title: str, total: int) -> Advance:
                task = bars.add_task(show_controls(title), total=total, remark="")

                def advance(steps: int = 1, remark: str = "") -> None:
                    if remark:
                        bars.update(task, remark=show_controls(remark))
                    bars.update(task, advance=steps)

                return advance

            yield {title: bar(title, total) for title, total in totals.items()}


def _lines(title: str, total: int, write: Callable[[str], None]) -> Advance:
    """Return a function that writes lines in place of a bar: one per remark, otherwise one per minute, and the last."""
    done, last, lock = 0, time.monotonic(), threading.Lock()

    def advance(steps: int = 1, remark: str = "") -> None:
        nonlocal done, last
        # Several threads may advance.
        with lock:
            done += steps
            if remark or done == total or time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                write(f"{title} {done:,}/{total:,}{': ' if remark else ''}{remark}")

    return advance


def plain(text: str, style: str = "") -> Text:
    """Return a text without markup: names can contain brackets, colons and control characters."""
    from rich.text import Text

    return Text(show_controls(text), style)
