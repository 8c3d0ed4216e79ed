"""``placa sources``: list the sources of images and labels."""

from __future__ import annotations

import argparse

from placa.sources.registry import SOURCES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: ``placa sources`` has no arguments."""


def run(options: argparse.Namespace) -> None:
    """Print the sources as a table."""
    from placa.cli.terminal import print_sources

    print_sources(SOURCES)
