"""The text of the report about an audit, for any content of the audit, without rendering a page."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from report_audits import coded, make_audit
from report_fixtures import FOURTEEN, run_r_script
from report_strings import shows, strings

SCRIPT = """
folder <- commandArgs(TRUE)[[1]]
assignInNamespace("figure_file", function(name) file.path(folder, name), "placa")
captured <- function(write) paste(capture.output(write), collapse = "\\n")
facts <- list(many = FALSE, findings = "Pneumonia", phantom = FALSE)
found <- data.frame(finding = "Pneumonia", auroc = 0.92, auroc_lower = 0.88, auroc_upper = 0.95)
texts <- list()
for (lang in c("en", "es")) {
  set_language(lang)
  for (file in Sys.glob(file.path(folder, "*.run.json"))) {
    run <- list(info = jsonlite::read_json(file, simplifyVector = TRUE), path = folder,
                evaluation = list(discrimination = found))
    texts[[lang]][[sub(".run.json", "", basename(file), fixed = TRUE)]] <- list(
      audit = captured(write_audit(run, facts)), verdict = captured(write_verdict(run, facts)),
      limits = captured(write_audit_limits(audit_of(run))), split = split_method_text(run$info$data$split),
      command = commands_of(run)[[1]], compared = captured(write_comparison(run$info$data))
    )
  }
}
writeLines(jsonlite::toJSON(texts, auto_unbox = TRUE), file.path(folder, "texts.json"), useBytes = TRUE)
"""


def audits() -> dict[str, Any]:
    whole = make_audit()
    sparse = make_audit()
    for row in sparse["shortcuts"]["probes"]:
        row |= {"auroc": None, "lower": None, "upper": None, "verdict": "none"}
        row |= {"reason": coded("too_few_groups", positive=3, negative=1002, needed=10)}
    many = make_audit(FOURTEEN)
    probes = [row for row in many["shortcuts"]["probes"] if row["finding"] != "Hernia" and row["probe"] != "dimensions"]
    unmeasured = {"auroc": None, "lower": None, "upper": None, "verdict": "none"}
    same = unmeasured | {"probe": "dimensions", "reason": coded("same_dimensions", width=256, height=256)}
    probes += [same | {"finding": finding} for finding in FOURTEEN if finding != "Hernia"]
    rare = coded("too_few_groups", positive=3, negative=157, needed=10)
    probes += [unmeasured | {"probe": probe, "finding": "Hernia", "reason": rare} for probe in ("file", "dimensions")]
    many["shortcuts"]["probes"] = probes
    small = make_audit()
    small["shortcuts"]["probes"] = [
        make_audit()["shortcuts"]["probes"][2] | {"verdict": "inconclusive", "lower": 0.455}
    ]
    small["shortcuts"]["verdict"] = "inconclusive"
    clear = make_audit()
    clear["shortcuts"]["verdict"] = "none"
    clear["shortcuts"]["probes"] = [small["shortcuts"]["probes"][0] | {"verdict": "none", "auroc": 0.51, "upper": 0.58}]
    found = make_audit()
    found["leakage"] |= {
        "verdict": "strong",
        "exact_duplicates": {"pairs": None, "across_splits": None, "examples": []},
        "near_duplicates": {"rule": None, "pairs": 1, "across_splits": 1, "examples": [["a", "b", 0.99]]},
        "grouping": {
            "rule": "found",
            "groups": 63,
            "largest": 24,
            "largest_share": 0.048,
            "cap": 25,
            "refused": 1311,
            "joined_by": [
                {"rule": "copies", "values": {}, "pairs": 812},
                {"rule": "look_alikes", "values": {"nearest": 10, "correlation": 0.85}, "pairs": 7},
                {
                    "rule": "neighbours",
                    "values": {"reach": 5, "correlation": 0.8312, "excluded": 2, "folders": 3},
                    "pairs": 9,
                },
            ],
        },
    }
    found["leakage"]["names"]["telling"][0] |= {"kind": "shape", "token": "a5 (9)"}
    found["shift"]["here"] = None
    return {
        "whole": whole,
        "sparse": sparse | {"label_quality": [], "shift": {"here": whole["shift"]["here"], "table": None}},
        "found": found,
        "fourteen": many,
        "small": small,
        "clear": clear,
    }


def split(by: str | None, unit: str | None) -> dict[str, Any]:
    given = None if by is None else {"by": by, "name": None}
    return {"given": given, "unit": unit, "seed": 3, "fractions": [0.7, 0.15, 0.15]}


SPLITS = {
    "small": split(None, "patient"),
    "clear": split(None, "group"),
    "whole": split("official", "patient"),
    "sparse": split("list", "group"),
    "found": split("column", "patient"),
    "fourteen": split("column", None),
}


@pytest.fixture(scope="module")
def texts(r: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("audits")
    options = {"table": "some where/labels.csv", "path": "file", "positive": ["a b", "c"], "only": True, "rest": False}
    options |= {"negative": None, "test_list": "lists/test.txt", "seed": 100000, "fractions": [0.6, 0.2, 0.2]}
    for name, audit in audits().items():
        data = {"audit": audit, "kind": "table", "source_options": options, "prepared": "data/prepared/x"}
        data |= {"split": SPLITS[name], "findings": ["Pneumonia"], "positive_alone": True}
        data |= {"comparison": {"kind": "rest", "classes": []}}
        (folder / f"{name}.run.json").write_text(json.dumps({"data": data}))
    return run_r_script(r, SCRIPT, folder)


@pytest.mark.parametrize("lang", ["en", "es"])
def test_missing_parts_of_the_audit_are_omitted(texts: dict[str, Any], lang: str) -> None:
    for name, output in texts[lang].items():
        for key, text in output.items():
            assert not re.search(r"\bNA\b|NULL|NaN|list\(|character\(0\)", text), (name, key)


def test_unmeasured_probes_are_reported_once_with_a_reason(texts: dict[str, Any]) -> None:
    key = "reason.too_few_groups"
    assert shows(texts["en"]["sparse"]["audit"], "en", key, positive="3", negative="1,002", needed="10")
    spanish = texts["es"]["sparse"]["audit"]
    assert (
        shows(spanish, "es", key, positive="3", negative="1\u00a0002", needed="10") and spanish.count("1\u00a0002") == 1
    )
    for absent in ("fig-shortcuts", "tbl-shortcuts", "tbl-labels", "tbl-shift-table"):
        assert absent not in spanish
    assert "tbl-shift-here" in spanish and ".verdict .some" in texts["es"]["sparse"]["verdict"]


def test_found_groups_are_reported_with_method_and_limits(texts: dict[str, Any]) -> None:
    output, words = texts["en"]["found"], strings("en")
    assert words["audit.leakage.unseen"] in output["audit"] and words["limits.groups_found"] in output["limits"]
    joined, spanish = "audit.leakage.joined", texts["es"]["found"]["audit"]
    assert shows(output["audit"], "en", joined, rule=words["rule.copies"], pairs="812")
    excluded = words["rule.neighbours_excluded"].format(reach="5", correlation="0.83", excluded="2", folders="3")
    assert shows(output["audit"], "en", joined, rule=excluded, pairs="9")
    assert shows(spanish, "es", "audit.leakage.cap", cap="25", refused="1\u00a0311")
    rule = strings("es")["rule.look_alikes"]
    assert shows(spanish, "es", joined, rule=rule.format(nearest="10", correlation="0,85"), pairs="7")
    assert (
        shows(output["audit"], "en", "audit.leakage.shape", token=r"[a5 \(9\)]{.literal}")
        and "24 (4.8%)" in output["audit"]
    )
    for key in ("patients_across_splits", "exact"):
        assert f"|{words[f'audit.row.{key}']}" not in output["audit"]
    assert ".verdict .bad" in output["verdict"] and "tbl-shift-here" not in output["audit"]


def test_a_strong_shortcut_is_reported_as_a_limit(texts: dict[str, Any]) -> None:
    output, words = texts["en"]["whole"], strings("en")
    names = {"finding": words["finding.Pneumonia"], "probe": words["probe.file"], "auroc": "0.83"}
    assert shows(output["audit"], "en", "audit.shortcuts.means_strong", **names)
    assert shows(output["audit"], "en", "audit.shortcuts.model_above", model="0.92", auroc="0.83")
    assert shows(output["verdict"], "en", "headline.shortcut_model", model="0.92", **names)
    assert ".verdict .bad" in output["verdict"]


def test_a_wide_interval_is_not_reported_as_no_shortcut(texts: dict[str, Any]) -> None:
    small, clear = (texts["en"][name]["audit"] for name in ("small", "clear"))
    unclear = "audit.shortcuts.means_unclear"
    assert shows(small, "en", unclear, auroc="0.79", lower="0.46", upper="0.84")
    assert shows(clear, "en", "audit.shortcuts.means_none", finding="pneumonia") and not shows(clear, "en", unclear)
    for name in ("small", "clear"):  # with duplicates and without a shortcut
        assert ".verdict .some" in texts["en"][name]["verdict"]


def test_the_first_screen_says_that_the_audit_is_inconclusive(texts: dict[str, Any]) -> None:
    for lang in ("en", "es"):
        sentence = strings(lang)["headline.shortcut_unclear"]
        assert sentence in texts[lang]["small"]["verdict"] and sentence not in texts[lang]["clear"]["verdict"]


def test_fourteen_findings_have_one_figure_and_a_table_of_the_strongest(texts: dict[str, Any]) -> None:
    output = texts["es"]["fourteen"]["audit"]
    assert output.count("#fig-shortcuts") == 1 and shows(output, "es", "audit.shortcuts.alt_tiles", n="13")
    table = output[output.index("#tbl-shortcuts") :]
    assert 10 < len(re.findall(r"^\| *[A-Z].*\.badge \.strong", table[: table.index("\n:::\n")], re.MULTILINE)) <= 12
    english = texts["en"]["fourteen"]["audit"]
    words, key = strings("en"), "audit.shortcuts.unmeasured"
    size = words["reason.same_dimensions"].format(width="256", height="256")
    one = words["audit.shortcuts.probe_of"].format(finding="atelectasis", probe=words["probe.frame"])
    assert shows(english, "en", key, probes="hernia") and "3 patients" in english
    assert shows(english, "en", key, probes=words["probe.dimensions"], reason=size)
    assert shows(english, "en", key, probes=one) and "1,214 of 5,606 files" in english
    spanish = strings("es")
    thickening = spanish["finding.Pleural_Thickening"]
    assert thickening.capitalize() in output and shows(output, "es", "audit.shift.of_finding", finding=thickening)


def test_each_split_has_a_text_in_both_languages(texts: dict[str, Any]) -> None:
    for name, split in SPLITS.items():
        english, spanish = texts["en"][name]["split"], texts["es"][name]["split"]
        assert english and spanish and english != spanish, name
        assert ("seed 3" in english and "semilla 3" in spanish) == (split["unit"] is not None)
    assert len({texts["en"][name]["split"] for name in SPLITS}) == len(SPLITS)


def test_the_command_has_the_stored_options(texts: dict[str, Any]) -> None:
    # One option per line.
    command = texts["en"]["whole"]["command"].replace(" \\\n  ", " ")
    assert command == (
        "placa prepare table 'some where/labels.csv' --path file --positive 'a b' c --only --test-list lists/test.txt "
        "--seed 100000 --fractions 0.6 0.2 0.2 --out data/prepared/x"
    )


def test_a_finding_against_all_other_images_is_reported(texts: dict[str, Any]) -> None:
    for lang in ("en", "es"):
        words = strings(lang)
        positive = words["data.only"].format(finding=words["finding.Pneumonia"])
        assert shows(texts[lang]["whole"]["compared"], lang, "data.compared_rest", positive=positive)
