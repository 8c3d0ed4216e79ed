"""The report of a run, rendered by Quarto where it is there, else by R Markdown and pandoc."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from placa.core.errors import unknown_name
from placa.core.files import find_shared
from placa.core.processes import environment
from placa.evaluation.errors import MissingSourceError
from placa.reporting.errors import NotEvaluatedError, OutputIsDirectoryError, RenderError, ReportSourceError
from placa.reporting.renderers import Renderer, choose_renderer, last_useful_line

if TYPE_CHECKING:
    from placa.core.progress import Progress

_DOCUMENT = "evaluation.qmd"

#: What a report can be, and what Quarto calls it. The documents name HTML alone, or `quarto render` would make all.
FORMATS = {"html": "html", "pdf": "typst", "docx": "docx"}
DOCUMENTS = ("evaluation", "model-card")
#: Those that the R package has words for.
LANGUAGES = ("en", "es")


def render_report(
    run: Path,
    lang: str = "en",
    to: str = "html",
    out: Path | None = None,
    renderer: str = "auto",
    progress: Progress | None = None,
    findings: Sequence[str] = (),
    compare: Path | None = None,
    document: str = "evaluation",
) -> Path:
    """Render the report of an evaluated run, or its model card.

    The run is only read. The report is rendered in a temporary directory and appears whole or not at all; the
    renderer's log of a rendering that failed stays beside where the report would be, as ``….log``.

    Args:
        run: A run directory with its ``evaluation/``.
        lang: ``en`` or ``es``.
        to: ``html``, one file that asks the network for nothing; ``pdf``, which needs Quarto (its Typst); or ``docx``.
        out: The file to write; ``RUN/report/evaluation.html`` by default, ``evaluation.es.html`` in Spanish.
        renderer: ``quarto``, ``rmarkdown``, or ``auto``: the first where it is there, else the second.
        progress: Where to say which renderer is used.
        findings: Those to report on; all by default.
        compare: Another run, to be set against this one on the test images that both have.
        document: ``evaluation``, or ``model-card``, the one page of it.

    Returns:
        The path of the report.

    Raises:
        PlacaError: `run` or `compare` is no run, or `run` is not evaluated; there is no such language, format, document
            or finding; R, one of its packages, pandoc, or for a PDF Quarto is missing; the renderer fails; or the
            report cannot be written.
    """
    from placa.core.files import require_writable, whole_file
    from placa.records.run import require_run

    facts = require_run(run)
    if not (run / "evaluation" / "summary.json").is_file():
        raise NotEvaluatedError(
            f"{run} is not evaluated yet, which its report needs: run placa evaluate {run} first.", run=str(run)
        )
    for kind, asked, known in (("report format", to, list(FORMATS)), ("document", document, list(DOCUMENTS))):
        if asked not in known:
            raise unknown_name(kind, asked, known)
    for finding in findings:
        if finding not in facts["data"]["findings"]:
            raise unknown_name("finding", finding, facts["data"]["findings"])
    if compare is not None:
        require_run(compare)
    if lang not in LANGUAGES:
        raise unknown_name("language of the report", lang, list(LANGUAGES))
    sources = find_reports()
    suffix = "" if lang == "en" else f".{lang}"
    target = out or run / "report" / f"{document}{suffix}.{to}"
    if target.is_dir():
        raise OutputIsDirectoryError(
            f"{target} is a directory, and the report is one file: name {target / f'report.{to}'}, say.",
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
    }
    with tempfile.TemporaryDirectory(prefix="placa-report-") as temporary:
        page = _render(chosen, sources, Path(temporary) / "reports", document, to, parameters, target)
        with whole_file(target) as partial:
            shutil.copyfile(page, partial)
    _log_of(target).unlink(missing_ok=True)
    return target


def find_reports() -> Path:
    """The folder that holds the report's source, ``reports/``.

    It is ``PLACA_REPORTS`` where that is set; else that of the installed package or of placa's source tree; else in
    the current directory or one above it.

    Raises:
        PlacaError: It is in none of these places.
    """
    named = os.environ.get("PLACA_REPORTS")
    around = [folder / "reports" for folder in (Path.cwd(), *Path.cwd().parents)]
    places = [Path(named)] if named else [*filter(None, [find_shared("reports")]), *around]
    for place in places:
        if (place / _DOCUMENT).is_file():
            return place.resolve()
    if named:
        raise ReportSourceError(
            f"PLACA_REPORTS names {named}, which holds no {_DOCUMENT}: name the reports of placa's source.",
            folder=named,
            file=_DOCUMENT,
        )
    raise MissingSourceError(
        f"The report's source, reports/{_DOCUMENT}, was not found: run placa in its source directory, or set "
        "PLACA_REPORTS to the folder reports there.",
        part="reports",
    )


def _render(
    renderer: Renderer, sources: Path, work: Path, document: str, to: str, parameters: dict[str, str], target: Path
) -> Path:
    shutil.copytree(sources, work, ignore=shutil.ignore_patterns("*_files", ".*"))
    from placa.evaluation.bridge import utf8_locale
    from placa.reporting.pictures import LIBRARIES

    surroundings = {
        **environment(),
        **utf8_locale(),
        "RETICULATE_PYTHON": sys.executable,
        "PLACA_WORKING_DIRECTORY": str(Path.cwd()),
        LIBRARIES: os.environ.get("LD_LIBRARY_PATH", ""),
    }
    page = work / f"page.{to}"
    (work / "params.json").write_text(json.dumps(parameters), encoding="utf-8")
    if renderer.name == "quarto":
        surroundings.setdefault("QUARTO_R", str(Path(renderer.r).parent))
        command = [renderer.command, "render", f"{document}.qmd", "--to", FORMATS[to], "--output", page.name]
        command += ["--execute-params", "params.json", "--metadata", f"lang:{parameters['language']}"]
        command += ["--metadata-file", "paper.yml"] if to == "pdf" else []
    else:
        command = [renderer.command, "--slave", "--no-save", "--no-restore", "-e", "placa:::render_without_quarto()"]
        command += ["--args", f"{document}.qmd", to, "params.json", page.name]
    done = subprocess.run(
        command,
        cwd=work,
        env=surroundings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode or not page.is_file():
        log = _log_of(target)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stdout, encoding="utf-8")
        said = last_useful_line(done.stdout)
        raise RenderError(
            f"{renderer.name} could not render the report: {said} The whole log is {log}.",
            renderer=renderer.name,
            reason=said,
            log=str(log),
        )
    return page


def _log_of(target: Path) -> Path:
    return target.with_suffix(".log")
