"""What the command line takes for a number, a share or a list, and what it says when something else comes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

#: Help of the option ``--scheduler``.
SCHEDULER = "a Dask scheduler whose workers read the files, on the same disk (tcp://HOST:8786; needs placa[dask])"


def whole_number(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number of 1 or more was expected, and {text!r} came")
    return int(text)


class LateParser(argparse.ArgumentParser):
    """A parser that learns its arguments when it is used, so that `placa --help` loads no module that has them.

    Attributes:
        fill: Adds the arguments; called once, before the first parsing.
    """

    fill: Callable[[argparse.ArgumentParser], None] | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Add the arguments that are still missing, and parse."""
        if self.fill is not None:
            fill, self.fill = self.fill, None
            fill(self)
        return super().parse_known_args(args, namespace)
