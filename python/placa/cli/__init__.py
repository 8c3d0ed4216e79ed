"""The command line: `placa`. It parses, calls one function of the package, and prints; heavy imports wait for use."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import placa
from placa.core.arguments import LateParser, whole_number
from placa.core.errors import PlacaError
from placa.sources.registry import SOURCES, Row

_TELLS = """\
  placa demo                                   phantoms to report, in two minutes
  placa prepare nih NIH --positive Pneumonia --out data/prepared/pneumonia
  placa train data/prepared/pneumonia --out runs/pneumonia
  placa evaluate runs/pneumonia
  placa report runs/pneumonia
  placa predict runs/pneumonia some/images --out some.parquet
"""

_SCHEDULER = "a Dask scheduler whose workers read the files, on the same disk (tcp://HOST:8786; needs placa[dask])"


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
    _add_prepare(commands)
    audit = commands.add_parser("audit", help="look for what would make figures from a prepared data set too good")
    audit.add_argument("prepared", type=Path, metavar="PREPARED")
    commands.add_parser("sources", help="list where images and labels can come from")
    download = commands.add_parser("download", help="fetch a public data set")
    sets = download.add_subparsers(dest="dataset", metavar="SET", required=True, parser_class=LateParser)
    sets.add_parser("nih", help="NIH ChestX-ray14: 112,120 radiographs, 45 GB").fill = _fill_download
    _add_train(commands)

    predict = commands.add_parser("predict", help="say of images what a run's model makes of them")
    predict.add_argument("run", type=Path, metavar="RUN")
    predict.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE", help="files and folders, in any mix; or one prepared data set"
    )
    predict.add_argument("--out", type=Path, metavar="FILE", help="a parquet file to write the table to")
    predict.add_argument("--rows", type=int, default=20, help="how many rows to print (default: %(default)s; 0: all)")
    predict.add_argument("--scheduler", metavar="ADDRESS", help=_SCHEDULER)

    _add_explain(commands)

    evaluate = commands.add_parser("evaluate", help="evaluate a run in R: tables and figures")
    evaluate.add_argument("run", type=Path, metavar="RUN")
    evaluate.add_argument("--split", default="test", help="which split (default: %(default)s)")
    evaluate.add_argument("--bridge", default="auto", choices=("auto", "rpy2", "rscript"), help="how to reach R")

    report = commands.add_parser("report", help="render a run's report")
    report.add_argument("run", type=Path, metavar="RUN")
    report.add_argument("--lang", default="en", choices=("en", "es"), help="its language (default: %(default)s)")
    report.add_argument("--to", default="html", choices=("html", "pdf", "docx"), help="(default: %(default)s)")
    report.add_argument("--document", default="evaluation", choices=("evaluation", "model-card"), help="all, or a page")
    report.add_argument("--findings", nargs="+", default=(), metavar="NAME", help="report on these alone")
    report.add_argument("--compare", type=Path, metavar="RUN", help="another run to set against this one")
    report.add_argument("--renderer", default="auto", choices=("auto", "quarto", "rmarkdown"))

    commands.add_parser("doctor", help="say what is there, what is missing, and what that costs")

    demo = commands.add_parser("demo", help="phantoms, training, prediction, evaluation in R, report")
    demo.add_argument("--data", type=Path, default=Path("data/prepared/demo"), help="(default: %(default)s)")
    demo.add_argument("--out", type=Path, default=Path("runs/demo"), metavar="RUN", help="(default: %(default)s)")
    demo.add_argument("--images", type=int, default=800, help="how many phantoms (default: %(default)s)")
    demo.add_argument("--epochs", type=int, help="most epochs")
    demo.add_argument("--lang", default="en", choices=("en", "es"), help="the report's language (default: %(default)s)")
    return top


def _add_prepare(commands: argparse._SubParsersAction[LateParser]) -> None:
    prepare = commands.add_parser("prepare", help="images and labels to a prepared data set: splits, pixels, audit")
    sources = prepare.add_subparsers(dest="source", metavar="SOURCE", required=True, parser_class=LateParser)
    common = LateParser(add_help=False)
    common.add_argument("--out", type=Path, required=True, metavar="DIR", help="the directory to make")
    common.add_argument("--size", type=whole_number, help="side of the cached squares, in pixels")
    common.add_argument("--seed", type=int, default=0, help="of the splits (default: %(default)s)")
    common.add_argument(
        "--fractions",
        type=float,
        nargs=3,
        metavar=("TRAIN", "VALIDATION", "TEST"),
        help="shares of the images (default: 70 15 15)",
    )
    common.add_argument("--test-list", type=Path, metavar="FILE", help="names the test images or patients, one a line")
    common.add_argument("--overwrite", action="store_true", help="replace a data set that is there")
    common.add_argument("--scheduler", metavar="ADDRESS", help=_SCHEDULER)

    for row in SOURCES:
        source = sources.add_parser(row.name, parents=[common], help=row.summary)
        source.description = f"{row.summary[0].upper()}{row.summary[1:]}. What lies where: {row.layout}."
        source.fill = partial(_fill_source, row)


def _fill_source(row: Row, parser: argparse.ArgumentParser) -> None:
    row.module().add_arguments(parser)


def _fill_download(parser: argparse.ArgumentParser) -> None:
    from placa.sources.download.nih import add_arguments

    add_arguments(parser)


def _add_train(commands: argparse._SubParsersAction[LateParser]) -> None:
    train = commands.add_parser("train", help="train a network on a prepared data set")
    train.add_argument("prepared", type=Path, metavar="PREPARED")
    train.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run directory to make")
    train.add_argument("--overwrite", action="store_true", help="replace a run that is there")
    train.add_argument("--resume", action="store_true", help="go on where a training of this run was stopped")
    train.add_argument(
        "--processes", metavar="ADDRESSES", help="HOST or HOST:PORT of each process that trains along, commas between"
    )
    train.add_argument(
        "--process-id", type=int, metavar="N", help="which of them this is, from 0 (SLURM's own by itself)"
    )
    train.fill = _fill_train


def _fill_train(parser: argparse.ArgumentParser) -> None:
    from placa.training.arguments import add_arguments

    add_arguments(parser)


def _add_explain(commands: argparse._SubParsersAction[LateParser]) -> None:
    explain = commands.add_parser("explain", help="show where in images a run's model sees a finding (Grad-CAM)")
    explain.description = (
        "Grad-CAM (Selvaraju et al. 2017) of image files. In DIR, for each image and finding: IMAGE.FINDING.png, the "
        "overlay, coloured relative to the map's own maximum; IMAGE.FINDING.npy, the raw map (float32, the model's "
        "size, in units of the logit); and explain.csv, which lists them. Of a CT volume, the square of the highest "
        "score is explained."
    )
    explain.add_argument("run", type=Path, metavar="RUN")
    explain.add_argument("images", type=Path, nargs="*", metavar="IMAGE", help="files and folders, in any mix")
    explain.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    explain.add_argument("--finding", metavar="NAME", help="which (default: each image's most probable)")
    explain.add_argument(
        "--boxes",
        type=Path,
        metavar="PREPARED",
        help="explain the test images of a prepared set that have lesion boxes too, and score the maps against these: "
        "the pointing game, and overlap (boxes.csv, boxes.json)",
    )
    explain.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="of its maximum, from which a map counts as marked in the overlap (default: %(default)s)",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0, or 2 for what the user can mend, said in one sentence on stderr; 130 after Ctrl-C.
    """
    try:
        options = parser().parse_args(arguments)
        from placa.cli import commands

        getattr(commands, options.command)(options)
    except PlacaError as error:
        return _complain(str(error))
    except BrokenPipeError:
        # Whoever read our output, such as head, has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        from placa.core.files import explain_os_error

        return _complain(str(explain_os_error(error)))
    except KeyboardInterrupt as interrupt:
        # What can be gone on with says so itself.
        said = f". {interrupt}" if interrupt.args else "; nothing half-written was left"
        print(f"placa: stopped{said}", file=sys.stderr)
        return 130
    return 0


def _complain(message: str) -> int:
    print(f"placa: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
