"""The report: its words in two languages, what it says of a run, and how a browser sees it."""

from __future__ import annotations

import base64
import html
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from placa import renderers
from placa.audit import audit_manifest
from placa.errors import PlacaError
from placa.evaluate import evaluate
from placa.files import write_json
from placa.films import save_films
from placa.manifest import complete, write_manifest
from placa.predictions import tidy, write_predictions
from placa.renderers import choose_renderer, find_quarto, last_useful_line
from placa.report import find_reports, render_report
from placa.splits import assign_splits

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "reports"
SOURCES = "\n".join(file.read_text(encoding="utf-8") for file in [*REPORTS.glob("*.R"), REPORTS / "evaluation.qmd"])


# --- a small run, evaluated by R -----------------------------------------------------------------------------


def make_run(root: Path, name: str = "small", seed: int = 0, images: int = 240, size: int = 48) -> Path:
    """A run directory and its prepared set, from drawn images and probabilities that know the truth by half.

    No network is trained: the report never loads one, so `model.keras` is a stand-in.
    """
    random = np.random.default_rng(seed)
    patients = random.integers(0, images // 2, images)
    truth = random.integers(0, 2, images)
    table = pd.DataFrame(
        {
            "image_id": [f"image_{i:03d}" for i in range(images)],
            "path": [f"image_{i:03d}.png" for i in range(images)],
            "patient_id": patients.astype(str),
            "Pneumonia": truth,
            "sex": random.choice(["F", "M"], images),
            "age": random.integers(20, 90, images).astype(float),
            "view": random.choice(["PA", "AP"], images),
        }
    )
    manifest = complete(table, ["Pneumonia"])
    manifest["split"] = assign_splits(manifest, ["Pneumonia"], seed)
    prepared = root / "data" / "prepared" / name
    prepared.mkdir(parents=True)
    write_manifest(manifest, prepared / "manifest.parquet")
    x, y = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
    lung = np.exp(-((abs(x) - 0.45) ** 2) / 0.05 - y**2 / 0.4)
    spot = np.exp(-((x - 0.4) ** 2 + (y - 0.3) ** 2) / 0.02)
    films = 190 - 130 * lung + 70 * spot * truth[:, None, None] + random.normal(0, 9, (images, size, size))
    np.save(prepared / f"pixels-{size}.npy", films.clip(0, 255).astype("uint8"))

    run = root / "runs" / name
    run.mkdir(parents=True)
    probability = 1 / (1 + np.exp(-(random.normal(0, 1, images) + 2.4 * truth - 1.2)))[:, None]
    predictions = tidy(manifest, ["Pneumonia"], probability, probability)
    about = {"findings": ["Pneumonia"], "positive": "Pneumonia", "comparison": "No Finding"}
    write_predictions(predictions, run / "predictions.parquet", {**about, "label_source": "drawn"})
    points = {"youden": 0.5, "sensitivity_95": 0.2, "specificity_95": 0.8}
    chosen = {"Pneumonia": {"default": "youden", "points": points}}
    write_json(run / "thresholds.json", {"schema_version": 1, "chosen_on": "validation", "findings": chosen})
    epochs = np.arange(1, 13)
    history = {
        "epoch": epochs,
        "loss": 0.7 * 0.9**epochs,
        "validation_loss": 0.7 * 0.93**epochs,
        "validation_auroc": 0.9 - 0.4 * 0.7**epochs,
        "learning_rate": 1e-3,
        "seconds": 1.0,
    }
    pd.DataFrame(history).to_csv(run / "history.csv", index=False)
    (run / "model.keras").write_bytes(b"a stand-in")
    counts = {split: int((manifest["split"] == split).sum()) for split in ("train", "validation", "test")}
    write_json(
        run / "run.json",
        {
            "schema_version": 1,
            "placa_version": "0.1.0",
            "name": name,
            "created": f"2026-01-0{seed + 1}T00:00:00+00:00",
            "data": {
                **about,
                "prepared": f"data/prepared/{name}",
                "kind": "nih",
                "fingerprint": "sha256:" + "ab" * 32,
                "label_source": "drawn_by *a* test",
                "image_size": size,
                "images": counts,
                "found": images + 3,
                "rejected": 3,
                "missing": 0,
                "split_method": f"patient-wise, stratified by finding, seed {seed}",
                "source_options": {"root": "some where/nih", "positive": "Pneumonia", "size": size, "seed": seed},
                "audit": audit_manifest(manifest, ["Pneumonia"], seed),
            },
            "training": {
                "backbone": "small",
                "seed": seed,
                "epochs": 20,
                "epochs_run": 12,
                "best_epoch": 12,
                "best_validation_auroc": float(np.round(history["validation_auroc"][-1], 6)),
                "learning_rate": 0.001,
                "augmentation": {"flip": 0.5, "rotation": 10.0},
                "parameters": 292817,
                "seconds": 12.0,
            },
            "model": {"file": "model.keras", "fingerprint": "sha256:" + "cd" * 32},
            "versions": {"python": "3.11.7", "keras": "3.15.1"},
            "machine": {"platform": "Linux", "cores": 2, "gpu": None},
        },
    )
    return run


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with two runs, the one called `small` the newer; both evaluated by the R package."""
    try:
        choose_renderer("rmarkdown")
    except PlacaError as error:
        pytest.skip(str(error))
    root = tmp_path_factory.mktemp("project")
    make_run(root, "older", seed=0)
    make_run(root, "small", seed=1)
    for name in ("older", "small"):
        evaluate(root / "runs" / name, bridge="rscript")
    return root


def render(project: Path, lang: str, renderer: str) -> Path:
    # Rendered with a C locale, as a bare container has: é must come out as é all the same.
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        for name in ("LC_ALL", "LC_CTYPE", "LANG"):
            patch.delenv(name, raising=False)
        out = project / f"{renderer}.{lang}.html"
        return render_report(Path("runs/small"), lang, renderer=renderer, out=out)


def need_quarto() -> str:
    quarto = find_quarto()
    version = renderers.quarto_version(quarto) if quarto else None
    if not quarto or not version or version < renderers.OLDEST_QUARTO:
        pytest.skip("no Quarto command of 1.4 or newer is here")
    return quarto


@pytest.fixture(scope="session")
def english(project: Path) -> Path:
    return render(project, "en", "rmarkdown")


@pytest.fixture(scope="session")
def spanish(project: Path) -> Path:
    return render(project, "es", "rmarkdown")


@pytest.fixture(scope="session")
def spanish_by_quarto(project: Path) -> Path:
    need_quarto()
    return render(project, "es", "quarto")


@pytest.fixture(scope="session")
def english_by_quarto(project: Path) -> Path:
    """`quarto render` in the project's root, which takes the newest run."""
    quarto = need_quarto()
    for source in (REPORTS, ROOT / "_quarto.yml"):
        copy = project / source.name
        shutil.copytree(source, copy) if source.is_dir() else shutil.copyfile(source, copy)
    (project / "README.md").write_text("# Not a report\n")
    environment = {**os.environ, "RETICULATE_PYTHON": sys.executable, "PYTHONPATH": str(ROOT / "python")}
    done = subprocess.run([quarto, "render"], cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stderr, done.stderr
    assert not list(project.rglob("README.html"))
    return project / "_site" / "reports" / "evaluation.html"


PAGES = ("english", "spanish", "english_by_quarto", "spanish_by_quarto")


class Page(HTMLParser):
    """What a test asks of a page: its text, headings, images, and what it would load."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.lang = ""
        self.pieces: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.images: list[dict[str, str]] = []
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self.feed(self.source)
        self.text = re.sub(r"\s+", " ", " ".join(self.pieces))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._open.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        if tag == "html":
            self.lang = given.get("lang", "")
        if tag == "img":
            self.images.append(given)
        if tag == "a":
            self.links.append(given.get("href", ""))
        elif tag in {"link", "script", "img", "source", "iframe", "object", "image", "use", "video", "audio", "embed"}:
            self.loads += [given[name] for name in ("src", "href", "srcset", "data", "xlink:href") if name in given]
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if {"style", "script"} & set(self._open):
            return
        self.pieces.append(data)
        if self._open and re.fullmatch(r"h[1-6]", self._open[-1]):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> Page:
    return Page(request.getfixturevalue(request.param))


def strings(lang: str) -> dict[str, str]:
    def flat(tree: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
        for name, value in tree.items():
            key = f"{above}{name}"
            if isinstance(value, dict):
                yield from flat(value, f"{key}.")
            else:
                yield key, value

    return dict(flat(yaml.safe_load((REPORTS / "strings" / f"{lang}.yml").read_text(encoding="utf-8"))))


# --- the words ---------------------------------------------------------------------------------------------


def test_both_languages_have_the_same_keys_and_the_same_gaps() -> None:
    english, spanish = strings("en"), strings("es")
    assert set(english) == set(spanish)
    for key, text in english.items():
        assert text.strip() and spanish[key].strip(), key
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", spanish[key])), key
        assert set(re.findall(r"@[\w-]+", text)) == set(re.findall(r"@[\w-]+", spanish[key])), key


def test_no_sentence_was_left_in_the_other_language() -> None:
    english, spanish = strings("en"), strings("es")
    same = {
        key
        for key, text in english.items()
        if text == spanish[key] and re.search("[a-z]{4}", re.sub("{.*?}", "", text))
    }
    # These are spelt alike in both.
    assert same == {"finding.Fibrosis", "finding.Hernia", "view.PA", "view.AP", "point.youden"}


def test_every_word_that_the_report_asks_for_is_there_and_no_other() -> None:
    keys = set(strings("en"))
    # A key's name may go on with the name of a thing: "limits.labels_" with nih, "finding." with Pneumonia.
    quoted = set(re.findall(r'"([a-z]\w*\.(?:\w+\.)?\w*)"', SOURCES))
    quoted |= {f"{kind}." for kind in re.findall(r'(?:words?|words_of|shares)\("([\w.]+)"', SOURCES)}
    begun = {start for start in quoted if start.endswith((".", "_"))}
    tops = {key.split(".")[0] for key in keys}
    named = {key for key in quoted - begun if f"{key}." not in begun}
    whole = {key for key in named if key.split(".")[0] in tops and not key.endswith((".csv", ".R"))}
    assert whole <= keys
    unasked = {key for key in keys - whole if not key.startswith(tuple(begun))}
    assert not unasked


def test_what_is_cited_is_in_the_bibliography_and_the_other_way_round() -> None:
    cited = set(re.findall(r"@([a-z]+\d{4})", " ".join(strings("en").values())))
    assert cited == set(re.findall(r"^@\w+\{(\w+),", (REPORTS / "references.bib").read_text(), re.MULTILINE))


# --- the page ------------------------------------------------------------------------------------------------


def test_the_page_loads_nothing_from_anywhere(page: Page) -> None:
    assert "default-src 'none'; img-src data:;" in html.unescape(page.source)
    assert page.loads and all(source.startswith("data:") for source in page.loads)
    assert not re.findall(r"@import|url\(\s*['\"]?(?!data:|#)[\w/.]", page.source)
    assert len(page.source) < 5e6


def test_every_image_is_described_and_shows_something(page: Page) -> None:
    assert len(page.images) >= 12
    for image in page.images:
        assert len(image["alt"]) > 20
        kind, data = re.fullmatch(r"data:(image/[\w+]+);base64,(.+)", image["src"], re.DOTALL).groups()
        content = base64.b64decode(data)
        if kind == "image/png":
            assert np.asarray(Image.open(io.BytesIO(content)).convert("L")).std() > 5
        else:
            assert kind == "image/svg+xml"
            assert len(re.findall(rb"<(?:polyline|line|circle|rect|path)\b", content)) > 8


def test_nothing_of_the_source_shows_through(page: Page) -> None:
    for trace in ("@fig", "@tbl", ":::", "{#", "{.", "](", "**", "`", "<U+", "NULL", " NA ", "NaN", "??", "Error"):
        assert trace not in page.text, trace


def test_headings_are_in_order_and_links_lead_somewhere(page: Page) -> None:
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    inner = [link[1:] for link in page.links if link.startswith("#")]
    assert len(inner) > 12 and set(inner) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_figures_and_tables_are_numbered_in_the_pages_language(page: Page) -> None:
    words = strings(page.lang)
    for kind, count in (("figure", 6), ("table", 6)):
        word = words[f"crossref.{kind}"]
        found = {int(n) for n in re.findall(rf"{word}\s(\d+):", page.text)}
        assert found == set(range(1, count + 1)), word


def test_the_page_is_in_one_language(page: Page) -> None:
    here, there = strings(page.lang), strings({"en": "es", "es": "en"}[page.lang])
    titles = [text for level, text in page.headings if level == 2]
    keys = ("data", "audit", "training", "discrimination", "points", "calibration", "errors", "limits", "reproduce")
    assert titles == [here[f"heading.{key}"] for key in (*keys, "references")]
    for key, text in there.items():
        plain = re.split(r"[{@*`\[]", text)[0].strip()
        if len(plain.split()) >= 3 and plain != re.split(r"[{@*`\[]", here[key])[0].strip():
            assert plain not in page.text, key


def test_only_the_page_made_without_quarto_says_so(request: pytest.FixtureRequest) -> None:
    for name in PAGES[:2]:
        page = Page(request.getfixturevalue(name))
        assert strings(page.lang)["page.without_quarto"] in page.text
    for name in PAGES[2:]:
        page = Page(request.getfixturevalue(name))
        assert strings(page.lang)["page.without_quarto"] not in page.text


def test_the_figures_are_those_of_the_evaluation(page: Page, project: Path) -> None:
    def local(number: float, digits: int) -> str:
        text = f"{number:,.{digits}f}"
        return text.translate(str.maketrans(",.", ".,")) if page.lang == "es" else text

    run = project / "runs" / "small"
    headline = json.loads((run / "evaluation" / "summary.json").read_text())["headline"]["Pneumonia"]
    assert 0.8 < headline["auroc"] < 1
    for name in ("auroc", "auroc_lower", "auroc_upper"):
        assert local(headline[name], 3) in page.text
    other = json.loads((project / "runs" / "older" / "evaluation" / "summary.json").read_text())["headline"]
    assert local(other["Pneumonia"]["auroc"], 3) not in page.text
    assert local(292817, 0) in page.text
    points = pd.read_csv(run / "evaluation" / "operating_points.csv")
    shown = points[
        ~points["metric"].isin(["brier", "true_positive", "false_positive", "true_negative", "false_negative"])
    ]
    for value in shown["estimate"]:
        assert local(value, 2) in page.text
    brier = points.loc[points["metric"] == "brier", "estimate"].iloc[0]
    assert local(brier, 3) in page.text
    leak = json.loads((run / "run.json").read_text())["data"]["audit"]["image_wise_split_would_leak"]
    assert local(100 * leak, 1) in page.text
    assert (
        "placa prepare nih 'some where/nih' --positive Pneumonia --size 48 --seed 1 --out data/prepared/small"
        in page.text
    )
    assert "placa train data/prepared/small --backbone small --seed 1" in page.text
    assert "ab" * 32 in page.text and "cd" * 32 in page.text


# --- in a browser ----------------------------------------------------------------------------------------------

_LOOK = """<script>
addEventListener("load", () => {
  const found = [...document.images].map(image => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 96;
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, 96, 96);
    context.drawImage(image, 0, 0, 96, 96);
    const grey = context.getImageData(0, 0, 96, 96).data.filter((value, i) => i % 4 == 1);
    return [image.naturalWidth, Math.max(...grey) - Math.min(...grey), image.getBoundingClientRect().width];
  });
  const page = document.documentElement;
  document.title = "SEEN" + JSON.stringify({images: found, width: innerWidth, content: page.scrollWidth});
});
</script>"""


@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_every_figure_and_asks_the_network_for_nothing(page: Page, width: int, tmp_path: Path) -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium is here")
    looked_at = tmp_path / "page.html"
    looked_at.write_text(page.source.replace("</body>", f"{_LOOK}</body>"), encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += [
        "--enable-logging=stderr",
        "--v=0",
        f"--window-size={width},900",
        "--virtual-time-budget=5000",
        "--dump-dom",
    ]
    done = subprocess.run([*command, looked_at.as_uri()], capture_output=True, text=True, timeout=120)
    seen = json.loads(re.search(r"<title>SEEN(.*?)</title>", done.stdout)[1].replace("&quot;", '"'))
    assert len(seen["images"]) == len(page.images)
    for natural_width, contrast, shown_width in seen["images"]:
        assert natural_width > 0 and contrast > 60 and 60 < shown_width <= width
    assert seen["width"] == width and seen["content"] <= width
    # The page's own policy forbids every request, and a browser that refuses one says so here.
    assert "CONSOLE" not in done.stderr, done.stderr


# --- what is missing, and what goes wrong ------------------------------------------------------------------------


def test_a_missing_piece_gives_a_sentence_in_its_place(project: Path, tmp_path: Path) -> None:
    run = tmp_path / "elsewhere" / "bare"
    shutil.copytree(project / "runs" / "small", run)
    (run / "history.csv").unlink()
    (run / "evaluation" / "roc.csv").unlink()
    facts = json.loads((run / "run.json").read_text())
    facts["data"]["audit"] = None
    facts["data"]["prepared"] = "data/prepared/moved away"
    (run / "run.json").write_text(json.dumps(facts))
    page = Page(render_report(run, renderer="rmarkdown"))
    words = strings("en")
    for key in ("training.history_missing", "discrimination.roc_missing", "audit.missing", "data.samples_missing"):
        assert words[key] in page.text, key
    assert "this run keeps none" in page.text
    assert words["discrimination.missing"] not in page.text
    test_nothing_of_the_source_shows_through(page)
    assert len(page.images) == 2  # the headline and the calibration plot are still there


def test_a_failing_renderer_leaves_the_older_report_and_a_log(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "reports"
    shutil.copytree(REPORTS, broken)
    (broken / "helpers.R").write_text('stop("the kettle is on")\n')
    monkeypatch.setenv("PLACA_REPORTS", str(broken))
    report = tmp_path / "out" / "evaluation.html"
    report.parent.mkdir()
    report.write_text("the older one")
    with pytest.raises(PlacaError, match=r"the kettle is on\. The whole log is .*evaluation\.log"):
        render_report(project / "runs" / "small", out=report, renderer="rmarkdown")
    assert report.read_text() == "the older one"
    assert sorted(path.name for path in report.parent.iterdir()) == ["evaluation.html", "evaluation.log"]
    assert "kettle" in (report.parent / "evaluation.log").read_text()


def test_a_run_that_has_no_evaluation_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with pytest.raises(PlacaError, match="placa evaluate"):
        render_report(run)
    assert not (run / "report").exists()


def test_what_cannot_be_rendered_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PlacaError, match="is not a run"):
        render_report(tmp_path)
    run = make_run(tmp_path)
    (run / "evaluation").mkdir()
    write_json(run / "evaluation" / "summary.json", {})
    with pytest.raises(PlacaError, match=r"no language of the report 'fr'.*en, es|es, en"):
        render_report(run, "fr")
    with pytest.raises(PlacaError, match="no report format 'docx'"):
        render_report(run, to="docx")
    with pytest.raises(PlacaError, match="is a directory"):
        render_report(run, out=tmp_path)
    with pytest.raises(PlacaError, match="no renderer 'word'"):
        render_report(run, renderer="word")


def test_the_source_of_the_report_is_found_or_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLACA_REPORTS", raising=False)
    assert find_reports() == REPORTS
    monkeypatch.setenv("PLACA_REPORTS", str(tmp_path))
    with pytest.raises(PlacaError, match="PLACA_REPORTS names"):
        find_reports()


def fake_command(path: Path, says: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_an_old_quarto_is_passed_over_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderers, "_require_r_packages", lambda r: None)
    monkeypatch.setattr("placa.bridge.find_r", lambda: "R")
    fake_command(tmp_path / "pandoc", "pandoc 2.17")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("QUARTO_PATH", str(fake_command(tmp_path / "quarto", "1.2.335")))
    old = choose_renderer()
    assert old.name == "rmarkdown" and "1.2.335" in old.note
    with pytest.raises(PlacaError, match=r"1\.2\.335.*pip install quarto-cli"):
        choose_renderer("quarto")
    fake_command(tmp_path / "quarto", "1.6.42")
    assert choose_renderer() == renderers.Renderer("quarto", str(tmp_path / "quarto"), "R")


def test_without_r_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placa.bridge.find_r", lambda: None)
    with pytest.raises(PlacaError, match="no R on PATH: run make setup"):
        choose_renderer()


def test_a_missing_r_package_is_named_with_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placa.bridge.find_r", lambda: str(fake_command(tmp_path / "R", "svglite yaml")))
    with pytest.raises(PlacaError, match=r"packages svglite, yaml.*apt install r-cran-svglite r-cran-yaml"):
        choose_renderer()
    monkeypatch.setattr("placa.bridge.find_r", lambda: str(fake_command(tmp_path / "R", "placa")))
    with pytest.raises(PlacaError, match="R CMD INSTALL"):
        choose_renderer()


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("  |=====| 100%\nError in f(x) : it is late\nCalls: f\nExecution halted\n", "Error in f(x) : it is late."),
        ("Error in `read()`:\n! The file is gone.\nBacktrace:\n", "The file is gone."),
        ("Error in f(x) : \n  object 'y' not found\nCalls: f", "Error in f(x) : object 'y' not found."),
        ("\x1b[31mERROR: no such thing\x1b[0m\n", "ERROR: no such thing."),
        ("x: withBinaryFile\nError: pandoc document conversion failed with error 1\n", "x: withBinaryFile."),
        ("", "it said nothing."),
    ],
)
def test_the_useful_line_of_a_log(log: str, line: str) -> None:
    assert last_useful_line(log) == line


def test_films_are_the_pixels_of_the_images_asked_for(tmp_path: Path) -> None:
    make_run(tmp_path, images=60, size=16)
    prepared = tmp_path / "data" / "prepared" / "small"
    pixels = np.load(prepared / "pixels-16.npy")
    files = save_films(str(prepared), ["image_007", "nobody", "image_001"], str(tmp_path / "films"))
    assert files[1] == ""
    for file, row in ((files[0], 7), (files[2], 1)):
        assert np.array_equal(np.asarray(Image.open(file)), pixels[row])
    small = save_films(str(prepared), ["image_007"], str(tmp_path / "small"), largest=8)
    assert Image.open(small[0]).size == (8, 8)
    assert save_films(None, ["image_007"], str(tmp_path)) == [""]
    assert save_films(str(tmp_path), ["image_007"], str(tmp_path)) == [""]


def test_importing_the_report_is_light() -> None:
    code = "import sys, placa.report; print([m for m in ('numpy', 'pandas', 'keras', 'rpy2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "python", check=True)
    assert done.stdout.strip() == "[]"
