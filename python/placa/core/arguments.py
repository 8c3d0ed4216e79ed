"""Types and parsers of the command line's arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

#: Help of the option ``--scheduler``.
SCHEDULER = "Dask scheduler whose workers read the files from the same disk (tcp://HOST:8786; needs placa[dask])"


def positive_integer(text: str) -> int:
    """Parse an integer ≥ 1.

    Raises:
        argparse.ArgumentTypeError: `text` is anything else.
    """
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected an integer ≥ 1, got {text!r}")
    return int(text)


class LateParser(argparse.ArgumentParser):
    """A parser that adds its arguments on first use, so that `placa --help` does not import the command's module.

    Attributes:
        fill: Function that adds the arguments; it is called once, before the first parsing.
    """

    fill: Callable[[argparse.ArgumentParser], None] | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Add the arguments if they are still missing, then parse."""
        if self.fill is not None:
            fill, self.fill = self.fill, None
            fill(self)
        return super().parse_known_args(args, namespace)
