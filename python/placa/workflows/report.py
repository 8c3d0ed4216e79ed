"""Report on a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from placa.core.progress import Progress, show
from placa.records.run import require_run
from placa.reporting.render import choose_format, render_report
from placa.workflows.evaluate import evaluated_folder


def report(
    run: str | Path,
    language: str = "en",
    to: str | None = None,
    document: str = "evaluation",
    findings: str | Iterable[str] = (),
    compare: str | Path | None = None,
    out: str | Path | None = None,
    renderer: str = "auto",
    progress: Progress | bool = True,
    pictures: bool = True,
    split: str = "test",
) -> Path:
    """Render the report of a run, after evaluating the run if it has no evaluation yet.

    Args:
        run: A run directory.
        language: ``en`` or ``es``.
        to: ``html``, ``pdf`` or ``docx``; by default that of the ending of `out`, or ``html``.
        document: ``evaluation``, or ``model-card``.
        findings: Findings to report on; all by default.
        compare: Another run to compare with this one.
        out: The file to write; in ``RUN/report`` by default.
        renderer: ``quarto``, ``rmarkdown``, or ``auto``: Quarto if it is installed, otherwise R Markdown.
        progress: True shows messages on stderr, False nothing.
        pictures: Whether radiographs are shown; text that is burnt into their pixels is visible.
        split: The split to report on. The report names it, and calls it unseen only if it is the test set.

    Returns:
        The path of the report.

    Raises:
        PlacaError: `run` is not a run, R or a renderer is missing, or rendering fails.
    """
    run, progress = Path(run), show(progress)
    require_run(run)
    # A wrong ending is refused before the evaluation is computed.
    to = choose_format(to, Path(out) if out else None)
    evaluated_folder(run, split, progress)
    return render_report(run, language, to, out, renderer, progress, findings, compare, document, pictures, split)
