"""The report of a run, rendered by Quarto where it is there, else by R Markdown and pandoc."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from placa.errors import PlacaError, unknown_name
from placa.renderers import Renderer, choose_renderer, last_useful_line

if TYPE_CHECKING:
    from placa.progress import Progress

_DOCUMENT = "evaluation.qmd"


def render_report(
    run: Path,
    lang: str = "en",
    to: str = "html",
    out: Path | None = None,
    renderer: str = "auto",
    progress: Progress | None = None,
) -> Path:
    """Render the report of an evaluated run.

    The run is only read. The report is rendered in a temporary directory and appears whole or not at all; the
    renderer's log of a rendering that failed stays beside where the report would be, as ``….log``.

    Args:
        run: A run directory with its ``evaluation/``.
        lang: ``en`` or ``es``, or another language that ``reports/strings`` has.
        to: ``html``: one file that asks the network for nothing.
        out: The file to write; ``RUN/report/evaluation.html`` by default, ``evaluation.es.html`` in Spanish.
        renderer: ``quarto``, ``rmarkdown``, or ``auto``: the first where it is there, else the second.
        progress: Where to say which renderer is used.

    Returns:
        The path of the report.

    Raises:
        PlacaError: `run` is no run, or is not evaluated; there is no such language or format; R, one of its
            packages or pandoc is missing; the renderer fails; or the report cannot be written.
    """
    from placa.files import require_writable, whole_file
    from placa.runs import require_run

    require_run(run)
    if not (run / "evaluation" / "summary.json").is_file():
        raise PlacaError(f"{run} is not evaluated yet, which its report needs: run placa evaluate {run} first.")
    if to != "html":
        raise unknown_name("report format", to, ["html"])
    sources = find_reports()
    languages = sorted(file.stem for file in (sources / "strings").glob("*.yml"))
    if lang not in languages:
        raise unknown_name("language of the report", lang, languages)
    suffix = "" if lang == "en" else f".{lang}"
    target = out or run / "report" / f"evaluation{suffix}.{to}"
    if target.is_dir():
        raise PlacaError(f"{target} is a directory, and the report is one file: name {target / 'report.html'}, say.")
    require_writable(target.parent)
    chosen = choose_renderer(renderer)
    if progress and chosen.note:
        progress.say(chosen.note)
    with tempfile.TemporaryDirectory(prefix="placa-report-") as temporary:
        page = _render(chosen, sources, Path(temporary) / "reports", run.resolve(), lang, target)
        with whole_file(target) as partial:
            shutil.copyfile(page, partial)
    _log_of(target).unlink(missing_ok=True)
    return target


def find_reports() -> Path:
    """The folder that holds the report's source, ``reports/``.

    It is ``PLACA_REPORTS`` where that is set; else it lies beside ``python/`` in placa's source tree; else in
    the current directory or one above it.

    Raises:
        PlacaError: It is in none of these places.
    """
    named = os.environ.get("PLACA_REPORTS")
    roots = (Path(__file__).parents[2], Path.cwd(), *Path.cwd().parents)
    places = [Path(named)] if named else [root / "reports" for root in roots]
    for place in places:
        if (place / _DOCUMENT).is_file():
            return place.resolve()
    if named:
        raise PlacaError(
            f"PLACA_REPORTS names {named}, which holds no {_DOCUMENT}: name the reports of placa's source."
        )
    raise PlacaError(
        f"The report's source, reports/{_DOCUMENT}, was not found: run placa in its source directory, or set "
        "PLACA_REPORTS to the folder reports there."
    )


def _render(renderer: Renderer, sources: Path, work: Path, run: Path, lang: str, target: Path) -> Path:
    shutil.copytree(sources, work, ignore=shutil.ignore_patterns("*_files", ".*"))
    from placa.bridge import utf8_locale

    package = str(Path(__file__).parents[1])
    environment = {
        **os.environ,
        **utf8_locale(),
        "RETICULATE_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])),
        "PLACA_RUN": str(run),
        "PLACA_WORKING_DIRECTORY": str(Path.cwd()),
    }
    page = work / "page.html"
    if renderer.name == "quarto":
        environment.setdefault("QUARTO_R", str(Path(renderer.r).parent))
        (work / "params.json").write_text(json.dumps({"run": str(run), "lang": lang}), encoding="utf-8")
        command = [renderer.command, "render", _DOCUMENT, "--to", "html", "--output", page.name]
        command += ["--execute-params", "params.json", "--metadata", f"lang:{lang}"]
    else:
        command = [renderer.command, "--slave", "--no-save", "--no-restore", "-f", "render.R"]
        command += ["--args", str(run), lang, page.name]
    done = subprocess.run(
        command,
        cwd=work,
        env=environment,
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
        raise PlacaError(f"{renderer.name} could not render the report: {said} The whole log is {log}.")
    return page


def _log_of(target: Path) -> Path:
    return target.with_suffix(".log")
