"""``placa share``: write the files of a run that may leave the hospital."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.cli.terminal import print_path
from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa share``."""
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the directory to create")
    parser.add_argument("--key", type=Path, metavar="FILE", help="secret key for the ids (default: your own)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing directory")


def run(options: argparse.Namespace) -> None:
    """Write the copy, list the files that were left out, and print its path."""
    from placa.workflows.share import share

    progress = RichProgress()
    shared = share(options.run, options.out, options.lang, options.key, options.overwrite, progress)
    reasons = {"made_again": "made again without ids and radiographs", "not_shared": "not shared"}
    for name, reason in shared.left_out:
        progress.say(f"left out: {name} ({reasons[reason]})")
    progress.say(f"{len(shared.files):,} files may leave this machine; look at them before you send them")
    print_path(options.out)
