"""The command line: `placa`. It parses, calls one function of the package, and prints; heavy imports wait for use."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from types import ModuleType

import placa
from placa.core.arguments import LateParser
from placa.core.errors import PlacaError

_TELLS = """\
  placa demo                                   phantoms to report, in two minutes
  placa prepare nih NIH --positive Pneumonia --out data/prepared/pneumonia
  placa train data/prepared/pneumonia --out runs/pneumonia
  placa evaluate runs/pneumonia
  placa report runs/pneumonia
  placa predict runs/pneumonia some/images --out some.parquet
"""

#: Each command: the module of that name here, with ``add_arguments`` and ``run``, and its line of help.
COMMANDS = {
    "prepare": "images and labels to a prepared data set: splits, pixels, audit",
    "audit": "look for what would make figures from a prepared data set too good",
    "sources": "list where images and labels can come from",
    "download": "fetch a public data set",
    "train": "train a network on a prepared data set",
    "predict": "say of images what a run's model makes of them",
    "explain": "show where in images a run's model sees a finding (Grad-CAM)",
    "evaluate": "evaluate a run in R: tables and figures",
    "report": "render a run's report",
    "doctor": "say what is there, what is missing, and what that costs",
    "install-r": "install the R package placa, whose source travels along",
    "demo": "phantoms, training, prediction, evaluation in R, report",
}


def module_of(command: str) -> ModuleType:
    """Load the module of a command."""
    return import_module(f"{__name__}.{command.replace('-', '_')}")


def parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="placa",
        description="From a folder of chest radiographs to a trained model and an honest account of how well it works.",
        epilog=f"for example:\n{_TELLS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"placa {placa.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=LateParser)
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary).fill = partial(_fill, name)
    return top


def _fill(command: str, parser: argparse.ArgumentParser) -> None:
    module_of(command).add_arguments(parser)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0; 1 for a fault of the machine or a failed check, 2 for a fault in the input, each with a
        message on stderr; 130 after Ctrl-C.
    """
    try:
        options = parser().parse_args(arguments)
        module_of(options.command).run(options)
    except PlacaError as error:
        return _complain(error)
    except BrokenPipeError:
        # Whoever read our output, such as head, has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        from placa.core.files import explain_os_error

        return _complain(explain_os_error(error))
    except KeyboardInterrupt as interrupt:
        # What can be gone on with says so itself.
        said = f". {interrupt}" if interrupt.args else "; nothing half-written was left"
        print(f"placa: stopped{said}", file=sys.stderr)
        return 130
    return 0


def _complain(error: PlacaError) -> int:
    print(f"placa: {error}", file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
