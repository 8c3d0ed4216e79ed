"""``placa report``: render a run's report."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa report``."""
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--lang", default="en", choices=("en", "es"), help="its language (default: %(default)s)")
    parser.add_argument("--to", default="html", choices=("html", "pdf", "docx"), help="(default: %(default)s)")
    parser.add_argument("--document", default="evaluation", choices=("evaluation", "model-card"), help="all, or a page")
    parser.add_argument("--findings", nargs="+", default=(), metavar="NAME", help="report on these alone")
    parser.add_argument("--compare", type=Path, metavar="RUN", help="another run to set against this one")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the file to write (default: in RUN/report)")
    parser.add_argument("--renderer", default="auto", choices=("auto", "quarto", "rmarkdown"))


def run(options: argparse.Namespace) -> None:
    """Render the report, evaluating first where that was not done, and print its path."""
    from placa.records.run import require_run
    from placa.reporting.render import render_report
    from placa.workflows.evaluate import evaluate

    require_run(options.run)
    progress = RichProgress()
    if not (options.run / "evaluation" / "summary.json").is_file():
        progress.say("the run was not evaluated yet; that comes first")
        evaluate(options.run, progress=progress)
    names = ("lang", "to", "document", "findings", "compare", "out", "renderer")
    print(render_report(options.run, progress=progress, **{name: getattr(options, name) for name in names}))
