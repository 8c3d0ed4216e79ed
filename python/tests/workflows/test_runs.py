import csv
import io
import json
from pathlib import Path

import pytest
from conftest import RecordedProgress
from raising import raises
from record_fixtures import good_record

from placa.core.errors import PathNotFoundError
from placa.workflows.runs import COLUMNS, list_runs


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Write an evaluated run, one without an evaluation, a damaged one, and the state of an interrupted training."""
    for name in ("b/evaluated", "a", "damaged", ".c.training"):
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        for file in ("model.keras", "thresholds.json"):
            (run / file).touch()
        facts = {**good_record("run"), "name": run.name}
        (run / "run.json").write_text("{" if name == "damaged" else json.dumps(facts))
    finding = good_record("run")["data"]["findings"][0]
    headline = {**next(iter(good_record("summary")["headline"].values())), "auroc": 0.75, "n_images": 40}
    external = [{**headline, "auroc": 0.625 + k / 8, "name": name, "finding": finding} for k, name in enumerate("xy")]
    summary = {**good_record("summary"), "headline": {finding: headline}, "external": external}
    (tmp_path / "runs" / "b" / "evaluated" / "evaluation").mkdir()
    (tmp_path / "runs" / "b" / "evaluated" / "evaluation" / "summary.json").write_text(json.dumps(summary))
    return tmp_path / "runs"


def test_runs_are_listed_with_their_results(runs: Path) -> None:
    progress = RecordedProgress()
    table = list_runs(runs, progress)
    facts = good_record("run")
    assert tuple(table.columns) == COLUMNS
    findings = facts["data"]["findings"]
    assert table["run"].tolist() == [str(runs / "a")] * len(findings) + [str(runs / "b" / "evaluated")] * (
        len(findings) + 1
    )
    assert set(table["backbone"]) == {facts["training"]["backbone"]} and set(table["seed"]) == {
        facts["training"]["seed"]
    }
    first = table[(table["run"] != str(runs / "a")) & (table["finding"] == findings[0])]
    assert first["auroc"].tolist() == [0.75, 0.75] and first["n_images"].tolist() == [40, 40]
    assert first["external"].tolist() == ["x", "y"] and first["external_auroc"].tolist() == [0.625, 0.75]
    assert table[table["run"] == str(runs / "a")]["auroc"].isna().all()
    assert len(progress.warned) == 1 and "damaged" in progress.warned[0]
    with raises(PathNotFoundError, path=str(runs / "none")):
        list_runs(runs / "none")


def test_the_command_prints_a_table_csv_or_json(runs: Path, placa) -> None:
    table = list_runs(runs, progress=False)
    rows = list(csv.DictReader(io.StringIO(placa("runs", runs, "--csv").stdout)))
    assert [row["run"] for row in rows] == table["run"].tolist() and rows[-1]["seed"] == str(table["seed"].iloc[-1])
    records = json.loads(placa("runs", runs, "--json").stdout)
    assert [one["external_auroc"] for one in records] == [None if x != x else x for x in table["external_auroc"]]
    lines = placa("runs", runs).stdout.splitlines()
    assert len(lines) == len(table) + 1 and any("0.625 (x)" in line for line in lines)
