"""Write the files of a run that may leave the hospital: without paths, ids of patients and images, and radiographs."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from msgspec import convert

from placa.core.files import atomic_directory, require_writable
from placa.core.places import user_names
from placa.core.progress import Progress, show
from placa.records.files import write_record
from placa.records.parquet_files import read_parquet_frame
from placa.records.predictions import COLUMNS, read_predictions, write_predictions
from placa.records.run import fingerprints_of_run, require_files, require_model, require_run
from placa.records.run_facts import RunFacts
from placa.reporting.errors import IdentifierLeftError
from placa.sources.dicom.patient_key import PatientKey, read_patient_key
from placa.workflows.evaluate import evaluate
from placa.workflows.report import report

#: Files that are copied unchanged.
_COPIED = ("model.keras", "model.onnx", "thresholds.json", "history.csv")
#: Options of the preparation that are kept; the others are paths, columns and lists of the hospital.
_OPTIONS = ("positive", "negative", "finding", "size", "seed", "fractions", "split", "only", "images", "slices")
#: Columns of identifiers, and the kind of their hash.
_IDS = {"image_id": "image", "patient_id": "patient", "group_id": "group", "site": "site"}
#: The age, in years, of patients above 89 (45 CFR 164.514).
_OLDEST = 90.0


@dataclass(frozen=True)
class Shared:
    """The result of `share`.

    Attributes:
        files: The files that were written, relative to the directory.
        left_out: The files of the run that were left out, and why: ``made_again`` or ``not_shared``.
    """

    files: list[str]
    left_out: list[tuple[str, str]]


def share(
    run: str | Path,
    out: str | Path,
    language: str = "en",
    key: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | bool = True,
) -> Shared:
    """Write a copy of a run without what identifies patients, the user and the machine.

    Ids of images, patients, groups and sites are replaced by keyed hashes, ages above 89 by 90. The evaluation, the
    model card and the report are made again from these predictions; the report has no radiographs.

    Args:
        run: A run directory.
        out: The directory to create.
        language: The language of the report, ``en`` or ``es``.
        key: The key of the hashes; by default the user's own.
        overwrite: Whether to replace an existing directory.
        progress: Progress display.

    Raises:
        IdentifierLeftError: A written file still contains an identifier; nothing is kept.
        PlacaError: `run` is not a run, or its files do not belong together; `out` exists; R is missing.
    """
    run, out, progress = Path(run), Path(out), show(progress)
    facts = require_run(run)
    require_model(run, facts)
    predictions, metadata = read_predictions(run)
    require_files(run, facts)
    secret = read_patient_key(key)
    with atomic_directory(out, overwrite) as partial:
        require_writable(partial)
        for name in _COPIED:
            if (run / name).is_file():
                shutil.copyfile(run / name, partial / name)
        known = [name for name in predictions.columns if name in {*COLUMNS, "fold"}]
        write_predictions(_without_ids(predictions[known], secret), partial / "predictions.parquet", metadata)
        if (run / "labels.parquet").is_file():
            _without_ids(read_parquet_frame(run / "labels.parquet", "Train the run again."), secret).to_parquet(
                partial / "labels.parquet", index=False
            )
        _write_facts(partial, facts)
        evaluate(partial, progress=progress)
        report(partial, language, progress=progress, pictures=False)
        _require_no_identifier(partial, predictions)
        files = _files(partial)
    # Names are listed for the user, and are not part of the copy: they may contain identifiers themselves.
    left_out = [(name, "made_again" if name in files else "not_shared") for name in _files(run)]
    return Shared(files, [one for one in left_out if one[0] not in _COPIED])


def _without_ids(table: pd.DataFrame, key: PatientKey) -> pd.DataFrame:
    table = table.copy()
    for name, kind in _IDS.items():
        if name in table:
            column = table[name].astype("string")
            hashes = {text: f"{kind}-{key.pseudonym(f'share {kind}', text)}" for text in column.dropna().unique()}
            table[name] = column.map(hashes).astype("string")
    if "age" in table:
        table["age"] = table["age"].mask(table["age"] > _OLDEST - 1, _OLDEST)
    return table


def _write_facts(directory: Path, facts: RunFacts) -> None:
    data: dict[str, Any] = dict(facts["data"])
    audit: dict[str, Any] = dict(data["audit"])
    leakage: dict[str, Any] = dict(audit["leakage"])
    for kind in ("exact_duplicates", "near_duplicates"):
        leakage[kind] = {**leakage[kind], "examples": []}
    leakage["names"] = {**leakage["names"], "telling": [{**one, "token": "…"} for one in leakage["names"]["telling"]]}
    data |= {
        "prepared": "PREPARED",
        "source_options": {name: one for name, one in data["source_options"].items() if name in _OPTIONS},
        "notes": [
            {**note, "values": {name: one for name, one in note["values"].items() if not isinstance(one, str)}}
            for note in data["notes"]
        ],
        "audit": {**audit, "leakage": leakage},
    }
    shared: dict[str, Any] = {**facts, "data": data}
    shared.pop("plan", None)
    shared["files"] = fingerprints_of_run(directory)
    write_record(directory / "run.json", convert(shared, RunFacts), RunFacts)


def _require_no_identifier(directory: Path, predictions: pd.DataFrame) -> None:
    """Search the written texts for ids of the run and for the name of the user."""
    secrets = {name for name in user_names() if len(name) > 3} | {str(Path.home())} - {"/root", "/"}
    for column in _IDS:
        found = predictions[column].dropna().unique()
        # A short number is also a part of coordinates and probabilities.
        secrets |= {text for text in map(str, found) if len(text) > 5 and re.search(r"[^\W\d]", text)}
    if not secrets:
        return
    pattern = re.compile("|".join(map(re.escape, sorted(secrets, key=len, reverse=True))), re.IGNORECASE)
    for name in _files(directory):
        if Path(name).suffix not in {".json", ".csv", ".md", ".html", ".svg"}:
            continue
        match = pattern.search((directory / name).read_text("utf-8", errors="replace"))
        if match:
            raise IdentifierLeftError(
                f"{name} would still contain the identifier {match[0]!r}, so nothing was written. Remove it from the "
                "names of findings and options, and prepare and train again.",
                file=name,
                identifier=match[0],
            )


def _files(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
