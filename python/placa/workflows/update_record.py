"""Write the facts of an updated run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from msgspec import convert

import placa
from placa.core.files import fingerprint
from placa.core.system import versions
from placa.inference.loaded_run import LoadedRun
from placa.records.files import write_record
from placa.records.run import fingerprints_of_run
from placa.records.run_facts import RunFacts, UpdateFacts
from placa.reporting.model_card import write_model_card


def write_facts(
    predictor: LoadedRun,
    partial: Path,
    out: Path,
    record: UpdateFacts,
    old: pd.DataFrame,
    local: pd.DataFrame,
    seconds: float,
) -> RunFacts:
    """Write ``run.json`` of an updated run.

    Args:
        predictor: The old run.
        partial: The directory of the new run.
        out: Its final path.
        record: How it was updated.
        old: The predictions of the images of the old run.
        local: Those of the local images.
        seconds: Duration of the update.
    """
    onnx = partial / "model.onnx"
    counts = {"train": old, "validation": old.iloc[:0], "test": local}
    positives = {
        finding: {
            name: int(((rows["finding"] == finding) & (rows["truth"] == 1)).sum()) for name, rows in counts.items()
        }
        for finding in predictor.findings
    }
    described = {
        "images": {name: int(rows["image_id"].nunique()) for name, rows in counts.items()},
        "patients": {name: int(rows["group_id"].nunique()) for name, rows in counts.items()},
        "positives": positives,
    }
    stored = predictor.facts["model"].get("onnx")
    reason = (stored and stored["reason"]) or "export"
    changed = {
        "placa_version": placa.__version__,
        "name": out.absolute().name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {**predictor.facts["data"], **described},
        "folds": None,
        "model": {
            "file": "model.keras",
            "fingerprint": fingerprint(partial / "model.keras"),
            "onnx": {
                "fingerprint": fingerprint(onnx) if onnx.is_file() else None,
                "reason": None if onnx.is_file() else reason,
            },
        },
        "timings": {"update": round(seconds, 1)},
        "versions": versions(),
        "files": fingerprints_of_run(partial),
        "update": record,
    }
    kept = {name: value for name, value in predictor.facts.items() if name != "plan"}
    facts = convert({**kept, **changed}, RunFacts)
    write_record(partial / "run.json", facts, RunFacts)
    write_model_card(partial, facts)
    return facts
