"""``placa tables``: write a run's tables and paragraphs for a paper."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.cli.terminal import print_path
from placa.core.arguments import TABLE_FORMATS
from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa tables``."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run, or a folder that placa evaluate wrote")
    parser.add_argument("--to", default="docx", choices=TABLE_FORMATS, help="format (default: %(default)s)")
    parser.add_argument("--split", default="test", help="the evaluated split (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder to write to (default: RUN/paper)")


def run(options: argparse.Namespace) -> None:
    """Write the tables and paragraphs, and print the folder."""
    from placa.workflows.paper import paper_tables

    print_path(paper_tables(options.run, options.to, options.lang, options.out, options.split, RichProgress()))
