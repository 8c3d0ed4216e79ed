"""Write a report as Markdown, without R: of a run where R is missing, or of predictions made elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from placa.core.files import atomic_file
from placa.core.temporary import temporary_directory
from placa.records.audit import Audit
from placa.records.evaluation import Summary
from placa.records.files import read_record
from placa.records.table_files import read_results
from placa.reporting.datasheet import audit_lines
from placa.reporting.errors import MissingRendererError, RenderError
from placa.reporting.finish import finish
from placa.reporting.render import find_reports
from placa.reporting.renderers import find_pandoc
from placa.reporting.words import Words, capitalise, escape_markdown, markdown_table

_SHARES = ("sensitivity", "specificity", "ppv", "npv")
_MEASURES = ("intercept", "slope", "observed_expected", "brier", "ici")


def write_plain_report(
    evaluation: Path, out: Path, name: str, language: str = "en", figures: Path | None = None
) -> None:
    """Write the tables of an evaluation, with the figures that it has, as one Markdown file.

    Args:
        evaluation: A folder that `placa evaluate` wrote.
        out: The file to write.
        name: What was evaluated, for the title.
        language: One of `placa.core.language.LANGUAGES`.
        figures: A folder with its figures in the language; by default those of the evaluation.
    """
    words, summary = Words(language), read_record(evaluation / "summary.json", Summary)
    split = words.name("split", summary["split"])
    lead = [words.say("card.evaluated", split=split)]
    if summary.get("patients_known") is False:
        lead = [words.say("card.plain_unclustered", split=split)]
    if summary.get("computed_in") == "python":
        lead += [words.say("card.computed_in_python"), words.say("card.plain_figures")]
    parts = [f"# {words.say('card.plain_title', name=escape_markdown(name))}", " ".join(lead)]
    audit = evaluation / "audit.json"
    verdicts = [" ".join(audit_lines(words, read_record(audit, Audit)))] if audit.is_file() else []
    sections: list[tuple[str, list[str], tuple[str, ...]]] = [
        ("heading.audit", verdicts, ()),
        ("part.discrimination", [_discrimination(words, summary)], ("roc.png", "pr.png")),
        ("part.calibration", [_calibration(words, evaluation / "calibration_measures.csv")], ("calibration.png",)),
        ("part.decision", [], ("decision_curve.png",)),
        ("heading.points", [_points(words, evaluation / "operating_points.csv")], ()),
        ("heading.subgroups", [], ("subgroups.png",)),
    ]
    for key, paragraphs, pictures in sections:
        shown = [place for picture in pictures if (place := (figures or evaluation) / picture).is_file()]
        heading = words.say(key)
        links = [f"![{heading}](<{os.path.relpath(figure, out.parent)}>)" for figure in shown]
        if paragraphs or links:
            parts += [f"## {heading}", *paragraphs, *links]
    tables = ", ".join(f"`{file}`" for file in summary["files"] if file.endswith(".csv"))
    parts.append(words.say("card.plain_tables", tables=tables, version=summary["placa_version"]))
    with atomic_file(out) as partial:
        partial.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def write_plain_page(
    evaluation: Path, out: Path, name: str, language: str, to: str, figures: Path | None = None
) -> None:
    """Write the same as one page with its figures, by pandoc.

    Args:
        evaluation: A folder that `placa evaluate` wrote.
        out: The file to write.
        name: What was evaluated, for the title.
        language: One of `LANGUAGES`.
        to: ``html`` or ``docx``.
        figures: As for `write_plain_report`.

    Raises:
        MissingRendererError: pandoc was not found.
        RenderError: pandoc failed.
    """
    pandoc = find_pandoc()
    if pandoc is None:
        message = "This page needs pandoc, which was not found on PATH. Install pandoc, or omit --to for Markdown."
        raise MissingRendererError(message, needed=["pandoc"], format=to, found=None)
    words, reports = Words(language), find_reports()
    facts = {"lang": words.say("page.lang"), "pagetitle": words.say("card.plain_title", name=name)}
    facts |= {"skip-label": words.say("page.skip"), "layout": "one-page"}
    if to == "docx":
        facts |= {"title": facts["pagetitle"], "author": "placa"}
    with temporary_directory("placa-page-") as work, atomic_file(out) as partial:
        write_plain_report(evaluation, work / "report.md", name, language, figures)
        text = (work / "report.md").read_text("utf-8")
        if to == "docx":
            text = text.partition("\n\n")[2]
        else:
            # The target of the link that skips to the content; tables that scroll on a phone.
            text = text.replace("\n\n", " {#title}\n\n", 1)
            text = re.sub(r"(?:^\|.*\n)+", "::: {.table-scroll tabindex=0}\n\n\\g<0>\n:::\n", text, flags=re.MULTILINE)
            text = re.sub(r"^!\[.*$", "::: {.plot}\n\\g<0>\n:::", text, flags=re.MULTILINE)
        (work / "report.md").write_text(text, encoding="utf-8")
        page = work / f"page.{to}"
        command = [pandoc, "report.md", "--from=markdown-raw_html-raw_tex", "--standalone", f"--output={page.name}"]
        if to == "html":
            command += ["--self-contained", "--section-divs", "--no-highlight"]
            command += [f"--template={reports / 'template.html'}", f"--css={reports / 'theme.css'}"]
        command += [f"--metadata={key}:{value}" for key, value in facts.items()]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = " ".join(done.stderr.split())
            raise RenderError(f"pandoc failed to write the report: {reason}", renderer="pandoc", reason=reason, log="")
        finish(page, to)
        shutil.copyfile(page, partial)


def _discrimination(words: Words, summary: Summary) -> str:
    head = [words.say(f"discrimination.column.{column}") for column in ("finding", "images", "positive", "auroc")]
    rows = [
        [
            capitalise(words.name("finding", finding)),
            words.number(one["n_images"]),
            words.number(one["n_positive"]),
            words.estimate(one["auroc"], one["auroc_lower"], one["auroc_upper"], 3),
        ]
        for finding, one in summary["headline"].items()
    ]
    return markdown_table(head, rows)


def _points(words: Words, path: Path) -> str:
    """Return a table with one row per finding and operating point."""
    table = read_results(path)
    head = [words.say("card.column.finding"), words.say("card.column.point"), words.say("card.column.threshold")]
    head += [words.say(f"points.column.{metric}") for metric in _SHARES]
    rows = []
    for point in table.drop_duplicates(["finding", "operating_point"]).to_dict("records"):
        of_point = table[
            (table["finding"] == point["finding"]) & (table["operating_point"] == point["operating_point"])
        ]
        metrics = {row["metric"]: row for row in of_point.to_dict("records")}
        shares = [[metrics[metric][part] for part in ("estimate", "lower", "upper")] for metric in _SHARES]
        name, code = capitalise(words.name("finding", point["finding"])), words.name("point", point["operating_point"])
        threshold = words.number(point["threshold"], 3)
        rows.append([name, code, threshold, *(words.estimate(*share) for share in shares)])
    return markdown_table(head, rows)


def _calibration(words: Words, path: Path) -> str:
    """Return a table with one row per finding and measure."""
    table = read_results(path)
    table = table[(table["stage"] == "after") & table["measure"].isin(_MEASURES)]
    head = [words.say("card.column.finding"), words.say("calibration.column_measure"), words.say("card.plain_value")]
    rows = [
        [
            capitalise(words.name("finding", row["finding"])),
            words.say(f"calibration.measure.{row['measure']}"),
            words.estimate(row["estimate"], row["lower"], row["upper"], 3),
        ]
        for row in table.to_dict("records")
    ]
    return markdown_table(head, rows)
