"""``placa evaluate``: evaluate a run in R."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.cli.terminal import print_json, print_line, print_path
from placa.core.arguments import add_bridge, add_json
from placa.core.progress import RichProgress
from placa.records.evaluation import evaluation_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa evaluate``."""
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--split", default="test", help="split to evaluate, in its own folder (default: %(default)s)")
    add_bridge(parser)
    add_json(parser)
    parser.add_argument(
        "--prevalence",
        type=float,
        metavar="SHARE",
        help="prevalence where the model would be used, such as 0.05, for the decision curve and predictive values",
    )
    parser.add_argument(
        "--readers",
        type=Path,
        metavar="FILE",
        help="CSV or parquet file with ratings of readers (reader, image_id, finding, rating), compared with the model",
    )


def run(options: argparse.Namespace) -> None:
    """Evaluate the run and print the main results."""
    from placa.workflows.evaluate import evaluate, headline

    summary = evaluate(options.run, options.split, options.bridge, RichProgress(), options.prevalence, options.readers)
    if options.json:
        print_json(summary)
        return
    for line in headline(summary):
        print_line(line)
    print_path(evaluation_folder(options.run, options.split))
