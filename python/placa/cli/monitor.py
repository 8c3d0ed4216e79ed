"""``placa monitor``: compare months after the deployment of a run with its own test images."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from placa.cli.terminal import print_json, print_line, print_path
from placa.core.arguments import SCHEDULER, add_json
from placa.core.language import number, translate
from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa monitor``."""
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument(
        "periods",
        type=Path,
        nargs="+",
        metavar="SET",
        help="one per period, such as a month: a prepared data set, or a parquet file of placa predict; its name is "
        "that of the period",
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 if the last period has changed")
    add_json(parser)
    parser.add_argument("--scheduler", metavar="ADDRESS", help=SCHEDULER)


def run(options: argparse.Namespace) -> None:
    """Monitor the run, and print what has changed in each period."""
    from placa.core.executors import open_executor
    from placa.workflows.monitor import FOLDER, monitor, require_unchanged

    progress = RichProgress()
    with open_executor(options.scheduler, progress) as executor:
        drift = monitor(options.run, options.periods, progress, executor)
    if options.json:
        print_json(json.loads(drift.to_json(orient="records")))
    else:
        for period, rows in drift.groupby("period"):
            changed = rows[rows["changed"]]
            print_line(
                translate(
                    "{period}: {images} images, {changed} of {variables} variables changed",
                    period=period,
                    images=int(rows["n_images"].max()),
                    changed=len(changed),
                    variables=len(rows),
                )
            )
            for row in changed.to_dict("records"):
                names = (row["finding"], row["variable"], row["level"])
                what = " ".join(name for name in names if isinstance(name, str))
                print_line(
                    translate(
                        "  {what}: {current}, reference {reference} (difference {lower} to {upper})",
                        what=what,
                        current=number(row["current"], 3),
                        reference=number(row["reference"], 3),
                        lower=number(row["difference_lower"], 3, sign=True),
                        upper=number(row["difference_upper"], 3, sign=True),
                    )
                )
        print_path(options.run / FOLDER)
    if options.check:
        require_unchanged(drift)
