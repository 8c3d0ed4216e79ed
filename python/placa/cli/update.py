"""``placa update``: update a run for a local data set."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.cli.terminal import print_line, print_path
from placa.core.arguments import SCHEDULER, UPDATE_METHODS, add_bridge, add_features, provenance_of
from placa.core.language import number, translate
from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa update``."""
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("prepared", type=Path, metavar="PREPARED", help="all its images are used, whatever their split")
    parser.add_argument("--out", type=Path, required=True, metavar="NEWRUN", help="the run to create")
    parser.add_argument(
        "--method",
        choices=UPDATE_METHODS,
        default="auto",
        help="what is updated; auto: the simplest that a closed test supports (default: %(default)s)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing run")
    add_features(parser, "parquet file (or folder) of its embeddings, for a run that was trained on embeddings")
    add_bridge(parser)
    parser.add_argument("--scheduler", metavar="ADDRESS", help=SCHEDULER)


def run(options: argparse.Namespace) -> None:
    """Update the run, and print what changes."""
    import pandas as pd

    from placa.core.executors import open_executor
    from placa.records.table_files import read_results
    from placa.workflows.update import update

    progress = RichProgress()
    with open_executor(options.scheduler, progress) as executor:
        facts = update(
            options.run,
            options.prepared,
            options.out,
            options.method,
            options.overwrite,
            options.bridge,
            progress,
            executor,
            options.features,
            provenance_of(options),
        )
    for finding, one in facts["update"]["findings"].items():
        line = ""
        if one["slope"] is not None and one["intercept"] is not None:
            line = f": logit = {number(one['intercept'], 2)} + {number(one['slope'], 2)} × logit"
        counts = translate("on {images} images, {positives} positive", images=one["images"], positives=one["positives"])
        print_line(f"{finding}: {one['method']}{line}, {counts}")
    for name, keys in (("gain", ["finding", "metric"]), ("operating", ["finding", "operating_point", "metric"])):
        for row in read_results(options.out / "update" / f"{name}.csv").to_dict("records"):
            what = ", ".join(str(row[key]) for key in keys)
            text = "{what}: {before} before, {after} after"
            if not pd.isna(row["lower"]):
                text = "{what}: {before} before, {after} after, difference {lower} to {upper}"
            numbers = {key: number(row[key], 3) for key in ("before", "after", "lower", "upper")}
            print_line(translate(text, what=what, **numbers))
    print_path(options.out)
