"""The command line: `placa`. It parses, calls one function of the package, and prints; heavy imports wait for use."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import placa
from placa.errors import PlacaError

_TELLS = """\
  placa demo                                   phantoms to report, in two minutes
  placa prepare nih NIH --positive Pneumonia --out data/prepared/pneumonia
  placa train data/prepared/pneumonia --out runs/pneumonia
  placa evaluate runs/pneumonia
  placa report runs/pneumonia
  placa predict runs/pneumonia some/images --out some.parquet
"""


def parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="placa",
        description="From a folder of chest radiographs to a trained model and an honest account of how well it works.",
        epilog=f"for example:\n{_TELLS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"placa {placa.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_prepare(commands)
    _add_train(commands)

    predict = commands.add_parser("predict", help="say of images what a run's model makes of them")
    predict.add_argument("run", type=Path, metavar="RUN")
    predict.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="files and folders, in any mix")
    predict.add_argument("--out", type=Path, metavar="FILE", help="a parquet file to write the table to")
    predict.add_argument("--rows", type=int, default=20, help="how many rows to print (default: %(default)s; 0: all)")

    evaluate = commands.add_parser("evaluate", help="evaluate a run in R: tables and figures")
    evaluate.add_argument("run", type=Path, metavar="RUN")
    evaluate.add_argument("--split", default="test", help="which split (default: %(default)s)")
    evaluate.add_argument("--bridge", default="auto", choices=("auto", "rpy2", "rscript"), help="how to reach R")

    report = commands.add_parser("report", help="render a run's report")
    report.add_argument("run", type=Path, metavar="RUN")
    report.add_argument("--lang", default="en", choices=("en", "es"), help="its language (default: %(default)s)")
    report.add_argument("--renderer", default="auto", choices=("auto", "quarto", "rmarkdown"))

    commands.add_parser("doctor", help="say what is there, what is missing, and what that costs")

    demo = commands.add_parser("demo", help="phantoms, training, prediction, evaluation in R, report")
    demo.add_argument("--data", type=Path, default=Path("data/prepared/demo"), help="(default: %(default)s)")
    demo.add_argument("--out", type=Path, default=Path("runs/demo"), metavar="RUN", help="(default: %(default)s)")
    demo.add_argument("--images", type=int, default=800, help="how many phantoms (default: %(default)s)")
    demo.add_argument("--epochs", type=int, help="most epochs")
    demo.add_argument("--lang", default="en", choices=("en", "es"), help="the report's language (default: %(default)s)")
    return top


def _add_prepare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    prepare = commands.add_parser("prepare", help="images and labels to a prepared data set: splits, pixels, audit")
    sources = prepare.add_subparsers(dest="source", metavar="SOURCE", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--out", type=Path, required=True, metavar="DIR", help="the directory to make")
    common.add_argument("--size", type=_positive, help="side of the cached squares, in pixels")
    common.add_argument("--seed", type=int, default=0, help="of the splits (default: %(default)s)")
    common.add_argument("--overwrite", action="store_true", help="replace a data set that is there")

    phantom = sources.add_parser("phantom", parents=[common], help="synthetic radiographs, drawn here")
    phantom.add_argument("--images", type=_positive, default=800, help="how many to draw (default: %(default)s)")
    phantom.add_argument("--positive", default="Opacity", metavar="FINDING", help="(default: %(default)s)")
    phantom.add_argument("--negative", default="No Finding", metavar="FINDING", help="(default: %(default)s)")

    nih = sources.add_parser("nih", parents=[common], help="NIH ChestX-ray14, in NIH's own layout")
    nih.add_argument("root", type=Path, metavar="ROOT", help="holds Data_Entry_2017*.csv and images/")
    nih.add_argument("--positive", required=True, metavar="FINDING", help="the finding to tell")
    nih.add_argument("--negative", default="No Finding", metavar="FINDING", help="from what (default: %(default)s)")

    folders = sources.add_parser("folders", parents=[common], help="one folder a class")
    folders.add_argument("root", type=Path, metavar="ROOT", help="holds one folder a class")
    folders.add_argument("--positive", required=True, metavar="FOLDER", help="the diseased one")


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = commands.add_parser("train", help="train a network on a prepared data set")
    train.add_argument("prepared", type=Path, metavar="PREPARED")
    train.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run directory to make")
    train.add_argument("--backbone", metavar="NAME", help="the network (default: small)")
    train.add_argument("--seed", type=int, help="of weights, order and augmentation (default: 0)")
    train.add_argument("--epochs", type=_positive, help="most epochs")
    train.add_argument("--batch-size", type=_positive, help="images a batch")
    train.add_argument("--learning-rate", type=float, help="the highest of the schedule")
    train.add_argument("--patience", type=_positive, help="epochs of a clearly worse validation AUROC before the end")
    train.add_argument("--no-mirror", action="store_false", dest="mirror", help="no averaging over mirror images")
    train.add_argument("--overwrite", action="store_true", help="replace a run that is there")


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number of 1 or more was expected, and {text!r} came")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0, or 2 for what the user can mend, said in one sentence on stderr; 130 after Ctrl-C.
    """
    try:
        options = parser().parse_args(arguments)
        from placa import commands

        getattr(commands, options.command)(options)
    except PlacaError as error:
        return _complain(str(error))
    except BrokenPipeError:
        # Whoever read our output, such as head, has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        from placa.files import explain_os_error

        return _complain(str(explain_os_error(error)))
    except KeyboardInterrupt:
        print("placa: stopped; nothing half-written was left", file=sys.stderr)
        return 130
    return 0


def _complain(message: str) -> int:
    print(f"placa: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
