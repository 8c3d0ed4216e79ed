"""The files of examples/study have commands of placa, and run with Snakemake and DVC where these are installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from placa.cli import parser

STUDY = ROOT / "examples" / "study"
ENGINES = {"snakemake": "snakemake --cores 2", "dvc": "dvc init -q --no-scm && dvc repro -q"}


def _commands(file: str) -> list[str]:
    """Return the commands of placa in a file, with the values of study.yaml in the places of the variables."""
    values: dict[str, Any] = yaml.safe_load((STUDY / "study.yaml").read_text("utf-8"))
    values |= {"backbone": values["backbones"][0], "seed": values["seeds"][0]}
    text = re.sub(r"#.*", "", (STUDY / file).read_text("utf-8"))
    text = re.sub(
        r"\$?\{(?:config\[|wildcards\.|item\.)?(\w+)[^}]*\}", lambda found: str(values.get(found[1], "X")), text
    )
    # A command continues on the next line in YAML.
    text = re.sub(r"\n +(?=--)", " ", text)
    return re.findall(r"\bplaca ((?:prepare|train|evaluate|validate|report|runs) [^&>\"\n]*)", text)


@pytest.mark.parametrize("file", ["Snakefile", "dvc.yaml"])
def test_every_command_is_accepted_by_placa(file: str) -> None:
    commands = _commands(file)
    assert [command.split()[0] for command in sorted(commands)] == [
        "evaluate", "prepare", "prepare", "report", "runs", "train", "validate",
    ]  # fmt: skip
    for command in commands:
        parser().parse_args(command.split())


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_study_runs_once(engine: str, r: str, tmp_path: Path) -> None:
    if shutil.which(engine) is None:
        pytest.skip(f"{engine} is not installed")
    folder = shutil.copytree(STUDY, tmp_path / "study")
    small = {"here": "phantom --images 120 --size 32", "elsewhere": "phantom --images 60 --seed 2 --size 32"}
    study = {**small, "backbones": ["small"], "seeds": [0, 1], "options": "--epochs 1"}
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    subprocess.run(ENGINES[engine], shell=True, cwd=folder, check=True)
    runs = pd.read_csv(folder / "runs.csv")
    assert set(runs["run"]) == {"runs/small-0", "runs/small-1"} and runs["external"].notna().all()
    written = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/run.json")}
    subprocess.run(ENGINES[engine].split("&& ")[-1], shell=True, cwd=folder, check=True)
    assert written == {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/run.json")}
