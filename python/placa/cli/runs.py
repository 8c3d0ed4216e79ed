"""``placa runs``: list runs with their data, options and results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from placa.core.arguments import add_json
from placa.core.progress import RichProgress

if TYPE_CHECKING:
    import pandas as pd


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa runs``."""
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs"), metavar="DIR", help="(default: runs)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print the list as CSV")
    add_json(form)


def run(options: argparse.Namespace) -> None:
    """Print the runs as a table, as CSV or as JSON."""
    import json

    from placa.cli.terminal import print_json
    from placa.workflows.runs import list_runs

    runs = list_runs(options.folder, RichProgress())
    if options.csv:
        runs.to_csv(sys.stdout, index=False, lineterminator="\n")
    elif options.json:
        print_json(json.loads(runs.to_json(orient="records", double_precision=15)))
    else:
        _print_runs(runs)


def _print_runs(runs: pd.DataFrame) -> None:
    import pandas as pd
    from rich.table import Table

    from placa.cli.terminal import print_table
    from placa.core.language import number, translate
    from placa.core.progress import plain

    grid = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("run", "data", "backbone", "seed", "finding"):
        grid.add_column(translate(name), overflow="fold")
    for name in ("AUROC", "external AUROC"):
        grid.add_column(translate(name), justify="right")
    for row in runs.to_dict("records"):
        auroc = external = ""
        if pd.notna(row["auroc"]):
            limits = {name: number(row[f"auroc_{name}"], 3) for name in ("lower", "upper")}
            auroc = f"{number(row['auroc'], 3)} ({translate('{lower} to {upper}', **limits)})"
        if pd.notna(row["external_auroc"]):
            external = f"{number(row['external_auroc'], 3)} ({row['external']})"
        cells = (row["run"], row["data"], row["backbone"], row["seed"], row["finding"], auroc, external)
        grid.add_row(*(plain(str(cell)) for cell in cells))
    print_table(grid)
