"""``placa sources``: list the sources of images and labels."""

from __future__ import annotations

import argparse

from placa.cli.terminal import print_json, print_table
from placa.core.arguments import add_json
from placa.core.language import translate
from placa.sources.registry import SOURCES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the option of ``placa sources``."""
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    """Print the sources as a table."""
    if options.json:
        names = ("name", "summary", "layout", "patients")
        print_json([{name: getattr(row, name) for name in names} for row in SOURCES])
        return
    from rich.table import Table

    grid = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    grid.add_column(translate("source"), style="bold", no_wrap=True)
    for name in ("description", "layout", "patients"):
        grid.add_column(translate(name), overflow="fold")
    for row in SOURCES:
        grid.add_row(row.name, *map(translate, (row.summary, row.layout, row.patients)))
    print_table(grid)
    print(translate("\nRun placa prepare SOURCE --help for the options of a source."))
