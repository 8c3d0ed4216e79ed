"""Every record is checked against its type, and R reaches the same verdict with the same files."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import placa.records
from placa.core.errors import DamagedFileError, PlacaError
from placa.records.errors import InvalidRecordError, SchemaVersionError
from placa.records.files import RECORDS, parse_record, read_record, schemas, write_record

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "R" / "tests" / "testthat" / "fixtures" / "records"
CASES: list[dict[str, Any]] = json.loads((FIXTURES / "cases.json").read_text("utf-8"))
VERDICTS: dict[str, type[PlacaError]] = {
    "schema": SchemaVersionError,
    "record": InvalidRecordError,
    "json": DamagedFileError,
}


def text_of(case: dict[str, Any]) -> str:
    """The text of a case: the good record of its kind with one change."""
    if "text" in case:
        return str(case["text"])
    content = json.loads((FIXTURES / f"{case['record']}.json").read_text("utf-8"))
    place = case.get("at") or case.get("drop")
    if place:
        inside = content
        for key in place[:-1]:
            inside = inside[key]
        if "drop" in case:
            del inside[place[-1]]
        else:
            inside[place[-1]] = case["value"]
    return json.dumps(content, ensure_ascii=False)


@pytest.mark.parametrize("case", CASES, ids=[f"{case['record']}: {case['why']}" for case in CASES])
def test_verdict_on_a_record(case: dict[str, Any]) -> None:
    kind = RECORDS[case["record"]]
    if case["verdict"] == "good":
        assert parse_record(text_of(case), "file.json", kind.type)["schema_version"] == kind.schema_version
        return
    with pytest.raises(VERDICTS[case["verdict"]]) as caught:
        parse_record(text_of(case), "file.json", kind.type)
    assert caught.value.values["path"] == "file.json"
    if "at" in case and case["verdict"] == "record":
        # A message names the place, up to the names that a person has chosen.
        assert str(case["at"][0]) in caught.value.values["problem"]


def test_all_cases_have_a_verdict_and_every_kind_has_bad_ones() -> None:
    assert {case["verdict"] for case in CASES} == {"good", *VERDICTS}
    assert {case["record"] for case in CASES if case["verdict"] == "record"} == set(RECORDS)


def test_records_survive_writing_and_reading(tmp_path: Path) -> None:
    for name, kind in RECORDS.items():
        content = read_record(FIXTURES / f"{name}.json", kind.type)
        write_record(tmp_path / kind.file, content, kind.type)
        written = read_record(tmp_path / kind.file, kind.type)
        # That of a model is a member of its file.
        assert name == "model" or written.pop("digest").startswith("sha256:")
        assert written == content


def test_an_invalid_record_is_never_written(tmp_path: Path) -> None:
    content = json.loads((FIXTURES / "thresholds.json").read_text("utf-8"))
    content["chosen_on"] = "test"
    with pytest.raises(msgspec.ValidationError):
        write_record(tmp_path / "thresholds.json", content, RECORDS["thresholds"].type)
    assert not list(tmp_path.iterdir())


def test_no_record_contains_a_sentence() -> None:
    def texts(content: Any, place: str) -> list[str]:
        if isinstance(content, dict):
            return [text for key, value in content.items() for text in texts(value, f"{place}.{key}")]
        if isinstance(content, list):
            return [text for value in content for text in texts(value, place)]
        return [f"{place}: {content}"] if isinstance(content, str) else []

    for name in RECORDS:
        content = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
        spoken = [text for text in texts(content, name) if len(text.split(": ", 1)[1].split()) > 3]
        # The options of a CT volume name the positions of its slabs; there is none here.
        assert spoken == []


def test_schemas_of_r_are_those_of_python() -> None:
    for name, schema in schemas().items():
        stored = json.loads((ROOT / "R" / "inst" / "schemas" / f"{name}.json").read_text("utf-8"))
        assert stored == schema, "run tools/formats"


def test_documented_tables_are_those_of_the_types() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "formats", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=_with_placa(),
    )
    assert done.returncode == 0, done.stderr


def _with_placa() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "python")}


def test_r_reaches_the_same_verdicts(tmp_path: Path) -> None:
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("R is not on PATH")
    for number, case in enumerate(CASES):
        (tmp_path / f"{number:02d}-{case['record']}.json").write_text(text_of(case), "utf-8")
    script = tmp_path / "verdicts.R"
    script.write_text(
        """
        files <- list.files(commandArgs(TRUE), "json$", full.names = TRUE)
        verdict <- function(file) {
          kind <- sub("^[0-9]+-(.*)[.]json$", "\\\\1", basename(file))
          tryCatch({
            placa:::read_record(file, kind)
            "good"
          }, placa_error_schema = function(e) "schema", placa_error_record = function(e) "record",
             placa_error_file = function(e) "json")
        }
        cat(vapply(files, verdict, ""), sep = "\\n")
        """
    )
    done = subprocess.run([rscript, script, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = done.stdout.split()
    assert [(case["why"], verdict) for case, verdict in zip(CASES, found, strict=True)] == [
        (case["why"], case["verdict"]) for case in CASES
    ]


def test_annotations_of_inherited_records_are_no_text() -> None:
    # On Python 3.14, msgspec looks up names in the text of an inherited annotation in the module of the derived class.
    files = (Path(placa.records.__file__).parent).glob("*.py")
    modules = {f"placa.records.{file.stem}": ast.parse(file.read_text("utf-8")) for file in files}
    bases = set()
    for module in modules.values():
        imports = [node for node in module.body if isinstance(node, ast.ImportFrom)]
        origin = {name.name: node.module for node in imports for name in node.names}
        used = {base.id for node in module.body if isinstance(node, ast.ClassDef) for base in node.bases}  # type: ignore[attr-defined]
        bases |= {origin[name] for name in used & origin.keys()} & modules.keys()
    assert {"placa.records.codes", "placa.records.source", "placa.records.validation"} <= bases
    assert not [name for name in bases if "from __future__ import annotations" in ast.unparse(modules[name])]
