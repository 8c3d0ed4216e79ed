"""The complete audit is JSON with the documented schema, and is printed in 80 columns."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pandas as pd
import pytest
from audit_data import make_manifest, make_pixels, truth_of
from raising import raises
from report_strings import strings

from placa.audit import run_audit
from placa.cli.show_audit import print_audit
from placa.dataset.errors import RowCountMismatchError
from placa.records.audit import Audit
from placa.reporting.words import Words, code_text, shortcut_means


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


def test_the_audit_has_the_documented_json_schema(full: dict) -> None:
    assert json.loads(json.dumps(full, allow_nan=False)) == full
    # Phantoms have no uncertain labels, so there are no policies to compare. A file adds fingerprint and digest.
    assert msgspec.convert(full, Audit) == full
    assert set(full) == set(Audit.__annotations__) - {"label_policies", "fingerprint", "digest"}
    assert full["shift"]["table"]["train"]["images"] == 240 - full["splits"]["test"]["images"]
    assert sum(split["images"] for split in full["splits"].values()) == 240


def test_the_same_seed_gives_the_same_audit(full: dict) -> None:
    again = _audit(table=True)
    for audit in (again, full := json.loads(json.dumps(full))):
        audit["shortcuts"].pop("seconds")
    assert again == full


@pytest.mark.parametrize("lang", ["en", "es"])
def test_printed_lines_have_at_most_80_columns(
    full: dict, lang: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_audit(full, lang)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert any("[made] up" in line and "radiologists" in line for line in printed.splitlines())
    keys = ("leakage_means.none", "verdict.strong", "probe.frame", "column.ppv", "shift_of.ap")
    for key in keys:
        assert Words(lang).say(f"terminal.{key}") in " ".join(printed.split())
    highest = max(row["auroc"] for row in full["shortcuts"]["probes"] if row["auroc"] is not None)
    auroc = Words(lang).number(highest, 2)
    assert f"{auroc} (Edema)" in " ".join(printed.split())
    other = strings({"en": "es", "es": "en"}[lang])
    for key in keys:
        assert other[f"terminal.{key}"] not in printed


def test_a_data_set_with_few_columns_is_printed(capsys: pytest.CaptureFixture) -> None:
    manifest = make_manifest(24)
    manifest[["view", "sex", "patient_id"]] = pd.NA
    manifest["age"] = np.nan
    manifest["split"] = "train"
    joined = {"rule": "copies", "values": {}, "pairs": 1}
    grouping = {"rule": "found", "cap": 5, "refused": 0, "joined_by": [joined]}
    audit = run_audit(manifest, ["Edema"], None, grouping=grouping)
    assert audit["shift"] == {"here": None, "table": None}
    json.dumps(audit, allow_nan=False)
    print_audit(audit)
    printed = capsys.readouterr().out
    reason = audit["shortcuts"]["probes"][0]["reason"]
    assert reason["code"] == "too_few_groups" and reason["values"]["needed"] == 10
    # The sentence is wrapped in its column.
    ending = code_text(Words("en"), "reason", reason["code"], reason["values"]).split()[-3:]
    assert " ".join(ending) in " ".join(printed.split())
    assert shortcut_means(audit["shortcuts"]["probes"], Words("en"))[0] in " ".join(printed.split())
    (groups,) = (line for line in printed.splitlines() if line.startswith("patients in more than one split"))
    assert "unknown" in groups and not any(letter.isdigit() for letter in groups)
    (line,) = (line for line in printed.splitlines() if "1 pair" in line)
    assert Words("en").say("rule.copies") in line


def test_each_verdict_has_a_sentence() -> None:
    def row(verdict: str, auroc: float | None) -> dict:
        return {"probe": "file", "finding": "Edema", "auroc": auroc, "verdict": verdict}

    def means(*rows: dict) -> list[str]:
        return shortcut_means(rows, Words("en"))

    assert "AUROC 0.91 (Edema)" in means(row("strong", 0.8), row("strong", 0.91), row("some", 0.7))[0]
    assert len(means(row("strong", 0.8), row("some", 0.7), row("none", 0.5))) == 2
    assert means(row("none", 0.5))[0].startswith("None")
    assert means(row("none", None)) not in (means(row("none", 0.5)), [])


def test_pixels_of_other_images_are_rejected() -> None:
    with raises(RowCountMismatchError, rows=240, pixels=239):
        run_audit(make_manifest(), ["Edema"], make_pixels(239))
