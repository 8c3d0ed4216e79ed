"""Read and write the JSON records of a prepared data set and of a run, checked against their types.

``docs/formats.md`` documents every key. The R package checks the same records against the JSON schemas that
`schemas` returns.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from placa.core import limits
from placa.core.errors import DamagedFileError, FileTooLargeError
from placa.core.files import atomic_file, explain_os_error, short_fingerprint
from placa.core.json_files import json_text, parse_json, unique_keys
from placa.records.audit import AUDIT_SCHEMA, Audit
from placa.records.errors import FingerprintMismatchError, InvalidRecordError, SchemaVersionError
from placa.records.evaluation import SUMMARY_SCHEMA, Summary
from placa.records.model import MODEL_SCHEMA, THRESHOLDS_SCHEMA, ModelFacts, Thresholds
from placa.records.run_facts import RUN_SCHEMA, RunFacts
from placa.records.source import SOURCE_SCHEMA, SourceFacts
from placa.records.validation import MONITORING_SCHEMA, VALIDATION_SCHEMA, MonitoringFacts, ValidationFacts

_RecordT = TypeVar("_RecordT")

#: The digest of a record is computed with this text in its place; R does the same.
_NO_DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True)
class RecordKind:
    """A kind of record.

    Attributes:
        type: Its type.
        file: Its file, or the member of the model file.
        schema_version: The version of its schema that this version of placa reads and writes.
        remedy: The way to create it again.
    """

    type: Any
    file: str
    schema_version: int
    remedy: str


#: All kinds of records by name.
RECORDS = {
    "source": RecordKind(SourceFacts, "source.json", SOURCE_SCHEMA, "Run placa prepare again."),
    "audit": RecordKind(Audit, "audit.json", AUDIT_SCHEMA, "Run placa audit again."),
    "run": RecordKind(RunFacts, "run.json", RUN_SCHEMA, "Train the run again."),
    "thresholds": RecordKind(Thresholds, "thresholds.json", THRESHOLDS_SCHEMA, "Train the run again."),
    "summary": RecordKind(Summary, "summary.json", SUMMARY_SCHEMA, "Run placa evaluate again."),
    "validation": RecordKind(ValidationFacts, "validation.json", VALIDATION_SCHEMA, "Run placa validate again."),
    "monitoring": RecordKind(MonitoringFacts, "monitoring.json", MONITORING_SCHEMA, "Run placa monitor again."),
    "model": RecordKind(ModelFacts, "placa.json", MODEL_SCHEMA, "Train the run again."),
}


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON schema of every kind of record."""
    return {name: msgspec.json.schema(kind.type) for name, kind in RECORDS.items()}


def read_record(path: Path, kind: type[_RecordT]) -> _RecordT:
    """Read a record and check it.

    Args:
        path: The JSON file.
        kind: The type of the record, one of `RECORDS`.

    Raises:
        PathNotFoundError: The file does not exist.
        FileTooLargeError: It has more bytes than any record.
        DamagedFileError: It is not JSON, a key occurs twice, or a number is not finite.
        SchemaVersionError: Another version of placa wrote it, with another schema.
        InvalidRecordError: It does not have the form of its schema.
        FingerprintMismatchError: It was modified after placa wrote it.
    """
    try:
        if path.stat().st_size > limits.MAX_RECORD_BYTES:
            raise _too_large(path, path.stat().st_size)
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise explain_os_error(error, path) from error
    except ValueError as error:
        raise _damaged(path, error, kind) from error
    record = parse_record(text, str(path), kind)
    _require_digest(text, path, record, kind)
    return record


def parse_record(text: str, path: str, kind: type[_RecordT]) -> _RecordT:
    """Parse and check the text of a record (see `read_record`); `path` names it in errors."""
    about = _about(kind)
    try:
        _refuse_characters(text)
        content = parse_json(
            text, object_pairs_hook=unique_keys, parse_float=_finite, parse_constant=_finite, parse_int=_exact
        )
    except ValueError as error:
        raise _damaged(path, error, kind) from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if type(version) is int and version != about.schema_version:
        remedy = about.remedy if version < about.schema_version else "Update placa."
        raise SchemaVersionError(
            f"{path} has schema version {version}, but this version of placa reads {about.schema_version}. {remedy}",
            path=path,
            version=version,
            expected=about.schema_version,
        )
    try:
        record = msgspec.convert(content, kind)
        if about.type is Thresholds:
            _check_defaults(record)
        return record
    except msgspec.ValidationError as error:
        raise InvalidRecordError(
            f"{path} is damaged or was edited: {error}. {about.remedy}", path=path, problem=str(error)
        ) from error


def _too_large(path: Path, size: int) -> FileTooLargeError:
    message = f"{path} has {size:,} bytes, and the limit of a record is {limits.MAX_RECORD_BYTES:,}. Create it again."
    return FileTooLargeError(message, path=str(path), bytes=size)


def write_record(path: Path, record: _RecordT, kind: type[_RecordT]) -> None:
    """Write a record atomically with its digest, after checking it against its type."""
    msgspec.convert(record, kind)
    content: dict[str, Any] = {**record}  # type: ignore[dict-item]
    text = json_text({**content, "digest": _NO_DIGEST})
    with atomic_file(path) as partial:
        partial.write_text(json_text({**content, "digest": _digest(text)}), "utf-8")


def _digest(text: str) -> str:
    # As R reads lines.
    return "sha256:" + hashlib.sha256(text.rstrip("\n").encode()).hexdigest()


def _require_digest(text: str, path: Path, record: Any, kind: type[Any]) -> None:
    stored = record.get("digest")
    if stored is None:
        return
    received = _digest(text.replace(stored, _NO_DIGEST, 1))
    if received != stored:
        raise FingerprintMismatchError(
            f"{path} was modified after placa wrote it: its fingerprint is {short_fingerprint(received)}, but it "
            f"states {short_fingerprint(stored)}. Copy the file again. {_about(kind).remedy}",
            path=str(path),
            expected=stored,
            received=received,
        )


def _check_defaults(thresholds: Any) -> None:
    for finding, one in thresholds["findings"].items():
        if one["default"] not in one["points"]:
            place = f"$.findings.{finding}.default"
            raise msgspec.ValidationError(f"Expected one of {', '.join(one['points'])} - at `{place}`")


def _about(kind: type[Any]) -> RecordKind:
    return next(about for about in RECORDS.values() if about.type is kind)


def _damaged(path: Path | str, error: Exception, kind: type[Any]) -> DamagedFileError:
    message = f"{path} is not valid JSON ({error}). {_about(kind).remedy}"
    return DamagedFileError(message, path=str(path), reason=str(error))


def _refuse_characters(text: str) -> None:
    """Refuse escapes of characters that R cannot store: NUL, and halves of characters beyond U+FFFF."""
    escapes = text.replace(r"\\", "")
    if r"\u0000" in escapes:
        raise ValueError("a text contains the character NUL")
    if re.search(r"(?i)\\ud[89a-f]", re.sub(r"(?i)\\ud[89ab]..\\ud[c-f]..", "", escapes)):
        raise ValueError("a text is not valid Unicode")


def _exact(text: str) -> int:
    if len(text.lstrip("-")) > 15:
        raise ValueError("an integer has more than 15 digits, which R cannot store exactly")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value
