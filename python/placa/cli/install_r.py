"""``placa install-r``: install the R package placa."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: ``placa install-r`` has no arguments."""


def run(options: argparse.Namespace) -> None:
    """Install the R package and print the path of its library."""
    from placa.evaluation.install_r import install_r_package

    print(install_r_package())
