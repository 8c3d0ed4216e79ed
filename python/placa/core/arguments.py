"""Types and parsers of the command line's arguments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from placa.core.errors import ProvenanceOptionError

#: Help of the option ``--scheduler``.
SCHEDULER = "Dask scheduler whose workers read the files from the same disk (tcp://HOST:8786; needs placa[dask])"
#: How R is run: inside this process, in a separate one, or whichever works.
BRIDGES = ("auto", "rpy2", "rscript")


def add_bridge(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--bridge``."""
    parser.add_argument(
        "--bridge",
        default="auto",
        choices=BRIDGES,
        help="how R is run: inside this process (rpy2) or in a separate one (default: %(default)s)",
    )


def add_features(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Add the options ``--features`` and ``--provenance``."""
    parser.add_argument("--features", type=Path, action="append", default=[], metavar="FILE", help=help_text)
    parser.add_argument(
        "--provenance",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="how the embeddings were made, where their files do not state it: library, version, checkpoint "
        "(sha256:…), input_size, resize, dtype, backend",
    )


def provenance_of(options: argparse.Namespace) -> dict[str, str]:
    """Return the values of ``--provenance`` by key.

    Raises:
        ProvenanceOptionError: A value has no ``=``.
    """
    for text in options.provenance:
        if "=" not in text:
            raise ProvenanceOptionError(f"--provenance must be KEY=VALUE, got {text!r}.", value=text)
    return dict(text.split("=", 1) for text in options.provenance)


def positive_integer(text: str) -> int:
    """Parse an integer ≥ 1.

    Raises:
        argparse.ArgumentTypeError: `text` is anything else.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected an integer ≥ 1, got {text!r}")
    return int(text)


def help_formatter(prog: str, raw: bool = False) -> argparse.HelpFormatter:
    """Return the formatter of help texts: on a terminal in colour; elsewhere plain, without an import of rich.

    Args:
        prog: The program and its command.
        raw: Whether the description and the epilog keep their line breaks.
    """
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        return (argparse.RawDescriptionHelpFormatter if raw else argparse.HelpFormatter)(prog)
    from rich_argparse import RawDescriptionRichHelpFormatter, RichHelpFormatter

    # Otherwise the brackets of placa[dask] are markup, and disappear; and titles are capitalized.
    RichHelpFormatter.help_markup = RichHelpFormatter.text_markup = False
    RichHelpFormatter.group_name_formatter = str
    return (RawDescriptionRichHelpFormatter if raw else RichHelpFormatter)(prog)


class LateParser(argparse.ArgumentParser):
    """A parser that adds its arguments on first use, so that `placa --help` does not import the command's module.

    Attributes:
        fill: Function that adds the arguments; it is called once, before the first parsing.
    """

    fill: Callable[[argparse.ArgumentParser], None] | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": help_formatter, **options})

    def add_missing(self) -> None:
        """Add the arguments if they are still missing."""
        if self.fill is not None:
            fill, self.fill = self.fill, None
            fill(self)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Add the arguments if they are still missing, then parse."""
        self.add_missing()
        return super().parse_known_args(args, namespace)


class PrintCompletion(argparse.Action):
    """Print a script that completes the commands, options and paths in a shell, and exit."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: str | None = None) -> None:
        """Print the script for the shell `values`."""
        import shtab

        def prepare(one: argparse.ArgumentParser) -> None:
            if isinstance(one, LateParser):
                one.add_missing()
            for action in one._actions:
                if action.type is Path:
                    action.complete = shtab.FILE  # type: ignore[attr-defined]
                if isinstance(action, argparse._SubParsersAction):
                    for command in action.choices.values():
                        prepare(command)

        prepare(parser)
        print(shtab.complete(parser, values))
        parser.exit()
