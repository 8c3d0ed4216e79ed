"""The notebooks of examples/ are complete, and run from top to bottom."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

nbformat = pytest.importorskip("nbformat")
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def _read(notebook: Path) -> Any:
    return nbformat.read(notebook, as_version=4)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda one: one.stem)
def test_a_notebook_is_valid_and_has_no_outputs(notebook: Path) -> None:
    cells = _read(notebook).cells
    nbformat.validate(_read(notebook))
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")
    for cell in cells:
        if cell.cell_type == "code":
            ast.parse(cell.source)
            assert cell.outputs == [] and cell.execution_count is None
    # Each walk-through exists as a document in two languages and as a notebook.
    assert notebook.with_suffix(".qmd").is_file() and len(NOTEBOOKS) == 3


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda one: one.stem)
def test_a_notebook_runs(
    notebook: Path, r: str, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    for name, value in {"EPOCHS": "3", "WORK": str(tmp_path / "work"), "CT": str(shared_data / "ct")}.items():
        monkeypatch.setenv(name, value)
    done = _read(notebook)
    nbclient.NotebookClient(done, timeout=1200, resources={"metadata": {"path": str(tmp_path)}}).execute()
    results = [output for cell in done.cells if cell.cell_type == "code" for output in cell.outputs]
    assert "text/html" in results[-1]["data"], "the last cell shows a table"
