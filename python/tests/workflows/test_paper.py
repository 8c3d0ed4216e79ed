"""Tables and figures for a paper: the same numbers in every format, and figures of the width that was asked for."""

from __future__ import annotations

import argparse
import csv
import html
import json
import re
import zipfile
from pathlib import Path

import pytest
from raising import raises
from report_pages import texts_outside

from placa.cli.figures import millimetres
from placa.core.errors import UnknownNameError
from placa.reporting.errors import FigureWidthError
from placa.workflows.paper import paper_figures, paper_tables

TABLES = {"images-by-split", "images-by-label", "performance", "counts", "subgroups"}


def _cells(file: Path) -> set[str]:
    """Return the texts of a table in a file."""
    if file.suffix == ".csv":
        with file.open(encoding="utf-8-sig", newline="") as lines:
            mark = ";" if lines.readline().count('";"') else ","
            lines.seek(0)
            return {cell for row in csv.reader(lines, delimiter=mark) for cell in row}
    part, tag = ("xl/sharedStrings.xml", "t") if file.suffix == ".xlsx" else ("word/document.xml", "w:tc")
    with zipfile.ZipFile(file) as archive:
        xml = archive.read(part).decode("utf-8")
    found = re.findall(rf"<{tag}(?: [^>]*)?>(.*?)</{tag}>", xml, re.DOTALL)
    return {html.unescape(re.sub("<[^>]*>", "", text)) for text in found}


@pytest.fixture(scope="module")
def folders(project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    run, out = project / "runs" / "small", tmp_path_factory.mktemp("paper")
    wanted = {"csv": ("csv", "en"), "xlsx": ("xlsx", "en"), "docx": ("docx", "en"), "es": ("csv", "es")}
    return {name: paper_tables(run, to, lang, out / name, progress=False) for name, (to, lang) in wanted.items()}


def test_every_format_has_the_same_tables_and_numbers(folders: dict[str, Path]) -> None:
    for to in ("csv", "xlsx", "docx"):
        assert {file.stem for file in folders[to].glob(f"*.{to}")} == TABLES
    for name in TABLES:
        written = _cells(folders["csv"] / f"{name}.csv") - {""}
        for to in ("xlsx", "docx"):
            assert written <= _cells(folders[to] / f"{name}.{to}"), (name, to)


def test_the_numbers_are_those_of_the_evaluation(project: Path, folders: dict[str, Path]) -> None:
    summary = json.loads((project / "runs/small/evaluation/summary.json").read_text(encoding="utf-8"))
    found = summary["headline"]["Pneumonia"]
    text = "{auroc:.3f} ({auroc_lower:.3f}\u2013{auroc_upper:.3f})".format(**found)
    assert text in _cells(folders["csv"] / "performance.csv")
    assert text.replace(".", ",") in _cells(folders["es"] / "performance.csv")
    results = (folders["csv"] / "results.md").read_text(encoding="utf-8")
    assert f"{found['auroc']:.3f}" in results and str(found["n_positive"]) in results


def test_the_references_are_those_that_the_methods_cite(folders: dict[str, Path]) -> None:
    methods = (folders["csv"] / "methods.md").read_text(encoding="utf-8")
    entries = (folders["csv"] / "references.bib").read_text(encoding="utf-8")
    cited = set(re.findall(r"@([a-z]+\d{4})", methods))
    assert cited and cited == set(re.findall(r"^@\w+\{([^,]+),", entries, re.MULTILINE))


def test_figures_have_the_width_of_the_column(project: Path, tmp_path: Path) -> None:
    out = paper_figures(project / "runs" / "small", 85, "svg", "es", tmp_path / "figures", progress=False)
    svg = (out / "roc.svg").read_text(encoding="utf-8")
    width = re.search(r"width='([\d.]+)pt'", svg)
    assert width and float(width[1]) / 72 * 25.4 == pytest.approx(85, abs=0.1)
    assert {file.name: texts_outside(file.read_text(encoding="utf-8")) for file in out.iterdir()} == {
        file.name: [] for file in out.iterdir()
    }


def test_wrong_widths_and_formats_are_refused(project: Path) -> None:
    run = project / "runs" / "small"
    with raises(FigureWidthError, width=5):
        paper_figures(run, 5, progress=False)
    with raises(UnknownNameError, kind="format of tables", name="odt"):
        paper_tables(run, "odt", progress=False)


@pytest.mark.parametrize(("text", "width"), [("85mm", 85), ("8.5cm", 85), ("8,5 cm", 85), ("1in", 25.4), ("180", 180)])
def test_widths_are_read_with_their_unit(text: str, width: float) -> None:
    assert millimetres(text) == pytest.approx(width)


def test_a_width_without_a_number_is_refused() -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        millimetres("wide")
