"""predictions.parquet: the predicted probabilities of a model, in the format that Python and R share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from placa.core.errors import PathNotFoundError
from placa.core.files import atomic_file
from placa.core.system import versions
from placa.core.text import INVISIBLE
from placa.records.column_types import plain_columns
from placa.records.errors import InvalidValueError, require_columns
from placa.records.files import read_record
from placa.records.model import ModelFacts, typicality_columns
from placa.records.parquet_files import parquet_faults, placa_metadata, read_parquet
from placa.records.run import require_files, require_predictions
from placa.records.run_facts import RunFacts
from placa.records.source import ClassFacts

SCHEMA_VERSION = 2
_FIELDS = [
    pa.field("image_id", pa.string()),
    pa.field("patient_id", pa.string()),
    pa.field("group_id", pa.string()),
    pa.field("split", pa.string()),
    pa.field("finding", pa.string()),
    pa.field("truth", pa.int8()),
    pa.field("probability", pa.float64()),
    pa.field("score", pa.float64()),
    pa.field("sex", pa.string()),
    pa.field("age", pa.float64()),
    pa.field("view", pa.string()),
    pa.field("site", pa.string()),
]
COLUMNS = [field.name for field in _FIELDS]
_AGAIN = "Create the file again."
#: Columns of the predictions of models that compare images with their training images.
_OPTIONAL = [pa.field("typicality", pa.float64()), pa.field("outside", pa.bool_())]


def tidy(
    images: pd.DataFrame, findings: list[str], probability: np.ndarray[Any, Any], score: np.ndarray[Any, Any]
) -> pd.DataFrame:
    """Return predictions as a table with one row per image and finding.

    Args:
        images: One row per image: rows of a manifest, or ``image_id`` alone; the column of a finding is its truth.
        findings: Names of the findings, in the order of the columns of `probability`.
        probability: After recalibration, 0 to 1, shape ``(images, findings)``.
        score: Before recalibration, 0 to 1, shape ``(images, findings)``.

    Returns:
        A frame with the columns of predictions.parquet; the findings of an image are in consecutive rows.
    """
    count = len(findings)
    out = pd.DataFrame({"image_id": images["image_id"].repeat(count).to_numpy()})
    for name in ("patient_id", "group_id", "split", "sex", "view", "site"):
        column = images[name] if name in images else pd.Series(pd.NA, index=images.index, dtype="string")
        out[name] = column.astype("string").repeat(count).to_numpy()
    age = images["age"] if "age" in images else pd.Series(np.nan, index=images.index)
    out["age"] = age.astype("float64").repeat(count).to_numpy()
    out["finding"] = np.tile(np.asarray(findings, dtype=object), len(images))
    truth = [images[name] if name in images else pd.Series(pd.NA, index=images.index) for name in findings]
    out["truth"] = pd.concat([column.astype("Int8") for column in truth], axis=1).to_numpy().ravel()
    out["truth"] = out["truth"].astype("Int8")
    out["probability"] = probability.astype("float64").ravel()
    out["score"] = score.astype("float64").ravel()
    if "period" not in images:
        return out[COLUMNS]
    out["period"] = images["period"].astype("string").repeat(count).to_numpy()
    return out[[*COLUMNS, "period"]]


def add_typicality(table: pd.DataFrame, distance: NDArray[np.float64] | None, facts: ModelFacts) -> None:
    """Add the columns of `typicality_columns` to a table of `tidy`, in place."""
    for name, values in typicality_columns(distance, facts).items():
        table[name] = np.repeat(values, len(facts["findings"]))


def describe_predictions(facts: ClassFacts, label_source: str | None, model_fingerprint: str) -> dict[str, Any]:
    """Return the metadata of predictions.parquet.

    Args:
        facts: The facts of the model, or of the data set that it was trained on.
        label_source: The origin of the column ``truth``; None without labels.
        model_fingerprint: The fingerprint of the model.
    """
    return {
        "findings": facts["findings"],
        "positive_alone": facts["positive_alone"],
        "comparison": facts["comparison"],
        "label_source": label_source,
        "versions": versions(),
        "model_fingerprint": model_fingerprint,
    }


def write_predictions(predictions: pd.DataFrame, path: Path, metadata: dict[str, Any]) -> None:
    """Write predictions atomically as parquet.

    Args:
        predictions: The table that `tidy` returns; columns outside the schema are appended as strings.
        path: The file to write.
        metadata: As from `describe_predictions`; stored with the schema version as JSON in the file's metadata key
            ``placa``.
    """
    typed = {field.name: field for field in _OPTIONAL}
    extra = [
        typed.get(str(name), pa.field(str(name), pa.string())) for name in predictions.columns if name not in COLUMNS
    ]
    stored = json.dumps({"schema_version": SCHEMA_VERSION, **metadata}, ensure_ascii=False).encode()
    schema = pa.schema([*_FIELDS, *extra], metadata={b"placa": stored})
    with atomic_file(path) as partial:
        pq.write_table(pa.Table.from_pandas(predictions, schema=schema, preserve_index=False), partial)


def read_predictions(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read predictions and their metadata.

    Args:
        path: A predictions.parquet, or a run directory that contains one.

    Returns:
        The table (text with missing values, ``truth`` as nullable integer) and the metadata.

    Raises:
        PathNotFoundError: The file does not exist.
        DamagedFileError: The file is not parquet.
        MissingColumnError: A column is missing.
        SchemaVersionError: Another version of placa wrote the file.
        InvalidValueError: A column has a value outside its range.
        FingerprintMismatchError: The predictions in a run are of another model, or were modified.
    """
    path = Path(path)
    run = path if (path / "run.json").exists() else None
    path = path / "predictions.parquet" if path.is_dir() else path
    frame, metadata = read_plain_parquet(path)
    if run is not None:
        facts = read_record(run / "run.json", RunFacts)
        require_predictions(run, facts, metadata)
        require_files(run, facts, path.name)
    require_columns(frame, COLUMNS, str(path), "Create the file with placa predict.")
    for name in ("image_id", "patient_id", "group_id"):
        frame[name] = clean_identifiers(frame[name])
    for name in ("image_id", "finding"):
        empty = frame[name].isna() | (frame[name].astype("string").str.strip() == "").fillna(False)
        refuse_values(frame[name], empty, name, "given", str(path), _AGAIN)
    _require_ranges(frame, str(path))
    frame["truth"] = frame["truth"].astype("Int8")
    return frame, metadata


