"""Render the report of a run with Quarto, or without Quarto with R Markdown and pandoc."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from placa.core.errors import require_known
from placa.core.files import atomic_file, find_shared, require_writable
from placa.core.language import LANGUAGES
from placa.core.processes import environment, guarded, process_killed
from placa.core.temporary import temporary_directory
from placa.core.text import as_list, shell_path
from placa.evaluation.errors import MissingSourceError
from placa.reporting.errors import (
    NotEvaluatedError,
    OutputIsDirectoryError,
    RenderError,
    ReportEndingError,
    ReportSourceError,
)
from placa.reporting.finish import finish
from placa.reporting.renderers import Renderer, choose_renderer, last_useful_line, pandoc_for_typst, set_pdf
from placa.reporting.words import Words

if TYPE_CHECKING:
    from placa.core.progress import Progress

_DOCUMENT = "evaluation.qmd"

#: Formats of a report and their names in Quarto. The documents declare only HTML, so `quarto render` makes only that.
FORMATS = {"html": "html", "pdf": "typst", "docx": "docx"}
DOCUMENTS = ("evaluation", "model-card")


def render_report(
    run: str | Path,
    lang: str = "en",
    to: str | None = None,
    out: str | Path | None = None,
    renderer: str = "auto",
    progress: Progress | None = None,
    findings: str | Iterable[str] = (),
    compare: str | Path | None = None,
    document: str = "evaluation",
    pictures: bool = True,
    split: str = "test",
    evaluation: str | Path | None = None,
) -> Path:
    """Render the report of an evaluated run, or its model card.

    The run is not changed. The report is rendered in a temporary directory, then moved to its path. If rendering fails,
    the log of the renderer is kept at the path of the report with the suffix ``.log``.

    Args:
        run: A run directory with its ``evaluation/``.
        lang: Language, ``en`` or ``es``.
        to: Format: ``html``, one self-contained file; ``pdf``, which needs Quarto or ``placa[pdf]``; or ``docx``. By
            default that of the ending of `out`, or ``html``.
        out: The file to write; ``RUN/report/evaluation.html`` by default, ``evaluation.es.html`` in Spanish.
        renderer: ``quarto``, ``rmarkdown``, or ``auto``: Quarto if it is installed, otherwise R Markdown.
        progress: Shows a note on the chosen renderer.
        findings: Findings to report on; all by default. The model card always has all of them.
        compare: Another run to compare with this one, on the test images that both have.
        document: ``evaluation``, or ``model-card``, the card beside the model as a page.
        pictures: Whether radiographs are shown.
        split: The evaluated split to report on.
        evaluation: A folder that `evaluate` wrote for this run outside of it; by default that of `split` in the run.

    Returns:
        The path of the report.

    Raises:
        NotEvaluatedError: `run` has no evaluation.
        UnknownNameError: The language, format, document, renderer or a finding is unknown.
        ReportEndingError: `out` has another ending than the format.
        OutputIsDirectoryError: `out` is a directory.
        MissingRendererError, RNotFoundError, MissingRPackageError: See `choose_renderer`.
        RenderError: The renderer failed.
        PlacaError: `run` or `compare` is not a run, or the report cannot be written.
    """
    run, out, compare = Path(run), Path(out) if out else None, Path(compare) if compare else None
    from placa.records.evaluation import evaluation_folder
    from placa.records.run import require_evaluation, require_files, require_results, require_run

    to = choose_format(to, out)
    facts = require_run(run)
    elsewhere = "" if evaluation is None else str(Path(evaluation).resolve())
    evaluation = evaluation_folder(run, split) if evaluation is None else Path(evaluation)
    if not (evaluation / "summary.json").is_file():
        raise NotEvaluatedError(
            f"{run} has no evaluation in {evaluation}, which the report needs. Run placa evaluate "
            f"{shell_path(str(run))} first.",
            run=str(run),
        )
    if not require_files(run, facts) and progress:
        progress.warn(f"{run / 'run.json'} has no digest or no fingerprints: its files may have changed")
    require_evaluation(run, facts, evaluation)
    require_results(run, facts)
    require_known("report format", to, FORMATS)
    require_known("document", document, DOCUMENTS)
    findings = as_list(findings)
    for finding in findings:
        require_known("finding", finding, facts["data"]["findings"])
    if compare is not None:
        require_run(compare)
    require_known("language of the report", lang, LANGUAGES)
    sources = find_reports()
    suffix = evaluation_folder(run, split).name.removeprefix("evaluation") + ("" if lang == "en" else f".{lang}")
    target = out or run / "report" / f"{document}{suffix}.{to}"
    if target.is_dir():
        raise OutputIsDirectoryError(
            f"The report is one file, but {target} is a directory. Name a file, for example {target / f'report.{to}'}.",
            path=str(target),
        )
    require_writable(target.parent)
    chosen = choose_renderer(renderer, to)
    if progress and chosen.note:
        progress.say(chosen.note)
    parameters = {
        "run": str(run.resolve()),
        "language": lang,
        "findings": ",".join(findings),
        "compare": str(compare.resolve()) if compare else "",
        "pictures": "" if pictures else "no",
        "split": split,
        "evaluation": elsewhere,
    }
    with temporary_directory("placa-report-") as temporary:
        page = _render(chosen, sources, temporary / "reports", document, to, parameters, target)
        with atomic_file(target) as partial:
            shutil.copyfile(page, partial)
    _log_of(target).unlink(missing_ok=True)
    return target


def choose_format(to: str | None, out: Path | None) -> str:
    """Return the format of a report: `to`, otherwise that of the ending of `out`.

    Raises:
        ReportEndingError: `out` has another ending than `to`.
    """
    if out is None or out.is_dir():
        return "html" if to is None else to
    ending = out.suffix.lower().removeprefix(".")
    if to is None:
        to = ending if ending in FORMATS else "html"
    if to in FORMATS and ending != to:
        endings = ", ".join(f".{name}" for name in FORMATS)
        raise ReportEndingError(
            f"{out} must end in .{to}, the format of the report (formats: {endings}). Pass another --out or --to.",
            path=str(out),
            format=to,
        )
    return to


def find_reports() -> Path:
    """Return the folder with the source of the report, ``reports/``.

    It is ``PLACA_REPORTS`` if that is set; otherwise the one of the installed package or of placa's source directory;
    otherwise the one in the current directory or in a parent of it.

    Raises:
        ReportSourceError: ``PLACA_REPORTS`` is set, but the folder has no source of the report.
        MissingSourceError: None of these folders exists.
    """
    named = os.environ.get("PLACA_REPORTS")
    around = [folder / "reports" for folder in (Path.cwd(), *Path.cwd().parents)]
    places = [Path(named)] if named else [*filter(None, [find_shared("reports")]), *around]
    for place in places:
        if (place / _DOCUMENT).is_file():
            return place.resolve()
    if named:
        raise ReportSourceError(
            f"PLACA_REPORTS is {named}, which has no {_DOCUMENT}. Set it to the folder reports of placa's source.",
            folder=named,
            file=_DOCUMENT,
        )
    raise MissingSourceError(
        f"The source of the report, reports/{_DOCUMENT}, was not found. Install placa again, or set PLACA_REPORTS to "
        "the folder reports of placa's source.",
        part="reports",
    )


def _render(
    renderer: Renderer, sources: Path, work: Path, document: str, to: str, parameters: dict[str, str], target: Path
) -> Path:
    shutil.copytree(sources, work, ignore=shutil.ignore_patterns("*_files", ".*"))
    from placa.evaluation.bridge import utf8_locale

    variables = {
        **environment(),
        **utf8_locale(),
        "RETICULATE_PYTHON": sys.executable,
        "PLACA_WORKING_DIRECTORY": str(Path.cwd()),
    }
    page = work / f"page.{to}"
    typst: Path | None = None
    (work / "params.json").write_text(json.dumps(parameters), encoding="utf-8")
    if renderer.name == "quarto":
        variables.setdefault("QUARTO_R", str(Path(renderer.r).parent))
        command = [renderer.command, "render", f"{document}.qmd", "--to", FORMATS[to], "--output", page.name]
        lang = Words(parameters["language"]).say("page.lang")
        command += ["--execute-params", "params.json", "--metadata", f"lang:{lang}"]
        command += ["--metadata-file", "paper.yml"] if to == "pdf" else []
    else:
        command = [renderer.command, "--slave", "--no-save", "--no-restore", "-e", "placa:::render_without_quarto()"]
        # A PDF is set from the Typst file that pandoc writes.
        typst = page.with_suffix(".typ") if to == "pdf" else None
        if typst:
            variables["RSTUDIO_PANDOC"] = pandoc_for_typst()
        command += ["--args", f"{document}.qmd", "typst" if typst else to, "params.json", (typst or page).name]
    with guarded(command) as (start, files):
        done = subprocess.run(
            start,
            cwd=work,
            pass_fds=files,
            env={**variables, "TMPDIR": str(work.parent)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    if done.returncode < 0:
        raise process_killed(renderer.name, done.returncode)
    if typst and typst.is_file():
        set_pdf(typst, page)
    if done.returncode or not page.is_file():
        log = _log_of(target)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stdout.replace(str(Path.home()), "~"), encoding="utf-8")
        reason = last_useful_line(done.stdout)
        raise RenderError(
            f"{renderer.name} failed to render the report: {reason} The complete log is {log}.",
            renderer=renderer.name,
            reason=reason,
            log=str(log),
        )
    finish(page, to)
    return page


def _log_of(target: Path) -> Path:
    return target.with_suffix(".log")
