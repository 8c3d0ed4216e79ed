"""``placa report``: render a run's report."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.cli.terminal import print_path
from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa report``."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run, or a folder that placa evaluate wrote")
    parser.add_argument(
        "--to", choices=("html", "pdf", "docx"), help="format (default: that of the ending of --out, or html)"
    )
    parser.add_argument(
        "--document", default="evaluation", choices=("evaluation", "model-card"), help="complete report or one page"
    )
    parser.add_argument(
        "--findings", nargs="+", default=(), metavar="NAME", help="findings to report on (default: every finding)"
    )
    parser.add_argument("--compare", type=Path, metavar="RUN", help="another run to compare with this one")
    parser.add_argument("--split", default="test", help="the evaluated split to report on (default: %(default)s)")
    parser.add_argument(
        "--evaluation",
        type=Path,
        metavar="FOLDER",
        help="a folder that placa evaluate --out wrote (default: in RUN)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="the file to write (default: in RUN/report)")
    parser.add_argument("--no-pictures", dest="pictures", action="store_false", help="leave out all radiographs")
    parser.add_argument(
        "--renderer",
        default="auto",
        choices=("auto", "quarto", "rmarkdown"),
        help="Quarto, or R Markdown with pandoc; auto: Quarto if it is installed (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> None:
    """Render the report, after evaluating the run if necessary, and print the path of the report."""
    from placa.workflows.report import report

    names = ("to", "document", "findings", "compare", "out", "renderer", "pictures", "split", "evaluation")
    print_path(
        report(options.run, options.lang, progress=RichProgress(), **{name: getattr(options, name) for name in names})
    )
