"""The scripts of examples/leaks print the values of docs/leaks.md; both languages of the walk-throughs match."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from placa.reporting.renderers import find_quarto

ROOT = Path(__file__).resolve().parents[3]


def _figures(script: str, *arguments: object) -> list[float]:
    """Run a script of examples/leaks, and return the numbers at the ends of its lines, or its percentages."""
    command = [sys.executable, ROOT / "examples" / "leaks" / script, *map(str, arguments)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return [float(figure) for figure in re.findall(r"(\d+\.\d+)(?=%|$)", output, re.MULTILINE)]


def test_patients_in_training_and_test_are_counted(shared_data: Path) -> None:
    by_image, by_patient = _figures("patients_on_both_sides.py", shared_data / "nih" / "Data_Entry_2017_v2020.csv")
    assert by_image > 80 and by_patient == 0


def test_the_file_size_predicts_the_label(shared_data: Path) -> None:
    (auroc,) = _figures("file_size.py", shared_data / "nih-256", "Pneumonia")
    assert auroc == pytest.approx(0.827, abs=0.001)


@pytest.mark.slow
def test_a_nearest_neighbour_recognises_slices(shared_data: Path) -> None:
    random, blocks, groups = _figures("slices_as_strangers.py", shared_data / "ct", "COVID")
    assert random > 0.93 and blocks < random - 0.15 and groups < blocks


@pytest.mark.slow
def test_a_label_in_the_input_raises_the_auroc(shared_data: Path) -> None:
    leaking, honest = _figures("label_in_the_input.py", shared_data / "nih-256", "Pneumonia")
    assert leaking > honest + 0.05


FUNCTION = re.compile(r"^([\w.]+) <- function", re.MULTILINE)


def _names_in(module: str) -> set[str]:
    """Return the names at the top of a module of placa or of the examples, without importing it."""
    places = [ROOT / folder / module.replace(".", "/") for folder in ("python", "examples", "examples/leaks")]
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    names: set[str] = set()
    for node in ast.parse(next(file for file in files if file.is_file()).read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    return names


@pytest.mark.parametrize("page", sorted((ROOT / "examples").glob("*.qmd")), ids=lambda page: page.stem)
def test_a_walkthrough_uses_names_that_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    chunks = {
        name: re.findall(rf"^```\{{{name}\}}\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for name in ("python", "r")
    }
    for node in (node for chunk in chunks["python"] for node in ast.walk(ast.parse(chunk))):
        if isinstance(node, ast.ImportFrom) and node.module != "pathlib":
            assert {alias.name for alias in node.names} <= _names_in(node.module or ""), node.module
    code = "\n".join(chunks["r"])
    internal = {name for file in (ROOT / "R" / "R").glob("*.R") for name in FUNCTION.findall(file.read_text("utf-8"))}
    exported = set(re.findall(r"^export\((.*)\)$", (ROOT / "R" / "NAMESPACE").read_text("utf-8"), re.MULTILINE))
    own = set(FUNCTION.findall(code + "\n" + (ROOT / "examples" / "common.R").read_text("utf-8")))
    assert not set(re.findall(r"(?<![\w.:])([\w.]+)\(", code)) & internal - exported - own


DOCUMENTS = ("pneumothorax", "sarscov2-ct")
EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_text_has_both_languages(name: str) -> None:
    text = (EXAMPLES / f"{name}.qmd").read_text("utf-8")
    languages = re.findall(r"^::: \{lang=(\w+)\}$", text, re.MULTILINE)
    assert len(languages) >= 16
    assert languages == ["en", "es"] * (len(languages) // 2)
    bodies = re.findall(r"^::: \{lang=\w+\}$(.*?)^:::$", text, re.MULTILINE | re.DOTALL)
    for english, spanish in zip(bodies[::2], bodies[1::2], strict=True):
        # Both languages have the same headings, paragraphs, values and pages.
        assert english != spanish
        assert english.strip().count("\n\n") == spanish.strip().count("\n\n"), english
        for mark in (r"^#+", r"^- ", r"`r [a-z]+", r"\]\([^)]*\)"):
            assert len(re.findall(mark, english, re.M)) == len(re.findall(mark, spanish, re.M)), (mark, english)
        # A page in Spanish has the name of that in English.
        links, in_spanish = (re.findall(r"\]\(([^)]*)\)", body) for body in (english, spanish))
        assert sorted(links) == sorted(one.replace(".es.md", ".md") for one in in_spanish)
    chunks = re.findall(r"^```\{(?:r|python)\}$(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for chunk in chunks:
        assert chunk.count("fig-cap:") == chunk.count("fig-alt:"), chunk


def _headings(name: str, language: str) -> list[str]:
    """Return the headings of one language, in order."""
    text = (EXAMPLES / f"{name}.qmd").read_text("utf-8")
    bodies = re.findall(rf"^::: \{{lang={language}\}}$(.*?)^:::$", text, re.MULTILINE | re.DOTALL)
    return [heading for body in bodies for heading in re.findall(r"^#+ (.*)$", body, re.MULTILINE)]


def _when_absent(name: str, language: str) -> str:
    """Return the first bold text of a page whose data are missing."""
    english, spanish = re.findall(r'^  "\*\*(.*?)\*\*', (EXAMPLES / f"{name}.qmd").read_text("utf-8"), re.MULTILINE)[:2]
    return {"en": english, "es": spanish}[language]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_pandoc_keeps_only_the_selected_language(name: str) -> None:
    pandoc = shutil.which("pandoc")
    if pandoc is None:
        pytest.skip("there is no pandoc on this machine")
    pages = {}
    for language in ("en", "es"):
        command = [pandoc, "--from=markdown", "--to=plain", "--lua-filter=languages.lua", f"--metadata=lang:{language}"]
        done = subprocess.run(
            [*command, f"{name}.qmd"], cwd=EXAMPLES, capture_output=True, text=True, check=True, encoding="utf-8"
        )
        pages[language] = done.stdout.replace("’", "'")
    for language, other in (("en", "es"), ("es", "en")):
        for own, foreign in zip(_headings(name, language), _headings(name, other), strict=True):
            assert f"\n{own}\n" in pages[language] and f"\n{foreign}\n" not in pages[language]


def test_phantoms_have_the_layout_of_nih_and_their_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from steps import draw_in_nih_layout, read_some, save_sheet

    root = draw_in_nih_layout(str(tmp_path / "phantoms"), images=40)
    everything = read_some(root, "any", 1000, drawn=True)
    some = read_some(root, "any", 20, drawn=True)
    assert everything.label_source == "phantom" and set(everything.images["label_source"]) == {"phantom"}
    assert len(everything.images) == 40 and 10 < len(some.images) <= 20 and some.rows == everything.rows
    # Patients are complete or absent.
    of_patients = everything.images["patient_id"].value_counts().to_dict()
    kept = some.images["patient_id"].value_counts().to_dict()
    assert kept == {patient: of_patients[patient] for patient in kept}
    sheet = save_sheet(some.images["path"].head(7).tolist(), str(tmp_path / "sheet.png"), across=4, side=32)
    with Image.open(sheet) as picture:
        assert picture.size == (4 * 36 - 4, 2 * 36 - 4)
        assert np.asarray(picture)[:32, :32].std() > 5


def _rendered(name: str, by: str, language: str, folder: Path, **parameters: str) -> str:
    """Render a page in one language from a copy of the examples; return its file and the text of its HTML."""
    here = folder / "examples"
    if not here.is_dir():
        shutil.copytree(EXAMPLES, here, ignore=shutil.ignore_patterns("*_files", "*.html", "__pycache__"))
    environment = {key: value for key, value in os.environ.items() if key != "PLACA_DATA"}
    environment["RETICULATE_PYTHON"] = sys.executable
    parameters = {"language": language, **parameters}
    if by == "quarto":
        quarto = find_quarto()
        if quarto is None:
            pytest.skip("there is no Quarto on this machine")
        command = [quarto, "render", f"{name}.qmd", "-M", f"lang:{language}"]
        command += [part for key, value in parameters.items() for part in ("-P", f"{key}:{value}")]
    else:
        given = ", ".join(f"{key} = {value!r}" for key, value in parameters.items())
        command = ["Rscript", "-e", f"rmarkdown::render({name + '.qmd'!r}, params = list({given}), quiet = TRUE)"]
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r"unresolved|unable to resolve|\bWARN", done.stdout + done.stderr, re.I), done.stderr
    source = (here / f"{name}.html").read_text("utf-8")
    assert f'lang="{language}"' in source
    return source


def _assert_sound(source: str, name: str, language: str, figures: int) -> None:
    own, other = (_headings(name, one)[-1] for one in ("en", "es")[:: 1 if language == "en" else -1])
    assert own in source and other not in source
    text = re.sub(r"<(script|style)\b.*?</\1>", "", source, flags=re.DOTALL)
    assert ":::" not in text and "{lang=" not in text and not re.search(r"`r \w", text)
    images = re.findall(r'<img\b[^>]*src="data:image[^>]*>', text)
    assert len(images) >= figures
    for image in images:
        alternative = re.search(r'alt="([^"]*)"', image)
        assert alternative and len(alternative[1]) > 15, image[:200]
    # The page needs no other file.
    assert not re.findall(r'<(?:script|img)\b[^>]*\bsrc="(?!data:)([^"]+)"', source)
    assert not re.findall(r'<link\b[^>]*rel="stylesheet"[^>]*href="(?!data:)([^"]+)"', source)


@pytest.mark.slow
@pytest.mark.parametrize("by", ["rmarkdown", "quarto"])
def test_the_pneumothorax_example_is_rendered_in_both_languages(
    by: str, r: str, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    # All four pages use one run, which the first page creates.
    work = tmp_path_factory.getbasetemp() / "pneumothorax-work"
    for language in ("en", "es"):
        source = _rendered("pneumothorax", by, language, tmp_path, nih="nowhere", work=str(work))
        _assert_sound(source, "pneumothorax", language, figures=7)
        assert _when_absent("pneumothorax", language) in source
    scores = pd.read_csv(work / "scores.csv")
    leaking, honest = (roc_auc_score(scores["truth"], scores[column]) for column in ("leaking", "honest"))
    assert leaking > honest + 0.02
    summary = pd.read_parquet(work / "run" / "predictions.parquet")
    assert set(summary["finding"]) == {"Pneumothorax"}


@pytest.mark.slow
def test_the_pneumothorax_example_is_rendered_with_real_radiographs(shared_data: Path, r: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    source = _rendered("pneumothorax", "rmarkdown", "en", tmp_path, nih=str(shared_data / "nih"), work=str(work))
    _assert_sound(source, "pneumothorax", "en", figures=7)
    few = re.search(r'if \(few\) say\(\n  sprintf\("\*\*(.*?)\*\*', (EXAMPLES / "pneumothorax.qmd").read_text("utf-8"))
    assert few and few[1] in source and "10001" in source and "112120" in source
    scores = pd.read_csv(work / "scores.csv")
    leaking, honest = (roc_auc_score(scores["truth"], scores[column]) for column in ("leaking", "honest"))
    assert leaking > honest


@pytest.mark.slow
@pytest.mark.parametrize("by", ["rmarkdown", "quarto"])
def test_the_ct_example_is_rendered_in_both_languages(
    by: str, r: str, shared_data: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    work = tmp_path_factory.getbasetemp() / "slices-work"
    for language in ("en", "es"):
        source = _rendered("sarscov2-ct", by, language, tmp_path, ct=str(shared_data / "ct"), work=str(work))
        _assert_sound(source, "sarscov2-ct", language, figures=5)
        shares = re.search(r"slices(?:'|&#39;|&#x27;|’)?: (0\.\d+).*?groups(?:'|&#39;|&#x27;|’)?: (0\.\d+)", source)
        assert shares and float(shares[1]) > 0.93 and float(shares[2]) < float(shares[1]) - 0.15


@pytest.mark.slow
@pytest.mark.parametrize("by", ["rmarkdown", "quarto"])
def test_without_the_slices_the_ct_example_ends_with_a_message(by: str, r: str, tmp_path: Path) -> None:
    for language in ("en", "es"):
        source = _rendered("sarscov2-ct", by, language, tmp_path, ct="nowhere")
        assert _when_absent("sarscov2-ct", language) in source and "AUROC" not in source and "<img" not in source
