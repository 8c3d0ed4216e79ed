"""Sections that not every run has, without rendering a page: comparisons, many findings, the checklist."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from report_fixtures import FOURTEEN, REPORTS, strings

SCRIPT = """
arguments <- commandArgs(TRUE)
setwd(arguments[[1]])
for (file in list.files("R", full.names = TRUE)) source(file)
folder <- arguments[[2]]
figure_file <- function(name) file.path(folder, name)
said <- function(write) paste(capture.output(write), collapse = "\\n")
answers <- list()
for (language in c("en", "es")) {
  strings <- read_strings(language)
  run <- read_run(arguments[[3]])
  facts <- headline_facts(run)
  answers[[language]] <- list(
    compared = said(write_comparisons(run, facts, arguments[[4]], language)),
    checklist = said(write_checklist(run, facts, list(mapped = FALSE))),
    alone = said(write_comparisons(within(run, rm(other_labels)), facts, "", language)),
    no_python = {
      python_there <- function() FALSE
      said({
        write_samples(choose_samples(run, facts), facts, from_python("films"))
        write_augmented(run, from_python("augmented"))
        write_extremes(choose_extremes(run, facts), facts, from_python("maps"))
      })
    },
    unknown = tryCatch(keep_findings(run, "Hernia"), placa_error_finding = conditionMessage)
  )
}
writeLines(jsonlite::toJSON(answers, auto_unbox = TRUE), file.path(folder, "answers.json"), useBytes = TRUE)
"""


@pytest.fixture(scope="module")
def answers(r: str, project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    folder = tmp_path_factory.mktemp("parts")
    script = folder / "script.R"
    script.write_text(SCRIPT)
    runs = [str(project / "runs" / name) for name in ("small", "older")]
    command = [
        r,
        "--no-echo",
        "--no-save",
        "--no-restore",
        "-f",
        str(script),
        "--args",
        str(REPORTS),
        str(folder),
        *runs,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, str]] = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    return found


def rows_of(text: str, name: str) -> list[list[str]]:
    table = text[text.index(f"#tbl-{name}") :].split("\n:::\n", 1)[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]


@pytest.mark.parametrize("lang", ["en", "es"])
def test_another_run_is_set_against_this_one(answers: dict[str, dict[str, str]], lang: str) -> None:
    words, said = strings(lang), answers[lang]["compared"]
    assert words["heading.comparison"] in said and words["comparison.heading_run"] in said
    rows = rows_of(said, "comparison")
    assert rows[0][1:3] == ["small", "older"]
    assert [row[0] for row in rows[2:]] == [
        words[f"metric.{name}"] for name in ("auroc", "average_precision", "brier", "sensitivity", "specificity")
    ]
    number = lambda text: float(text.replace(",", ".").replace("\u2212", "-"))  # noqa: E731
    for row in rows[2:]:
        assert number(row[1]) - number(row[2]) == pytest.approx(number(row[3]), abs=0.0015)


@pytest.mark.parametrize("lang", ["en", "es"])
def test_another_source_of_labels_judges_the_same_predictions(answers: dict[str, dict[str, str]], lang: str) -> None:
    said = answers[lang]["compared"]
    assert r"a \*second\* reader" in said and "#fig-comparison-labels-1" in said
    rows = rows_of(said, "comparison-labels-1")
    assert len(rows) == 7 and rows[0][1:3] == [r"a \*second\* reader", r"drawn\_by \*a\* test"]
    assert not answers[lang]["alone"].strip()


def test_the_checklist_has_every_item_and_leaves_the_authors_to_them(answers: dict[str, dict[str, str]]) -> None:
    items = pd.read_csv(REPORTS / "checklist.csv", dtype=str).fillna("")
    claim = {int(number) for cell in items["claim"] for number in cell.split(",") if number.strip()}
    assert claim == set(range(1, 45))
    letters = {"3": "abc", "5": "ab", "6": "abc", "8": "abc", "9": "abc", "12": "abcdefg", "18": "abcdef"}
    letters |= {"20": "abc", "23": "ab", "27": "abc"}
    tripod = {str(number) for number in range(1, 28) if str(number) not in letters}
    tripod |= {f"{number}{letter}" for number, all_of in letters.items() for letter in all_of}
    assert {cell.strip() for cells in items["tripod"] for cell in cells.split(",") if cell.strip()} == tripod
    for lang in ("en", "es"):
        words, said = strings(lang), answers[lang]["checklist"]
        rows = rows_of(said, "checklist")[2:]
        assert len(rows) == len(items)
        todo = f"[{words['checklist.author']}]{{.todo}}"
        where = {row[0]: row[3] for row in rows}
        for topic in ("ethics", "funding", "external", "registration", "explainability"):
            assert where[words[f"checklist.topic.{topic}"]] == todo, topic
        for topic in ("disjoint", "uncertainty", "fairness", "flow", "robustness", "raters"):
            assert todo not in where[words[f"checklist.topic.{topic}"]], topic
        assert todo in where[words["checklist.topic.sources"]] and "(#data)" in where[words["checklist.topic.sources"]]
        assert len(re.findall(r"\d+", said.split("\n\n")[1])) >= 3


@pytest.mark.parametrize("lang", ["en", "es"])
def test_without_python_a_sentence_stands_where_pictures_were(answers: dict[str, dict[str, str]], lang: str) -> None:
    said = answers[lang]["no_python"]
    assert said.count(strings(lang)["data.python_missing"]) == 3
    assert ".films" not in said and "#fig-" not in said


def test_a_finding_that_the_run_does_not_know_is_named(answers: dict[str, dict[str, str]]) -> None:
    assert answers["en"]["unknown"] == "This run knows no finding 'Hernia': there are Pneumonia."
    assert "Hernia" in FOURTEEN
