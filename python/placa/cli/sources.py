"""``placa sources``: list the sources of images and labels."""

from __future__ import annotations

import argparse

from placa.core.arguments import add_json
from placa.sources.registry import SOURCES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the option of ``placa sources``."""
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    """Print the sources as a table."""
    from placa.cli.terminal import print_json, print_sources

    if options.json:
        names = ("name", "summary", "layout", "patients")
        print_json([{name: getattr(row, name) for name in names} for row in SOURCES])
    else:
        print_sources(SOURCES)
