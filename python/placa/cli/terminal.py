"""Print lines, paths and tables on stdout; names are text, never markup.

Standard output and standard error may be closed or full: then messages are lost, and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placa.core.language import number, translate
from placa.core.progress import Progress, plain
from placa.core.text import show_controls

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

#: Number of paths with the same reason that are printed.
_SHOWN_PATHS = 5
#: Width of a line that is never wrapped.
_UNLIMITED = 100_000


def open_streams() -> None:
    """Open the null device in place of a closed standard stream, before a library opens a file with its number."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                opened = os.open(os.devnull, os.O_WRONLY)
                if opened != descriptor:
                    os.dup2(opened, descriptor)
                    os.close(opened)
                setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8"))


def print_message(text: str) -> None:
    """Print a line on standard error, if that is possible."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def flush_streams() -> None:
    """Flush the standard streams; Python would end with exit code 120 if it could not flush them."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def stdout_console() -> Console:
    """Return the console of stdout: as wide as the terminal or COLUMNS, without wrapping for a program."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _UNLIMITED, highlight=False)


def print_table(grid: Table) -> None:
    """Print a table on stdout, without spaces at the ends of lines."""
    console = stdout_console()
    with console.capture() as captured:
        console.print(grid)
    for line in captured.get().splitlines():
        print(line.rstrip())


def print_json(value: Any) -> None:
    """Print the result of a command as JSON on stdout, for the option ``--json``."""
    # Numbers of NumPy and paths have no other form.
    print(json.dumps(value, ensure_ascii=False, indent=1, default=lambda one: getattr(one, "tolist", one.__str__)()))


def print_line(text: str) -> None:
    """Print a line with control characters as escapes."""
    print(show_controls(text))


def print_path(path: Path) -> None:
    """Print the path of an output: unchanged for a program, with control characters as escapes on a terminal."""
    print(show_controls(path) if sys.stdout.isatty() else path)


def print_predictions(columns: Mapping[str, Sequence[Any]] | pd.DataFrame, rows: int = 20) -> None:
    """Print predictions as a table on stdout.

    Args:
        columns: Predictions, one entry per image and finding: ``image_id``, ``finding``, ``probability``, ``class``,
            and, if known, ``typicality`` and ``outside``.
        rows: Maximum number of rows; 0 for all.
    """
    from rich.table import Table

    grid = Table(box=None, header_style="bold")
    grid.add_column(translate("image"), overflow="fold")
    grid.add_column(translate("finding"))
    grid.add_column(translate("probability"), justify="right")
    grid.add_column(translate("class"))
    names = ["image_id", "finding", "probability", "class"]
    if "typicality" in columns:
        grid.add_column(translate("typicality"), justify="right")
        names += ["typicality", "outside"]
    total = len(columns["finding"])
    shown = total if rows == 0 else min(rows, total)
    for image, finding, probability, category, *typical in islice(
        zip(*(columns[name] for name in names), strict=True), shown
    ):
        cells = [image, finding, number(probability, 3), translate(category)]
        if typical:
            cells.append(translate("outside") if typical[1] else number(typical[0], 2))
        style = "bold" if category == "positive" else None
        grid.add_row(*(plain(cell) for cell in cells), style=style)
    print_table(grid)
    if shown < total:
        print(translate("… and {n} more (--rows 0 prints all, --out writes a file)", n=total - shown))


def warn_rejected(rejected: Sequence[tuple[str, str]], progress: Progress) -> None:
    """Print the images that were not read: one line per reason, with the first paths.

    Args:
        rejected: Path and reason of each.
        progress: Prints the lines.
    """
    from placa.images.listing import REASONS

    by_reason: dict[str, list[str]] = {}
    for path, reason in rejected:
        by_reason.setdefault(reason, []).append(path)
    for reason, paths in by_reason.items():
        skipped = reason in REASONS.values()
        if len(paths) <= _SHOWN_PATHS:
            for path in paths:
                progress.warn(f"{path} was skipped: {reason}" if skipped else f"{path} was rejected: {reason}")
        else:
            shown, more = ", ".join(paths[:_SHOWN_PATHS]), len(paths) - _SHOWN_PATHS
            progress.warn(
                f"{len(paths):,} files were skipped ({reason}): {shown} and {more:,} more"
                if skipped
                else f"{len(paths):,} files were rejected ({reason}): {shown} and {more:,} more"
            )


def warn_outside(columns: Mapping[str, Sequence[Any]] | pd.DataFrame, progress: Progress) -> None:
    """Warn of images that are outside of what a model was trained on, with the first names.

    Args:
        columns: As for `print_predictions`.
        progress: Prints the line.
    """
    if "outside" not in columns:
        return
    pairs = zip(columns["image_id"], columns["outside"], strict=True)
    images = list(dict.fromkeys(str(image) for image, outside in pairs if outside))
    if images:
        shown = ", ".join(images[:_SHOWN_PATHS]) + (" …" if len(images) > _SHOWN_PATHS else "")
        progress.warn(
            f"{len(images):,} images differ from all training images ({shown}): look at them before their "
            "probabilities are used"
        )
