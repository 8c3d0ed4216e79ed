"""The audit as a whole: what is written is JSON, and what is printed can be read at 80 columns."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from audit_data import make_manifest, make_pixels, truth_of

from placa.audit import run_audit
from placa.audit.show import print_audit
from placa.audit.words import shortcut_means
from placa.core.errors import PlacaError


def _audit(table: bool = False) -> dict:
    manifest = make_manifest()
    pixels = make_pixels(len(manifest))
    pixels[truth_of(manifest), :2] += 40
    whole = manifest[["image_id", "patient_id", "sex", "age", "view", "Edema"]].copy()
    whole["official"] = np.where(manifest["split"] == "test", "test", "train_val")
    other = manifest[["image_id", "patient_id"]].assign(finding="Edema", label_source="radiologists", subset="test")
    other["truth"] = truth_of(manifest)[::-1].astype(int)
    given = {"table": whole, "other_labels": other} if table else {}
    return run_audit(manifest, ["Edema"], pixels, label_source="[made] up", **given)


@pytest.fixture(scope="module")
def full() -> dict:
    return _audit(table=True)


def test_the_audit_is_json_of_the_written_schema(full: dict) -> None:
    assert json.loads(json.dumps(full, allow_nan=False)) == full
    assert list(full) == ["schema_version", "splits", "leakage", "shortcuts", "label_quality", "shift"]
    assert full["schema_version"] == 2
    assert set(full["shortcuts"]) == {"method", "images", "sampled_from", "folds", "seconds", "probes", "verdict"}
    assert full["shift"]["table"]["train"]["images"] == 240 - full["splits"]["test"]["images"]
    assert sum(split["images"] for split in full["splits"].values()) == 240


def test_the_same_seed_gives_the_same_audit(full: dict) -> None:
    again = _audit(table=True)
    for audit in (again, full := json.loads(json.dumps(full))):
        audit["shortcuts"].pop("seconds")
    assert again == full


def test_the_print_fits_80_columns(full: dict, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_audit(full)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "[made] up, set against radiologists" in printed
    for text in ("Leakage: none", "lungs: strong", "outer frame", "PPV", "view AP"):
        assert text in printed
    assert "a model may reach AUROC" in printed and "cannot be told apart" in " ".join(printed.split())


def test_a_set_with_little_known_prints_too(capsys: pytest.CaptureFixture) -> None:
    manifest = make_manifest(24)
    manifest[["view", "sex", "patient_id"]] = pd.NA
    manifest["age"] = np.nan
    manifest["split"] = "train"
    audit = run_audit(manifest, ["Edema"], None, grouping={"rule": "found", "joined_by": [{"rule": "x", "pairs": 1}]})
    assert audit["shift"] == {"here": None, "table": None}
    json.dumps(audit, allow_nan=False)
    print_audit(audit)
    printed = capsys.readouterr().out
    assert "patients are unknown" in printed and "10 of each are needed" in " ".join(printed.split())
    assert "Nothing could be measured" in printed and "joined as x" in printed


def test_each_verdict_has_its_sentence() -> None:
    def row(verdict: str, auroc: float | None) -> dict:
        return {"probe": "file", "finding": "Edema", "auroc": auroc, "verdict": verdict}

    assert "AUROC 0.91 (Edema)" in shortcut_means([row("strong", 0.8), row("strong", 0.91), row("some", 0.7)])[0]
    assert len(shortcut_means([row("strong", 0.8), row("some", 0.7), row("none", 0.5)])) == 2
    assert shortcut_means([row("none", 0.5)])[0].startswith("None")
    assert "could be measured" in shortcut_means([row("none", None)])[0]


def test_pixels_of_other_images_are_refused() -> None:
    with pytest.raises(PlacaError, match="240 rows and the pixels are those of 239"):
        run_audit(make_manifest(), ["Edema"], make_pixels(239))
