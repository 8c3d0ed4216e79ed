"""``placa prepare``: prepare a data set from a source of images and labels."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from placa.cli.terminal import print_path
from placa.core.arguments import SCHEDULER, LateParser, nonnegative_integer, positive_integer
from placa.core.language import translate
from placa.core.progress import RichProgress
from placa.sources.registry import SOURCES, SourceEntry, find_source


def add_arguments(parser: LateParser) -> None:
    """Add a subcommand for each source, with its own arguments and the common ones."""
    sources = parser.add_subparsers(prog=parser.prog, dest="source", metavar="SOURCE", required=True)
    common = LateParser(add_help=False)
    common.add_argument("--out", type=Path, required=True, metavar="DIR", help="the directory to create")
    common.add_argument("--size", type=positive_integer, help="side of the stored square images, in pixels")
    common.add_argument("--seed", type=nonnegative_integer, default=0, help="seed of the splits (default: %(default)s)")
    common.add_argument(
        "--fractions",
        type=float,
        nargs=3,
        metavar=("TRAIN", "VALIDATION", "TEST"),
        help="shares of the images (default: 70 15 15)",
    )
    common.add_argument(
        "--test-list", type=Path, metavar="FILE", help="a list of the test images or patients, one per line"
    )
    common.add_argument("--overwrite", action="store_true", help="replace an existing data set")
    common.add_argument("--scheduler", metavar="ADDRESS", help=SCHEDULER)

    for row in SOURCES:
        source = sources.add_parser(row.name, parents=[common], help=row.summary)
        summary = translate(row.summary)
        source.description = f"{summary[0].upper()}{summary[1:]}. {translate('Layout')}: {translate(row.layout)}."
        source.fill = partial(_fill_source, row)


def _fill_source(row: SourceEntry, parser: argparse.ArgumentParser) -> None:
    row.module().add_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Prepare the data set and print its path."""
    from placa.core.files import refuse_existing
    from placa.workflows.prepare import DEFAULT_SIZE, prepare

    refuse_existing(options.out, options.overwrite)
    from placa.core.executors import open_executor
    from placa.dataset.splits import SplitPlan

    progress = RichProgress()
    fractions = {"fractions": tuple(options.fractions)} if options.fractions else {}
    plan = SplitPlan(options.seed, test_list=options.test_list, **fractions)
    with open_executor(options.scheduler, progress) as executor:
        source = find_source(options.source).module().from_options(options, progress)
        size = options.size or DEFAULT_SIZE
        prepare(source, options.out, size, options.seed, options.overwrite, progress, plan, executor)
    print_path(options.out)
