"""The words of the report: the same keys in both languages, none missing or unused."""

from __future__ import annotations

import re

from report_fixtures import REPORTS, ROOT
from report_strings import WORDS, strings

from placa.core.language import LANGUAGES

# The report, and the tables and texts for a paper.
PARTS = ("report-*.R", "table-*.R", "methods-*.R")
FILES = [*(file for part in PARTS for file in (ROOT / "R" / "R").glob(part)), *REPORTS.glob("*.qmd")]
SOURCES = "\n".join(file.read_text(encoding="utf-8") for file in FILES)


def test_every_language_has_a_words_file() -> None:
    assert list(LANGUAGES) == sorted(file.stem for file in WORDS.glob("*.yml"))


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    english, spanish = strings("en"), strings("es")
    assert set(english) == set(spanish)
    for key, text in english.items():
        assert text.strip(" ") and spanish[key].strip(" "), key
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", spanish[key])), key
        assert set(re.findall(r"@[\w-]+", text)) == set(re.findall(r"@[\w-]+", spanish[key])), key


def test_no_sentence_is_in_the_other_language() -> None:
    english, spanish = strings("en"), strings("es")
    same = {
        key
        for key, text in english.items()
        if text == spanish[key] and re.search("[a-z]{4}", re.sub("{.*?}", "", text))
    }
    # These words are the same in both languages.
    expected = {
        "finding.Fibrosis",
        "finding.Hernia",
        "finding.Normal",
        "finding.Tuberculosis",
        "view.PA",
        "view.AP",
        "point.youden",
    }
    expected |= {"audit.labels_column.kappa", "points.column.kappa", "terminal.column.kappa"}
    assert same == expected


def test_the_report_uses_exactly_the_keys_of_the_words_files() -> None:
    keys = set(strings("en"))
    # A key can end with a name: "limits.labels_" and nih, "finding." and Pneumonia.
    quoted = set(re.findall(r'"([a-z]\w*\.(?:\w+\.)?\w*)"', SOURCES))
    quoted |= {f"{kind}." for kind in re.findall(r'\b(?:words?|words_of|shares|code_text)\("([\w.]+)"', SOURCES)}
    begun = {start for start in quoted if start.endswith((".", "_"))}
    tops = {key.split(".")[0] for key in keys}
    named = {key for key in quoted - begun if f"{key}." not in begun}
    whole = {
        key for key in named if key.split(".")[0] in tops and not key.endswith((".csv", ".R", ".qmd", ".bib", ".md"))
    }
    assert whole <= keys
    # plot_labels() uses all words of the figures; those of the card, the datasheet and the terminal have own tests.
    unasked = {
        key for key in keys - whole if not key.startswith(("figure.", "card.", "datasheet.", "terminal.", *begun))
    }
    assert not unasked


def test_citations_match_the_bibliography() -> None:
    cited = set(re.findall(r"@([a-z]+\d{4})", " ".join(strings("en").values())))
    assert cited == set(re.findall(r"^@\w+\{(\w+),", (REPORTS / "references.bib").read_text(), re.MULTILINE))


def test_the_verdict_rules_match_those_of_the_audit() -> None:
    from placa.audit import verdicts as rule
    from placa.audit.probes import ACQUISITION_PROBES, PROBES

    shortcuts = (rule.STRONG_AUROC, rule.STRONG_LOWER, rule.SOME_AUROC, rule.SOME_LOWER, rule.LUNG_PROBES_LOWER)
    shortcuts += (rule.STRONG_AUROC,)
    shift = (rule.SOME_SHIFT, rule.STRONG_SHIFT, rule.STRONG_SHIFT)
    for lang, mark in (("en", "."), ("es", ",")):
        words = strings(lang)
        output = re.findall(rf"\d{re.escape(mark)}\d\d", words["audit.shortcuts.rules"])
        assert output == [f"{limit:.2f}".replace(".", mark) for limit in shortcuts]
        assert f"{rule.STRONG_AUROC:.2f}".replace(".", mark) in words["audit.shortcuts.many_unclear"]
        output = re.findall(rf"\b0{re.escape(mark)}\d+", words["audit.shift.prose"])
        assert output == [f"{limit:g}".replace(".", mark) for limit in shift]
        assert {f"probe.{probe}" for probe in (*PROBES, *ACQUISITION_PROBES, "scan")} == {
            key for key in words if key.startswith("probe.")
        }
        assert {f"verdict.{verdict}" for verdict in rule.ORDER} == {key for key in words if key.startswith("verdict.")}
