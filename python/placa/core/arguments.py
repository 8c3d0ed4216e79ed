"""Types and parsers of the command line's arguments."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from placa.core.errors import ProvenanceOptionError, unknown_name
from placa.core.language import LANGUAGES, translate, translate_help

#: Help of the option ``--scheduler``.
SCHEDULER = "Dask scheduler whose workers read the files from the same disk (tcp://HOST:8786; needs placa[dask])"
#: How R is run: inside this process, in a separate one, or whichever works.
BRIDGES = ("auto", "rpy2", "rscript")
#: Formats of tables; ``csv`` has semicolons in Spanish, as spreadsheets there expect.
TABLE_FORMATS = ("docx", "xlsx", "latex", "csv", "html")
FIGURE_FORMATS = ("pdf", "tiff", "svg", "png")
#: What `placa update` can change.
UPDATE_METHODS = ("auto", "intercept", "logistic", "isotonic", "thresholds", "refit")


def add_bridge(parser: argparse.ArgumentParser, python: bool = False) -> None:
    """Add the option ``--bridge``; with `python` it can also be that R is not used."""
    without = ", or not at all (python: the main tables)" if python else ""
    parser.add_argument(
        "--bridge",
        default="auto",
        choices=(*BRIDGES, "python") if python else BRIDGES,
        help=f"how R is run: inside this process (rpy2) or in a separate one{without} (default: %(default)s)",
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
        "(sha256:…), input_size, resize, dtype, backend; pretrained_on: data sets on which the foundation model was "
        "pretrained",
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
        raise argparse.ArgumentTypeError(translate("expected an integer ≥ 1, got {text}", text=repr(text)))
    return int(text)


def nonnegative_integer(text: str) -> int:
    """Parse an integer ≥ 0.

    Raises:
        argparse.ArgumentTypeError: `text` is anything else.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(translate("expected an integer ≥ 0, got {text}", text=repr(text)))
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

    It takes no abbreviated options, and suggests the most similar command, option or choice.

    Attributes:
        fill: Function that adds the arguments; it is called once, before the first parsing.
    """

    fill: Callable[[argparse.ArgumentParser], None] | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": help_formatter, "allow_abbrev": False, **options})
        if self.add_help:
            add_common(self)

    def add_missing(self) -> None:
        """Add the arguments if they are still missing."""
        if self.fill is not None:
            fill, self.fill = self.fill, None
            fill(self)

    def format_help(self) -> str:
        """Return the help in the language of the terminal."""
        for group in self._action_groups:
            group.title, group.description = _translated(group.title), _translated(group.description)
        for action in self._actions:
            listed = action._choices_actions if isinstance(action, argparse._SubParsersAction) else ()
            for one in (action, *listed):
                one.help = _translated(one.help)
        self.description, self.epilog = _translated(self.description), _translated(self.epilog)
        return super().format_help()

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            kind = (action.metavar or "choice") if not action.option_strings else "choice"
            names = unknown_name(str(kind).lower(), str(value), known).values
            message = translate(
                "Unknown {kind} {name}. Use one of: {known}.",
                kind=translate(names["kind"]),
                name=repr(names["name"]),
                known=", ".join(names["known"]),
            )
            raise argparse.ArgumentError(action, message)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the arguments; unknown ones are an error of this command, with the most similar option."""
        self.add_missing()
        parsed, unknown = super().parse_known_args(self._positionals_first(args), namespace)
        if unknown:
            self.error(translate("unrecognized arguments: {words}", words=" ".join(unknown)) + self._similar(unknown))
        return parsed, unknown

    def _similar(self, unknown: list[str]) -> str:
        options = [name for name in self._option_string_actions if name.startswith("--")]
        near = [difflib.get_close_matches(one.split("=")[0], options, n=1) for one in unknown if one[:1] == "-"]
        names = [name for found in near for name in found]
        similar = translate(" or ").join(dict.fromkeys(names))
        return translate(". Did you mean {names}?", names=similar) if names else ""

    def _positionals_first(self, args: Any) -> Any:
        """Move paths that an option with several values would take, as in ``--positive Mass ROOT``, to the front."""
        words = list(sys.argv[1:] if args is None else args)
        needed = sum(1 for one in self._actions if not one.option_strings and one.nargs is None)
        free, taken, at = 0, None, 0
        while at < len(words) and words[at] != "--":
            action = self._option_string_actions.get(words[at].split("=")[0])
            start = at = at + 1
            if action is None:
                free += not words[at - 1].startswith("-")
            elif "=" not in words[at - 1]:
                several = action.nargs in ("+", "*")
                most = len(words) if several else action.nargs if isinstance(action.nargs, int) else 1
                while at < len(words) and at - start < most and not words[at].startswith("-"):
                    at += 1
                if several and at - start > needed > 0:
                    taken = at
        moved = max(needed - free, 0)
        if taken is None or moved == 0 or not all(os.path.exists(word) for word in words[taken - moved : taken]):
            return words
        return words[taken - moved : taken] + words[: taken - moved] + words[taken:]


def _translated(text: str | None) -> str | None:
    return text if text in (None, argparse.SUPPRESS) else translate_help(str(text))


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options ``-q``, ``-v`` and ``--lang``; they stand before or after the command."""
    parser.add_argument(
        "-q", "--quiet", action="store_true", default=argparse.SUPPRESS, help="print warnings and results only"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help="print times and tracebacks too"
    )
    parser.add_argument(
        "--lang",
        default=argparse.SUPPRESS,
        choices=LANGUAGES,
        help="language of what is written and printed (default: that of PLACA_LANG or of the locale, or en)",
    )


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add the option ``--json``."""
    parser.add_argument("--json", action="store_true", help="print the results as JSON")


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
