"""The model card: its YAML header, its values, and the items for the author, in both languages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from raising import raises
from record_fixtures import good_record
from report_fixtures import FOURTEEN, ROOT, make_run
from report_strings import strings

from placa.core.errors import PathNotFoundError
from placa.core.json_files import write_json
from placa.reporting.model_card import write_model_card
from placa.reporting.words import Words

SOURCES = [
    ROOT / "python" / "placa" / "reporting" / f"{name}.py"
    for name in ("model_card", "card_performance", "plain_report", "words")
]
SOURCES.append(ROOT / "R" / "R" / "report-card.R")


def read(path: Path) -> tuple[dict[str, Any], str]:
    _, header, text = path.read_text("utf-8").split("---\n", 2)
    return yaml.safe_load(header), text


def evaluated(run: Path, headline: dict[str, Any], **tables: list[dict[str, Any]]) -> Path:
    folder = run / "evaluation"
    folder.mkdir()
    summary = good_record("summary")
    [one] = summary["headline"].values()
    complete = {finding: {**one, **values} for finding, values in headline.items()}
    write_json(folder / "summary.json", {**summary, "headline": complete})
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return run


def shown_of(key: str, **values: str) -> str:
    return Words("en").say(key, **values)


def estimates(kind: str, values: dict[str, tuple[float, float, float]], **columns: Any) -> list[dict[str, Any]]:
    return [
        {**columns, kind: name, "estimate": estimate, "lower": lower, "upper": upper}
        for name, (estimate, lower, upper) in values.items()
    ]


def test_a_card_has_the_facts_of_the_run(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    facts = json.loads((run / "run.json").read_text())
    paths = write_model_card(run, facts)
    assert paths == [run / "model_card.md", run / "model_card.es.md"]
    header, text = read(paths[0])
    assert header == {
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "license": "unknown",
        "tags": ["placa", "medical-imaging", "chest", "Pneumonia"],
        "metrics": ["roc_auc"],
    }
    assert "has not been run yet" in text and "not a medical device" in text
    assert "predicts the probability of pneumonia for one image (chest radiographs)" in text
    assert "It was trained with placa 0.1.0 on 2026-01-01." in text
    assert f"| Images | {facts['data']['images']['train']} |" in text
    assert "| Pneumonia | – | 0.500 | Youden |" in text
    assert "uses only file size and format predicts pneumonia with an AUROC of 0.83" in text
    assert r"Labels: drawn\_by \*a\* test. Comparison: no finding. Split: by patient" in text
    assert "292,817 parameters, images of 48 × 48 pixels, 12 epochs in 12\u00a0s, seed 0" in text
    assert facts["model"]["fingerprint"] in text and "*to be completed by the author*" in text
    header_es, text = read(paths[1])
    assert header_es == header
    assert "probabilidad de neumonía" in text and "no es un producto sanitario" in text
    assert "| Neumonía | – | 0,500 | Youden |" in text and "AUROC de 0,83" in text
    assert "292\u00a0817 parámetros" in text and facts["model"]["fingerprint"] in text


def test_the_card_of_an_evaluated_run_has_the_test_results(tmp_path: Path) -> None:
    one = {"auroc": 0.91234, "auroc_lower": 0.85, "auroc_upper": 0.95, "n_images": 36, "n_positive": 9}
    at = {"finding": "Pneumonia", "operating_point": "youden"}
    points = estimates("metric", {"sensitivity": (0.876, 0.7, 0.95), "specificity": (0.8, None, None)}, **at)
    points += estimates("metric", {"sensitivity": (0.111, 0.1, 0.2)}, finding="Pneumonia", operating_point="other")
    after = {"finding": "Pneumonia", "stage": "after"}
    measures = estimates("measure", {"slope": (1.042, 0.91, 1.2), "ici": (0.03, 0.01, 0.05)}, **after)
    measures += estimates(
        "measure", {"slope": (0.333, 0.2, 0.5), "ici": (0.2, 0.1, 0.3)}, finding="Pneumonia", stage="before"
    )
    groups = [
        {"column": column, "group": group, "metric": metric, "p_holm": p, "confidence": 0.95}
        for column, group, metric, p in (
            ("sex", "F", "auroc", 0.01),
            ("age", "60-79", "under_diagnosis", 0.04),
            ("view", "AP", "sensitivity", 0.01),
            ("sex", "M", "auroc", 0.2),
        )
    ]
    tables = {"operating_points": points, "calibration_measures": measures, "subgroups": groups}
    paths = write_model_card(evaluated(make_run(tmp_path), {"Pneumonia": one}, **tables))
    header, text = read(paths[0])
    assert header["model-index"] == [
        {
            "name": "small",
            "results": [
                {
                    "task": {"type": "image-classification"},
                    "dataset": {"name": "drawn_by *a* test", "type": "nih", "split": "test"},
                    "metrics": [{"type": "roc_auc", "name": "AUROC, Pneumonia", "value": 0.9123}],
                }
            ],
        }
    ]
    assert "| Pneumonia | 0.912 (0.850–0.950) | 0.500 | Youden | 0.88 (0.70–0.95) | 0.80 |" in text
    assert "slope 1.04 (0.91–1.20) (ideal 1), integrated calibration index (ICI) 0.03 (0.01–0.05)" in text
    assert "differ significantly from all other images: Sex: female; Age: 60–79." in text
    assert "Compared groups: sex, age, view." in text
    assert shown_of("card.few", least="10", findings="pneumonia") in text
    assert "(25.0% with pneumonia)" in text and "not been run" not in text
    _, text = read(paths[1])
    assert "| Neumonía | 0,912 (0,850–0,950) | 0,500 | Youden | 0,88 (0,70–0,95) | 0,80 |" in text
    assert "pendiente 1,04 (0,91–1,20)" in text and "Sexo: mujer; Edad: 60–79." in text
    assert "(25,0\u00a0% con neumonía)" in text
    # Only code, URLs and versions have a point.
    numbers = re.sub(r"`[^`]*`|\(https[^)]*\)|placa 0\.1\.0", "", text)
    assert not re.search(r"\d\.\d", numbers)


def test_nothing_is_concluded_about_groups_that_were_not_tested(tmp_path: Path) -> None:
    group = {"column": "sex", "group": "F", "metric": "auroc", "p_holm": None, "confidence": 0.95}
    one = {"auroc": 0.9, "auroc_lower": 0.8, "auroc_upper": 0.95, "n_images": 60, "n_positive": 30}
    _, text = read(write_model_card(evaluated(make_run(tmp_path), {"Pneumonia": one}, subgroups=[group]))[0])
    assert shown_of("card.groups_untested") in text and strings("en")["subgroups.none_differ"] not in text
    assert shown_of("card.few", least="10", findings="pneumonia") not in text


def test_names_with_special_yaml_characters_are_kept(tmp_path: Path) -> None:
    run = make_run(tmp_path, findings=FOURTEEN)
    facts = json.loads((run / "run.json").read_text())
    facts["name"], facts["data"]["label_source"] = "yes: #1", 'a "source": \\ with | pipes'
    one = {finding: {"auroc": None if finding == "Hernia" else 0.8, "auroc_lower": None} for finding in FOURTEEN}
    measures = [
        row
        for i, finding in enumerate(FOURTEEN)
        for row in estimates(
            "measure", {"slope": (1, 0.5, 1.5), "ici": (i / 100, None, None)}, finding=finding, stage="after"
        )
    ]
    header, text = read(write_model_card(evaluated(run, one, calibration_measures=measures), facts)[0])
    # A name of a table is no identifier of a data set on a hub, so it is only in the results.
    assert "datasets" not in header and header["model-index"][0]["name"] == "yes: #1"
    assert header["model-index"][0]["results"][0]["dataset"]["name"] == 'a "source": \\ with | pipes'
    assert len(header["model-index"][0]["results"]) == 13  # Hernia has no AUROC
    assert "| Hernia | – |" in text
    assert r"# yes\: \#1" in text and r"a \"source\"\: \\ with \| pipes" in text
    assert "placa predict 'yes: #1' your/images" in text
    assert "worst finding (pneumothorax): slope 1.00 (0.50–1.50)" in text and "(ICI) 0.13 " in text
    assert "| Pleural thickening | 0.800 | 0.500 | Youden |" in text


def test_a_directory_that_is_not_a_run_has_no_card(tmp_path: Path) -> None:
    with raises(PathNotFoundError, path=str(tmp_path / "run.json")):
        write_model_card(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_card_uses_exactly_the_keys_of_the_words_file() -> None:
    words = strings("en")
    card = {key for key in words if key.startswith("card.")}
    assert card == {key for key in strings("es") if key.startswith("card.")}
    source = "\n".join(file.read_text(encoding="utf-8") for file in SOURCES)
    asked = {key for key in re.findall(r"card\.[a-z_.]+", source) if key in words}
    # A key that starts in an f-string ends with a name: "card.open." and contact.
    begun = {f"card.{kind}." for kind in ("heading", "column", "leakage", "shortcuts", "open")}
    begun.add("card.calibration")
    assert {key for key in card - asked if not key.startswith(tuple(begun))} == set()


def test_numbers_have_the_format_of_the_language() -> None:
    spanish, english = Words("es"), Words("en")
    assert [spanish.number(value, 1) for value in (1234.5, -0.04, -1.26, None)] == ["1\u00a0234,5", "0,0", "−1,3", "–"]
    assert spanish.percent(0.123) == "12,3\u00a0%" and english.number(float("nan")) == "–"
    assert english.estimate(0.5, -0.25, 1, 2) == "0.50 (−0.25; 1.00)"
    assert [english.duration(time) for time in (12, 600, 7200, None)] == [
        "12\u00a0s",
        "10.0\u00a0min",
        "2.0\u00a0h",
        "–",
    ]
    assert english.name("finding", "A_new *one*") == r"A new \*one\*"


def test_few_groups_allow_no_conclusion(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    facts = json.loads((run / "run.json").read_text("utf-8"))
    facts["data"] |= {"kind": "folders", "patients": {**facts["data"]["patients"], "test": 5}}
    write_json(run / "run.json", facts)
    one = {"n_images": 80, "n_positive": 40}
    _, text = read(write_model_card(evaluated(run, {"Pneumonia": one}))[0])
    assert shown_of("card.few_groups", groups="5") in text
    assert "for one image. It was trained" in text
