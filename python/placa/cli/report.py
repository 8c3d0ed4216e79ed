"""``placa report``: render a run's report."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa report``."""
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--lang", default="en", choices=("en", "es"), help="language (default: %(default)s)")
    parser.add_argument("--to", default="html", choices=("html", "pdf", "docx"), help="format (default: %(default)s)")
    parser.add_argument(
        "--document", default="evaluation", choices=("evaluation", "model-card"), help="complete report or one page"
    )
    parser.add_argument(
        "--findings", nargs="+", default=(), metavar="NAME", help="findings to report on (default: all)"
    )
    parser.add_argument("--compare", type=Path, metavar="RUN", help="another run to compare with this one")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the file to write (default: in RUN/report)")
    parser.add_argument(
        "--renderer", default="auto", choices=("auto", "quarto", "rmarkdown"), help="(default: %(default)s)"
    )


def run(options: argparse.Namespace) -> None:
    """Render the report, after evaluating the run if necessary, and print the path of the report."""
    from placa.records.run import require_run
    from placa.reporting.render import render_report
    from placa.workflows.evaluate import evaluate

    require_run(options.run)
    progress = RichProgress()
    if not (options.run / "evaluation" / "summary.json").is_file():
        progress.say("evaluating the run first, which has no evaluation yet")
        evaluate(options.run, progress=progress)
    names = ("lang", "to", "document", "findings", "compare", "out", "renderer")
    print(render_report(options.run, progress=progress, **{name: getattr(options, name) for name in names}))
