"""``placa figures``: write a run's figures for a journal."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from placa.cli.terminal import print_path
from placa.core.arguments import FIGURE_FORMATS
from placa.core.progress import RichProgress

_MILLIMETRES = {"": 1.0, "mm": 1.0, "cm": 10.0, "in": 25.4}


def millimetres(text: str) -> float:
    """Read a width such as ``85mm``, ``8.5cm``, ``3.35in`` or ``85``."""
    found = re.fullmatch(r"(\d+(?:[.,]\d+)?)\s*(mm|cm|in|)", text.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"must be a width such as 85mm, 8.5cm or 3.35in, got {text!r}")
    return float(found[1].replace(",", ".")) * _MILLIMETRES[found[2]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa figures``."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run, or a folder that placa evaluate wrote")
    parser.add_argument(
        "--width", type=millimetres, default=85.0, metavar="WIDTH", help="85mm (one column, default) or 180mm (two)"
    )
    parser.add_argument(
        "--format", dest="to", default="pdf", choices=FIGURE_FORMATS, help="format (default: %(default)s)"
    )
    parser.add_argument("--split", default="test", help="the evaluated split (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder to write to (default: RUN/paper/figures)")


def run(options: argparse.Namespace) -> None:
    """Write the figures, and print the folder."""
    from placa.workflows.paper import paper_figures

    named = {name: getattr(options, name) for name in ("width", "to", "out", "split")}
    print_path(paper_figures(options.run, language=options.lang, progress=RichProgress(), **named))
