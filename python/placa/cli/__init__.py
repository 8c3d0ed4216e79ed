"""The command line, `placa`: parse arguments, call one function of the package, print. Heavy imports are lazy."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from types import ModuleType

import placa
from placa.cli.terminal import flush_streams, open_streams, print_message
from placa.core.arguments import LateParser, PrintCompletion, help_formatter
from placa.core.errors import PlacaError
from placa.core.faults import lacks_memory, low_memory
from placa.core.language import current_language, translate, translate_message, use_language
from placa.core.processes import restart_without_r_libraries
from placa.core.progress import RichProgress
from placa.core.text import show_controls

_EXAMPLES = """\
  placa demo                                   from phantoms to a report, in two minutes
  placa prepare nih NIH --positive Pneumonia --out data/prepared/pneumonia
  placa train data/prepared/pneumonia --out runs/pneumonia
  placa evaluate runs/pneumonia
  placa report runs/pneumonia
  placa predict runs/pneumonia some/images --out some.parquet
  placa validate runs/pneumonia data/prepared/elsewhere
"""

#: Each command and its help text. The module with its name has the functions ``add_arguments`` and ``run``.
COMMANDS = {
    "prepare": "prepare a data set from images and labels: splits, pixels, audit",
    "audit": "audit a prepared data set for leakage, shortcuts and shift",
    "sources": "list the sources of images and labels",
    "download": "download a public data set",
    "train": "train a network on a prepared data set",
    "embed": "compute embeddings of images with a foundation model",
    "predict": "predict findings for images with a run's model",
    "explain": "explain the predictions of a run's model for images (Grad-CAM)",
    "evaluate": "evaluate a run, or any model's predictions, in R: tables and figures",
    "validate": "validate a run on another prepared data set, in R",
    "update": "update a run's probabilities and thresholds for a local data set, in R",
    "monitor": "compare months after a run's deployment with its test images, in R",
    "runs": "list runs with their data, options and results",
    "report": "render a run's report",
    "tables": "write a run's tables and paragraphs for a paper",
    "figures": "write a run's figures for a journal",
    "export": "export a run's model for programs without placa: ONNX, SavedModel, a model hub",
    "share": "write the files of a run that may leave the hospital",
    "doctor": "list installed and missing programs and packages, and what needs them",
    "install-r": "install the R package placa, included in this package",
    "demo": "run all steps on phantoms: training, prediction, evaluation in R, report",
}


def module_of(command: str) -> ModuleType:
    """Import the module of a command."""
    return import_module(f"{__name__}.{command.replace('-', '_')}")


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line with all commands."""
    # The messages of argparse itself, such as "usage" and "expected one argument".
    argparse._ = translate  # type: ignore[attr-defined]
    top = LateParser(
        prog="placa",
        description="From a folder of chest radiographs to a trained model and an honest account of how well it works.",
        epilog=f"for example:\n{_EXAMPLES}",
        formatter_class=partial(help_formatter, raw=True),
    )
    top.add_argument("--version", action="version", version=f"placa {placa.__version__}")
    top.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=("bash", "zsh", "tcsh"),
        help="print the script that completes commands and options in a shell",
    )
    # The name is given, so that no help is formatted for it.
    commands = top.add_subparsers(prog="placa", dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary).fill = partial(_fill, name)
    return top


def _fill(command: str, parser: argparse.ArgumentParser) -> None:
    module_of(command).add_arguments(parser)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 after success; 1 after a fault of the machine or a failed check, and 2 after an error in the
        input, both with a message on stderr; 130 after Ctrl-C.
    """
    open_streams()
    if arguments is None:
        restart_without_r_libraries()
    for stream in (sys.stdout, sys.stderr):
        # A terminal or PYTHONIOENCODING without the characters of a name shows their escapes.
        if isinstance(stream, io.TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
            stream.reconfigure(errors="backslashreplace")
    use_language(sys.argv[1:] if arguments is None else arguments)
    try:
        options = parser().parse_args(arguments)
        options.lang = current_language()
        RichProgress.quiet, RichProgress.verbose = "quiet" in options, "verbose" in options
        module_of(options.command).run(options)
    except PlacaError as error:
        if RichProgress.verbose:
            traceback.print_exc()
        return _print_error(error)
    except BrokenPipeError:
        # The reader of the output, such as head, has closed the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if lacks_memory(error):
            return _print_error(low_memory(error))
        if not isinstance(error, OSError):
            raise
        from placa.core.files import explain_os_error

        return _print_error(explain_os_error(error))
    except KeyboardInterrupt as interrupt:
        # An interrupt of work that can be resumed has its own message.
        message = translate_message(str(interrupt)) if interrupt.args else translate("No incomplete output is left.")
        print_message(f"placa: {translate('stopped. {message}', message=show_controls(message))}")
        return 130
    finally:
        flush_streams()
        use_language(["--lang", "en"])
    return 0


def _print_error(error: PlacaError) -> int:
    print_message(f"placa: {show_controls(translate_message(str(error)))}")
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
