"""The manifest: a table with one row per image. Later stages read it; none changes it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from placa.core.errors import DamagedFileError
from placa.core.files import atomic_file
from placa.core.json_files import parse_json
from placa.records.errors import (
    DuplicateImageError,
    InvalidValueError,
    NotPreparedError,
    ReservedNameError,
    require_columns,
)
from placa.records.parquet_files import parquet_faults, read_parquet_frame
from placa.records.source import SplitFacts

SCHEMA_VERSION = 2
SPLITS = ("train", "validation", "test")
#: Columns that every manifest has, for every source; all other columns are findings.
TEXT = ("image_id", "path", "patient_id", "group_id", "split", "sex", "view", "site", "label_source")
FIXED = (*TEXT, "age")
#: Columns of the manifest of sources that know them.
#: ``period`` and `DAYS` are known after ``--split temporal`` (see `placa.dataset.temporal`).
OPTIONAL = ("study_id", "series", "period")
#: Days since the first image of the patient.
DAYS = "days"
#: Numbers in the manifest of CT volumes, in mm (see `placa.images.ct.files.Extent`).
EXTENT = ("slice_distance", "scan_length", "field_of_view")
#: Columns of numbers that some manifests have.
NUMBERS = (*EXTENT, DAYS)
_NO_FINDINGS = {*FIXED, *OPTIONAL, *NUMBERS}


def complete(images: pd.DataFrame, findings: list[str]) -> pd.DataFrame:
    """Convert the table of a source to the columns and types of the manifest.

    Args:
        images: One row per image: ``image_id``, ``path``, one column per finding, and any other column of `TEXT`,
            ``age``, `OPTIONAL` or `NUMBERS`.
        findings: The finding columns: 0, 1, or missing if unknown.

    Returns:
        A new frame with every column of the manifest: text as strings with missing values, ``age`` in years as
        float, findings as nullable 8-bit integers. A missing ``group_id`` is replaced by the patient, or by the image
        if the patient is unknown.

    Raises:
        MissingColumnError: ``image_id``, ``path`` or a finding is missing.
        DuplicateImageError: An ``image_id`` occurs twice.
        ReservedNameError: A finding has the name of a column in `FIXED`, `OPTIONAL` or `NUMBERS`.
    """
    require_columns(images, ["image_id", "path", *findings], None, "Add the column.")
    taken = sorted(set(findings) & _NO_FINDINGS)
    if taken:
        message = f"A finding cannot be named {taken[0]!r}: the manifest has a column of that name. Rename the finding."
        raise ReservedNameError(message, name=taken[0])
    out = pd.DataFrame(index=pd.RangeIndex(len(images)))
    for name in (*TEXT, *(name for name in OPTIONAL if name in images)):
        column = images[name].reset_index(drop=True) if name in images else pd.Series(pd.NA, index=out.index)
        out[name] = column.astype("string")
    # Splits keep groups together; an image without patient and group is a group of its own.
    out["group_id"] = out["group_id"].fillna(out["patient_id"]).fillna(out["image_id"])
    for name in ("age", *(name for name in NUMBERS if name in images)):
        numbers = images[name].reset_index(drop=True) if name in images else pd.Series(np.nan, index=out.index)
        known = pd.to_numeric(numbers, errors="coerce").astype("float64")
        # A study date before the date of birth gives no age.
        out[name] = known.mask((known < 0) | np.isinf(known))
    for finding in findings:
        out[finding] = images[finding].reset_index(drop=True).astype("Int8")
    twice = out["image_id"][out["image_id"].duplicated()]
    if len(twice):
        message = f"`image_id` must be unique, but {twice.iloc[0]!r} occurs more than once. Give each image its own ID."
        raise DuplicateImageError(message, image_id=str(twice.iloc[0]))
    return out


def findings_of(manifest: pd.DataFrame) -> list[str]:
    """Return the names of the finding columns, in their order."""
    return [str(name) for name in manifest.columns if name not in _NO_FINDINGS]


def write_manifest(manifest: pd.DataFrame, path: Path, split: SplitFacts | None = None) -> None:
    """Write the manifest atomically as parquet.

    Args:
        manifest: A complete manifest.
        path: The file to write.
        split: How the splits were made; stored with the schema version as JSON in the file's metadata key ``placa``.
    """
    metadata = json.dumps({"schema_version": SCHEMA_VERSION, "split": split}, ensure_ascii=False).encode()
    table = pa.Table.from_pandas(manifest, preserve_index=False)
    with atomic_file(path) as partial:
        pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), b"placa": metadata}), partial)


def read_split_facts(prepared: Path) -> SplitFacts | None:
    """Read how the splits of a manifest were made; None if it does not have that.

    Args:
        prepared: The directory that ``placa prepare`` wrote.

    Raises:
        DamagedFileError: The metadata of the manifest are damaged.
    """
    path = prepared / "manifest.parquet"
    try:
        stored = parse_json((pq.read_schema(path).metadata or {}).get(b"placa", b"{}"))
        split: SplitFacts | None = stored.get("split")
    except (ValueError, AttributeError, pa.ArrowException) as error:
        message = f"The metadata of {path} are damaged ({error}). Run placa prepare again."
        raise DamagedFileError(message, path=str(path), reason=str(error)) from error
    return split


def read_manifest(prepared: Path) -> pd.DataFrame:
    """Read the manifest of a prepared data set.

    Args:
        prepared: The directory that ``placa prepare`` wrote.

    Raises:
        NotPreparedError: `prepared` is not a prepared data set.
        MissingColumnError: A column is missing.
        DamagedFileError: The manifest is not parquet.
        DuplicateImageError: An ``image_id`` occurs twice.
        InvalidValueError: An ``image_id`` is missing, or a column has a value outside its range.
    """
    path = prepared / "manifest.parquet"
    if not path.is_file():
        message = f"{prepared} is not a prepared data set (no manifest.parquet). Create one with placa prepare."
        raise NotPreparedError(message, path=str(prepared))
    remedy = "Run placa prepare again."
    manifest = read_parquet_frame(path, remedy)
    require_columns(manifest, FIXED, str(path), remedy)
    for name in (*TEXT, *(name for name in OPTIONAL if name in manifest)):
        manifest[name] = manifest[name].astype("string")
    with parquet_faults(path, remedy):
        for finding in findings_of(manifest):
            manifest[finding] = manifest[finding].astype("Int8")
        for name in ("age", *(name for name in NUMBERS if name in manifest)):
            manifest[name] = manifest[name].astype("float64")
    _require_values(manifest, path)
    return manifest


def _require_values(manifest: pd.DataFrame, path: Path) -> None:
    """Check ids, findings, ages and extents; someone may have edited the file."""
    wrong = {"image_id": manifest["image_id"].isna()}
    wrong |= {finding: ~manifest[finding].isin([0, 1]) & manifest[finding].notna() for finding in findings_of(manifest)}
    for name in ("age", *(name for name in NUMBERS if name in manifest)):
        wrong[name] = (manifest[name] < 0) | np.isinf(manifest[name])
    for name, rows in wrong.items():
        if rows.any():
            value = str(manifest[name][rows].iloc[0])
            raise InvalidValueError(
                f"Column {name!r} of {path} has the value {value} ({int(rows.sum()):,} such rows). Run placa prepare "
                "again.",
                file=str(path),
                column=name,
                value=value,
                rows=int(rows.sum()),
            )
    twice = manifest["image_id"][manifest["image_id"].duplicated()]
    if len(twice):
        message = f"`image_id` must be unique, but {twice.iloc[0]!r} occurs twice in {path}. Run placa prepare again."
        raise DuplicateImageError(message, image_id=str(twice.iloc[0]))