def read_plain_parquet(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a parquet file of any program with the column types of placa (see `plain_columns`).

    Returns:
        The table, and the metadata that placa wrote; they are empty if another program wrote the file.

    Raises:
        PathNotFoundError: The file does not exist.
        DamagedFileError: The file is not parquet.
        SchemaVersionError: Another version of placa wrote the file.
    """
    with parquet_faults(path, "Create it again with placa predict."):
        if not path.exists():
            message = f"{path} does not exist. Create it with placa train or placa predict."
            raise PathNotFoundError(message, path=str(path))
        table = read_parquet(path)
        # Metadata of pandas may turn columns into an index; R does not read them.
        plain, others = plain_columns(table.replace_schema_metadata(None))
        # Damaged metadata of pandas or of the columns appear only here, as any error.
        frame: pd.DataFrame = pd.concat([plain.to_pandas(), table.select(others).to_pandas()], axis=1)
    for field in plain.schema:
        if pa.types.is_string(field.type):
            frame[field.name] = frame[field.name].astype("string")
    return frame, placa_metadata(table.schema, path, SCHEMA_VERSION)


def clean_identifiers(column: pd.Series) -> pd.Series:
    """Return identifiers without what would make another patient of the same id.

    These are spaces and zero-width characters at the ends, and the ``.0`` of ``17.0`` if there is also ``17``.
    """
    ids = column.astype("string").str.replace(INVISIBLE, "", regex=True).str.strip()
    whole = ids.str.replace(r"^([0-9]+)\.0$", r"\1", regex=True)
    return ids.mask(((whole != ids) & whole.isin(ids.dropna())).fillna(False), whole)


def _require_ranges(frame: pd.DataFrame, file: str) -> None:
    for name, highest in (("truth", 1.0), ("probability", 1.0), ("score", None), ("age", 150.0)):
        numbers = pd.to_numeric(frame[name], errors="coerce").astype("float64")
        if name in {"probability", "score"} and pd.api.types.is_string_dtype(frame[name]):
            refuse_values(frame[name], frame[name].notna(), name, "a number", file, _AGAIN)
        wrong = (frame[name].notna() & numbers.isna()) | numbers.isin([np.inf, -np.inf])
        if highest is not None:
            wrong |= (numbers < 0) | (numbers > highest)
        if name == "truth":
            wrong |= numbers.notna() & ~numbers.isin([0, 1])
        needed = "finite" if highest is None else f"between 0 and {highest:g}"
        refuse_values(frame[name], wrong, name, needed, file, _AGAIN)


def refuse_values(column: pd.Series, wrong: pd.Series, name: str, needed: str, file: str, remedy: str) -> None:
    """Raise an `InvalidValueError` if some values of a column are wrong.

    Args:
        column: The column.
        wrong: Whether each value is wrong.
        name: The name of the column.
        needed: What the values must be.
        file: The name of the table.
        remedy: What to do, as a sentence.
    """
    if wrong.any():
        value, rows = str(column[wrong].iloc[0]), int(wrong.sum())
        message = f"Column {name!r} of {file} must be {needed}, got {value} ({rows:,} such rows). {remedy}"
        raise InvalidValueError(message, file=file, column=name, value=value, rows=rows)
