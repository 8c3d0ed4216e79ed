"""The card beside the model: its YAML header, its figures, and what it leaves open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from report_fixtures import FOURTEEN, make_run

from placa.core.errors import PlacaError
from placa.core.files import write_json
from placa.reporting.model_card import write_model_card


def read(path: Path) -> tuple[dict[str, Any], str]:
    _, header, text = path.read_text("utf-8").split("---\n", 2)
    return yaml.safe_load(header), text


def test_a_card_says_what_the_run_says(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    facts = json.loads((run / "run.json").read_text())
    path = write_model_card(run, facts)
    assert path == run / "model_card.md"
    header, text = read(path)
    assert header["library_name"] == "keras" and header["pipeline_tag"] == "image-classification"
    assert header["datasets"] == ["drawn_by *a* test"] and "Pneumonia" in header["tags"]
    assert "model-index" not in header
    assert "has not been run yet" in text and "Not a medical device" in text
    assert f"| Images | {facts['data']['images']['train']} |" in text
    assert "| Pneumonia | – | 0.500 | youden |" in text
    assert "sees file and nothing else tells Pneumonia with an AUROC of 0.83" in text
    assert facts["model"]["fingerprint"] in text and "*for the author*" in text


def test_once_evaluated_it_gives_the_figures_of_the_test_set(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    one = {"auroc": 0.91234, "auroc_lower": 0.85, "auroc_upper": 0.95, "n_images": 36}
    (run / "evaluation").mkdir()
    write_json(run / "evaluation" / "summary.json", {"split": "test", "headline": {"Pneumonia": one}})
    header, text = read(write_model_card(run))
    [result] = header["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "roc_auc", "name": "AUROC, Pneumonia", "value": 0.9123}]
    assert result["dataset"]["split"] == "test"
    assert "| Pneumonia | 0.912 (0.850 to 0.950) | 0.500 | youden |" in text and "not been run" not in text


def test_names_that_yaml_would_trip_over_stay_whole(tmp_path: Path) -> None:
    run = make_run(tmp_path, findings=FOURTEEN)
    facts = json.loads((run / "run.json").read_text())
    facts["name"], facts["data"]["label_source"] = "yes: #1", 'a "source": \\ with | pipes'
    facts["data"]["audit"] = None
    one = {finding: {"auroc": None if finding == "Hernia" else 0.8, "auroc_lower": None} for finding in FOURTEEN}
    (run / "evaluation").mkdir()
    write_json(run / "evaluation" / "summary.json", {"split": "test", "headline": one})
    header, text = read(write_model_card(run, facts))
    assert header["datasets"] == ['a "source": \\ with | pipes'] and header["model-index"][0]["name"] == "yes: #1"
    assert len(header["model-index"][0]["results"]) == 13  # of Hernia there is no figure
    assert "| Hernia | – |" in text and "No audit of the data was kept" in text


def test_what_is_no_run_has_no_card(tmp_path: Path) -> None:
    with pytest.raises(PlacaError):
        write_model_card(tmp_path)
    assert not list(tmp_path.iterdir())
