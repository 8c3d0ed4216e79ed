"""Write the tables, paragraphs and figures of a run for a paper, in R."""

from __future__ import annotations

from pathlib import Path

from placa.core.arguments import FIGURE_FORMATS, TABLE_FORMATS
from placa.core.errors import require_known
from placa.core.files import require_writable
from placa.core.language import LANGUAGES
from placa.core.progress import Progress, show
from placa.evaluation.either_bridge import run_separately
from placa.records.run import is_evaluation, require_results, require_run, require_tables
from placa.reporting.errors import FigureWidthError
from placa.reporting.finish import finish
from placa.workflows.evaluate import evaluated_folder

#: Widths in millimetres that R draws.
NARROWEST, WIDEST = 30.0, 400.0


def paper_tables(
    run: str | Path,
    to: str = "docx",
    language: str = "en",
    out: str | Path | None = None,
    split: str = "test",
    progress: Progress | bool = True,
) -> Path:
    """Write the tables of a run, a paragraph of methods with its references, and one of results.

    Args:
        run: A run directory, which is evaluated first if it has no evaluation; or a folder that `evaluate` wrote.
        to: One of `TABLE_FORMATS`.
        language: ``en`` or ``es``.
        out: The folder to write to; ``RUN/paper`` by default. Files of the same names are replaced.
        split: The evaluated split.
        progress: True shows messages on stderr, False nothing.

    Returns:
        The folder, with one file per table, ``methods.md``, ``results.md`` and ``references.bib``.

    Raises:
        UnknownNameError: The format or language is unknown.
        RError: R cannot write the format.
        PlacaError: `run` is not a run, or R is missing.
    """
    require_known("format of tables", to, TABLE_FORMATS)
    run, out, progress = _prepare(run, language, out, split, progress)
    before = _word_files(out)
    run_separately(progress, "write_paper_tables", str(run), str(out), to, language, split)
    for file, written in _word_files(out).items():
        if before.get(file) != written:
            finish(file, "docx")
    return out


def _word_files(folder: Path) -> dict[Path, int]:
    """Return the Word files of a folder with the time of their last change."""
    return {file: file.stat().st_mtime_ns for file in folder.glob("*.docx")}


def paper_figures(
    run: str | Path,
    width: float = 85.0,
    to: str = "pdf",
    language: str = "en",
    out: str | Path | None = None,
    split: str = "test",
    progress: Progress | bool = True,
) -> Path:
    """Write the figures of a run at the width of a journal's column.

    Args:
        run: A run directory, which is evaluated first if it has no evaluation; or a folder that `evaluate` wrote.
        width: Width in millimetres, 30 to 400; journals often ask for 85 or 180.
        to: One of `FIGURE_FORMATS`.
        language: ``en`` or ``es``.
        out: The folder to write to; ``RUN/paper/figures`` by default. Files of the same names are replaced.
        split: The evaluated split.
        progress: True shows messages on stderr, False nothing.

    Returns:
        The folder, with one file per figure.

    Raises:
        UnknownNameError: The format or language is unknown.
        FigureWidthError: The width is outside the range.
        PlacaError: `run` is not a run, or R is missing.
    """
    require_known("format of figures", to, FIGURE_FORMATS)
    if not NARROWEST <= width <= WIDEST:
        raise FigureWidthError(
            f"The width of figures must be {NARROWEST:g} to {WIDEST:g} mm, got {width:g} mm. Journals often ask for "
            "85mm or 180mm.",
            width=width,
        )
    run, out, progress = _prepare(run, language, out or Path(run) / "paper" / "figures", split, progress)
    run_separately(progress, "write_paper_figures", str(run), str(out), f"{width:g}", to, language, split)
    return out


def _prepare(
    run: str | Path, language: str, out: str | Path | None, split: str, progress: Progress | bool
) -> tuple[Path, Path, Progress]:
    run, shown = Path(run), show(progress)
    require_known("language", language, LANGUAGES)
    if is_evaluation(run):
        require_tables(run)
    else:
        require_results(run, require_run(run))
        evaluated_folder(run, split, shown)
    target = Path(out) if out else run / "paper"
    require_writable(target.parent)
    return run, target, shown
