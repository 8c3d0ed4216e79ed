"""Optional sections, without rendering a page: comparisons, many findings, the checklist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from report_fixtures import FOURTEEN, ROOT, run_r_script
from report_strings import strings

RUNS = ("small", "older")
SCRIPT = """
arguments <- commandArgs(TRUE)
folder <- arguments[[1]]
assignInNamespace("figure_file", function(name) file.path(folder, name), "placa")
no_python <- function(write) {
  before <- has_python
  on.exit(assignInNamespace("has_python", before, "placa"))
  assignInNamespace("has_python", function() FALSE, "placa")
  captured(write)
}
captured <- function(write) paste(capture.output(write), collapse = "\\n")
texts <- list()
for (language in c("en", "es")) {
  set_language(language)
  run <- read_run(arguments[[2]])
  facts <- headline_facts(run)
  used <- function(training, ...) {
    run$info <- utils::modifyList(run$info, list(training = training, ...))
    gsub("\\n", " ", captured(write_methods_of_training(run)))
  }
  texts[[language]] <- list(
    methods = list(
      plain = used(list()),
      texture = used(list(), data = list(image_size = 256)),
      all = used(list(backbone = "densenet121", weights = "imagenet", loss = "focal", label_smoothing = 0.1,
                      mixup = 0.2, ema = 0.99, mixed_precision = "on"), folds = list(count = 5)),
      each = lapply(stats::setNames(nm = unlist(strsplit(arguments[[4]], ","))), function(name) {
        used(list(backbone = name, mirror = FALSE, class_weights = "none"))
      })
    ),
    compared = captured(write_comparisons(run, facts, arguments[[3]])),
    checklist = captured(write_checklist(run, facts, list(mapped = FALSE))),
    alone = captured(write_comparisons(within(run, rm(other_labels)), facts, "")),
    no_python = no_python({
      write_samples(choose_samples(run, facts), facts, from_python("films"))
      write_augmented(run, from_python("augmented"))
      write_extremes(choose_extremes(run, facts), facts, from_python("maps"))
    }),
    unknown = tryCatch(keep_findings(run, "Hernia"), placa_error_finding = conditionMessage)
  )
}
writeLines(jsonlite::toJSON(texts, auto_unbox = TRUE), file.path(folder, "texts.json"), useBytes = TRUE)
"""


@pytest.fixture(scope="module")
def texts(r: str, project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    from placa.models.backbones import BACKBONE_TABLE

    runs = [str(project / "runs" / name) for name in RUNS]
    return run_r_script(r, SCRIPT, tmp_path_factory.mktemp("parts"), *runs, ",".join(BACKBONE_TABLE))


def rows_of(text: str, name: str) -> list[list[str]]:
    table = text[text.index(f"#tbl-{name}") :].split("\n:::\n", 1)[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]


@pytest.mark.parametrize("lang", ["en", "es"])
def test_another_run_is_compared_with_this_one(texts: dict[str, dict[str, Any]], lang: str) -> None:
    words, output = strings(lang), texts[lang]["compared"]
    assert words["heading.comparison"] in output and words["comparison.heading_run"] in output
    rows = rows_of(output, "comparison")
    assert rows[0][1:3] == ["small", "older"]
    assert [row[0] for row in rows[2:]] == [
        words[f"metric.{name}"] for name in ("auroc", "average_precision", "brier", "sensitivity", "specificity")
    ]
    number = lambda text: float(text.replace(",", ".").replace("\u2212", "-"))  # noqa: E731
    for row in rows[2:]:
        assert number(row[1]) - number(row[2]) == pytest.approx(number(row[3]), abs=0.0015)


def test_a_comparison_is_a_look_at_both_runs_once(texts: dict[str, dict[str, Any]], project: Path) -> None:
    for name, other in (RUNS, RUNS[::-1]):
        rows = pd.read_csv(project / "runs" / name / "evaluations.csv", dtype=str).fillna("")
        assert rows["other_model"].tolist().count(other) == 1


@pytest.mark.parametrize("lang", ["en", "es"])
def test_predictions_are_evaluated_against_a_second_label_source(texts: dict[str, dict[str, Any]], lang: str) -> None:
    output = texts[lang]["compared"]
    assert r"a \*second\* reader" in output and "#fig-comparison-labels-1" in output
    rows = rows_of(output, "comparison-labels-1")
    assert len(rows) == 7 and rows[0][1:3] == [r"a \*second\* reader", r"drawn\_by \*a\* test"]
    assert not texts[lang]["alone"].strip()


def test_the_checklist_has_every_item_and_marks_those_of_the_author(texts: dict[str, dict[str, Any]]) -> None:
    items = pd.read_csv(ROOT / "R" / "inst" / "report" / "checklist.csv", dtype=str).fillna("")
    claim = {int(number) for cell in items["claim"] for number in cell.split(",") if number.strip()}
    assert claim == set(range(1, 45))
    letters = {"3": "abc", "5": "ab", "6": "abc", "8": "abc", "9": "abc", "12": "abcdefg", "18": "abcdef"}
    letters |= {"20": "abc", "23": "ab", "27": "abc"}
    tripod = {str(number) for number in range(1, 28) if str(number) not in letters}
    tripod |= {f"{number}{letter}" for number, all_of in letters.items() for letter in all_of}
    assert {cell.strip() for cells in items["tripod"] for cell in cells.split(",") if cell.strip()} == tripod
    stard = {str(number) for number in range(1, 41) if number not in (15, 16, 17, 26, 40)}
    stard |= {*("15a", "15b", "15c", "15d", "16a", "16b", "16c", "17a", "17b", "26a", "26b", "40a", "40b")}
    assert {cell.strip() for cells in items["stard"] for cell in cells.split(",") if cell.strip()} == stard
    for lang in ("en", "es"):
        words, output = strings(lang), texts[lang]["checklist"]
        rows = rows_of(output, "checklist")[2:]
        assert len(rows) == len(items)
        todo = f"[{words['checklist.author']}]{{.todo}}"
        where = {row[0]: row[4] for row in rows}
        for topic in ("ethics", "funding", "external", "registration", "explainability"):
            assert where[words[f"checklist.topic.{topic}"]] == todo, topic
        for topic in ("disjoint", "uncertainty", "imbalance", "flow", "characteristics", "software"):
            assert todo not in where[words[f"checklist.topic.{topic}"]], topic
        # Partly filled items have a link and a mark for the author.
        for topic, section in (("sources", "data"), ("raters", "audit-labels"), ("fairness", "subgroups")):
            row = where[words[f"checklist.topic.{topic}"]]
            assert todo in row and f"(#{section})" in row, topic
        assert len(re.findall(r"\d+", output.split("\n\n")[1])) >= 3


def test_the_questions_of_probast_are_answered_where_the_run_shows_it(texts: dict[str, dict[str, Any]]) -> None:
    items = pd.read_csv(ROOT / "R" / "inst" / "report" / "probast.csv", dtype=str).fillna("")
    counts = {"development": (3, 4, 4, 5), "evaluation": (3, 4, 4, 7)}
    for part, questions in counts.items():
        numbers = [f"{domain}.{n}" for domain, count in enumerate(questions, 1) for n in range(1, count + 1)]
        assert sorted(cell for cell in items[part] if cell) == numbers
    assert set(items["filled"]) <= {"yes", "partly", "author", "training", "evaluation", "unseen", "apart"} | {
        "evaluation partly"
    }
    for lang in ("en", "es"):
        words = strings(lang)
        where = {row[0]: row[3] for row in rows_of(texts[lang]["checklist"], "probast")[2:]}
        assert len(where) == len(items)
        todo = f"[{words['checklist.author']}]{{.todo}}"
        assert where[words["probast.topic.outcome_blind"]] == todo
        for topic, answer in (("not_apparent", "unseen"), ("no_leakage", "apart"), ("resampling", "no_folds")):
            cell = where[words[f"probast.topic.{topic}"]]
            assert words[f"probast.answer.{answer}"] in cell and todo not in cell, topic


@pytest.mark.parametrize("lang", ["en", "es"])
def test_without_python_a_sentence_replaces_the_images(texts: dict[str, dict[str, Any]], lang: str) -> None:
    output = texts[lang]["no_python"]
    assert output.count(strings(lang)["data.python_missing"]) == 3
    assert ".films" not in output and "#fig-" not in output


def test_an_unknown_finding_is_an_error(texts: dict[str, dict[str, Any]]) -> None:
    assert all(text in texts["en"]["unknown"] for text in ("Hernia", "Pneumonia"))
    assert "Hernia" in FOURTEEN


CREDITED = {
    "small": "ioffe2015",
    "mobilenet-v3-small": "howard2019",
    "mobilenet-v3-large": "howard2019",
    "efficientnet-v2-b0": "tan2021",
    "efficientnet-v2-s": "tan2021",
    "densenet121": "huang2017",
    "resnet50": "he2016",
    "convnext-tiny": "liu2022",
}


@pytest.mark.parametrize("lang", ["en", "es"])
def test_each_method_is_cited_only_if_used(texts: dict[str, Any], lang: str) -> None:
    def cited(text: str) -> set[str]:
        return set(re.findall(r"@([a-z]+\d{4})", text))

    methods = texts[lang]["methods"]
    of_all = {"loshchilov2019", "loshchilov2017", "goyal2017", "platt1999"}
    assert cited(methods["plain"]) == of_all | {"ioffe2015"}
    assert cited(methods["texture"]) == of_all | {"ioffe2015", "ojala2002"}
    learnt = {"huang2017", "russakovsky2015", "howard2018"}
    chosen = {"lin2017", "szegedy2016", "zhang2018", "polyak1992", "izmailov2018", "micikevicius2018"}
    assert cited(methods["all"]) == of_all | learnt | chosen | {"stone1974", "genest1986"}
    # Every new backbone needs a citation.
    assert {name: cited(text) for name, text in methods["each"].items()} == {
        name: of_all | {paper} for name, paper in CREDITED.items()
    }
