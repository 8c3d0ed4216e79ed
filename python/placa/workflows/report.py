"""Report on a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from placa.core.errors import require_known
from placa.core.files import atomic_file
from placa.core.language import LANGUAGES
from placa.core.progress import Progress, show
from placa.core.temporary import temporary_directory
from placa.evaluation.bridge import find_r
from placa.evaluation.either_bridge import run_separately
from placa.evaluation.errors import NeedsRError
from placa.records.run import is_evaluation, require_run, require_tables
from placa.reporting.errors import ReportEndingError
from placa.reporting.model_card import card_path
from placa.reporting.plain_report import write_plain_page, write_plain_report
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
    evaluation: str | Path | None = None,
) -> Path:
    """Render the report of a run, after evaluating the run if it has no evaluation yet.

    Args:
        run: A run directory; or a folder that `evaluate` wrote for predictions made elsewhere, whose report has its
            tables and figures, as Markdown, or as HTML or Word by pandoc. Where R is missing, the report of a run is
            Markdown without figures.
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
        evaluation: A folder that `evaluate` wrote for this run with `out`; the run stays as it is. By default that of
            `split` in the run.

    Returns:
        The path of the report.

    Raises:
        UnknownNameError: The language is unknown.
        ReportEndingError: R is missing and the format is not Markdown.
        NeedsRError: R is missing and two runs are compared.
        PlacaError: `run` is not a run, a renderer is missing, or rendering fails.
    """
    run, progress = Path(run), show(progress)
    if is_evaluation(run) or find_r() is None:
        return _report_without_r(run, language, to, document, compare, Path(out) if out else None, progress, split)
    require_run(run)
    # A wrong ending is refused before the evaluation is computed.
    to = choose_format(to, Path(out) if out else None)
    if evaluation is None:
        evaluated_folder(run, split, progress)
    if compare is not None and split == "test":
        progress.say(
            "this comparison is one look more at the test set: choose between models on validation images "
            "(--split validation)"
        )
    return render_report(
        run, language, to, out, renderer, progress, findings, compare, document, pictures, split, evaluation
    )


def _report_without_r(
    run: Path,
    language: str,
    to: str | None,
    document: str,
    compare: str | Path | None,
    out: Path | None,
    progress: Progress,
    split: str,
) -> Path:
    """Write the tables as Markdown, or copy the model card."""
    require_known("language of the report", language, LANGUAGES)
    markdown = to is None and (out is None or out.suffix.lower() == ".md")
    to = None if markdown else choose_format(to, out)
    if to is not None and (to == "pdf" or not is_evaluation(run)):
        others = ", .html or .docx" if is_evaluation(run) else ": pages of runs need R"
        raise ReportEndingError(
            f"This report can only be Markdown (.md){others}, got {to}. Omit --to, or pass --out report.md.",
            path=str(out or run),
            format="md",
        )
    if compare is not None:
        raise NeedsRError("--compare needs R, which was not found. Install R, or omit the option.", part="compare")
    ending = f"{'' if language == 'en' else f'{language}.'}{to or 'md'}"
    if is_evaluation(run):
        require_tables(run)
        target = out or run / f"report.{ending}"
        name = run.resolve().name
        if to is None:
            figures = _figures_in(language, run, target.with_name(f"{target.stem}_figures"), progress)
            write_plain_report(run, target, name, language, figures)
            return target
        with temporary_directory("placa-figures-") as work:
            write_plain_page(run, target, name, language, to, _figures_in(language, run, work, progress))
        return target
    facts = require_run(run)
    folder = evaluated_folder(run, split, progress)
    progress.warn("R was not found, so the report has tables and no figures")
    if document == "model-card":
        card = card_path(run, language)
        if out is None:
            return card
        with atomic_file(out) as partial:
            shutil.copyfile(card, partial)
        return out
    target = out or run / "report" / f"{folder.name}.{ending}"
    write_plain_report(folder, target, facts["name"], language)
    return target


def _figures_in(language: str, evaluation: Path, folder: Path, progress: Progress) -> Path | None:
    """Draw the figures of an evaluation, which are in English, in another language; None if they are as needed."""
    if language == "en" or find_r() is None or not (evaluation / "roc.png").is_file():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    run_separately(progress, "write_figures_in", language, str(evaluation), str(folder))
    return folder
