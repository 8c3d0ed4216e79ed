"""``placa download``: download a public data set."""

from __future__ import annotations

import argparse

from placa.core.arguments import LateParser
from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a subcommand for each data set."""
    sets = parser.add_subparsers(
        prog=parser.prog, dest="dataset", metavar="SET", required=True, parser_class=LateParser
    )
    sets.add_parser("nih", help="NIH ChestX-ray14: 112,120 radiographs, 45 GB").fill = _fill_nih


def _fill_nih(parser: argparse.ArgumentParser) -> None:
    from placa.sources.download.nih import add_arguments

    add_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Download the data set."""
    from placa.sources.download import nih

    nih.run(options, RichProgress())
