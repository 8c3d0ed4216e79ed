"""``placa validate``: validate a run on another prepared data set."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.cli.terminal import print_json, print_line, print_path
from placa.core.arguments import SCHEDULER, add_bridge, add_features, add_json, provenance_of
from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa validate``."""
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("prepared", type=Path, metavar="PREPARED", help="all its images are used, whatever their split")
    add_features(parser, "parquet file (or folder) of its embeddings, for a run that was trained on embeddings")
    parser.add_argument("--name", help="name of the validation (default: that of PREPARED)")
    parser.add_argument("--overwrite", action="store_true", help="replace a validation of that name")
    add_bridge(parser)
    add_json(parser)
    parser.add_argument("--scheduler", metavar="ADDRESS", help=SCHEDULER)


def run(options: argparse.Namespace) -> None:
    """Validate the run, and print its results here and elsewhere."""
    from placa.core.executors import open_executor
    from placa.records.evaluation import Summary
    from placa.records.files import read_record
    from placa.workflows.evaluate import headline
    from placa.workflows.validate import validate

    progress = RichProgress()
    with open_executor(options.scheduler, progress) as executor:
        summary = validate(
            options.run,
            options.prepared,
            options.name,
            options.overwrite,
            options.bridge,
            progress,
            executor,
            options.features,
            provenance_of(options),
        )
    if options.json:
        print_json(summary)
        return
    for line in headline(read_record(options.run / "evaluation" / "summary.json", Summary)):
        print_line(line)
    for line in headline(summary):
        print_line(line)
    print_path(options.run / "validation" / (options.name or options.prepared.absolute().name))
