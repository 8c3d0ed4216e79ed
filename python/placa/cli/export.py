"""``placa export``: export a run's model for programs without placa."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.cli.terminal import print_path
from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa export``."""
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument(
        "--to",
        required=True,
        choices=("onnx", "savedmodel", "litert", "hub"),
        help="format; hub: a folder for a model hub, with the model card as README.md",
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder to create (default: RUN/export-FORMAT)")
    parser.add_argument("--overwrite", action="store_true", help="replace an older export")


def run(options: argparse.Namespace) -> None:
    """Export the model and print the folder."""
    from placa.workflows.export import export

    print_path(export(options.run, options.to, options.out, options.overwrite, RichProgress()))
