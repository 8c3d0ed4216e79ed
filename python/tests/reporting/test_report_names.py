"""Names of findings, views, sources and runs are text in the report and in the card, in both languages."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from r_tables import without_figures
from record_fixtures import reseal
from report_browser import look
from report_fixtures import make_run

from placa.core.errors import PlacaError
from placa.records.predictions import read_predictions, write_predictions
from placa.reporting.model_card import write_model_card
from placa.reporting.render import render_report
from placa.reporting.renderers import choose_renderer
from placa.workflows.evaluate import evaluate

#: Harmless markup of every kind. An element of id or class `canary` is a failure.
FINDINGS = (
    '<b id="canary">x</b>',
    "![](canary.png) `<s id=canary>`{=html}",
    '[x]{#canary} | a | "><i class="canary">',
)
OTHERS = (
    "<!-- --><u id=canary>",
    "`r 6 * 7`",
    "{{< include canary.txt >}}",
    "```{r}\n6 * 7\n```",
    "[x](#canary)",
    "\\textbf{canary} $x$ @fig-roc",
    "a\x1b[31mred",
    ":::: {.canary}",
    "- x -- y... 1. &lt;b&gt;",
)


class _Elements(HTMLParser):
    """The elements of a page, and the text without that of scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.live: list[str] = []
        self.sources: list[str] = []
        self.pieces: list[str] = []
        self._skipped = ""
        self.feed(source)
        self.text = " ".join(" ".join(self.pieces).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "canary" in (given.get("id"), given.get("class")) or given.get("href") == "#canary":
            self.live.append(tag)
        if any(name.startswith("on") for name in given):
            self.live.append(tag)
        self.sources += [given[name] for name in ("src", "srcset", "data") if name in given]
        self._skipped = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._skipped = ""

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.pieces.append(data)


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose names are markup, evaluated by R, beside a file that no page may show."""
    try:
        choose_renderer("rmarkdown")
    except PlacaError as error:
        pytest.skip(str(error))
    root = tmp_path_factory.mktemp("named")
    run = make_run(root, findings=FINDINGS)
    Image.new("L", (8, 8)).save(root / "canary.png")
    (root / "canary.txt").write_text("canary-content")
    table, metadata = read_predictions(run)
    images = {name: i for i, name in enumerate(dict.fromkeys(table["image_id"]))}
    number = table["image_id"].map(images)
    table["view"] = number.map(lambda i: OTHERS[i % 3])
    table["site"] = number.map(lambda i: OTHERS[3 + i % 3])
    table["image_id"] = number.map(lambda i: f"{OTHERS[i % len(OTHERS)]}{i:04d}")
    write_predictions(table, run / "predictions.parquet", metadata)
    labels = pd.read_parquet(run / "labels.parquet")
    labels["image_id"] = labels["image_id"].map(lambda name: f"{OTHERS[images[name] % len(OTHERS)]}{images[name]:04d}")
    labels["label_source"] = OTHERS[0]
    labels.to_parquet(run / "labels.parquet", index=False)
    facts: dict[str, Any] = json.loads((run / "run.json").read_text())
    facts |= {"name": OTHERS[0], "placa_version": OTHERS[1], "created": '<b id="canary">'}
    facts["data"] |= {"label_source": OTHERS[3], "comparison": {"kind": "classes", "classes": list(OTHERS)}}
    facts["data"] |= {"kind": OTHERS[4]}
    facts["data"]["source_options"] = {OTHERS[0]: OTHERS[3], "root": "````\n<b id=canary>", "positive": list(OTHERS)}
    facts["data"]["audit"]["leakage"]["exact_duplicates"]["examples"] = [[OTHERS[2], OTHERS[3]]]
    facts["training"] |= {"backbone": OTHERS[4], OTHERS[0]: "x", "augmentation": {OTHERS[0]: 1.0}}
    facts["machine"] |= {"gpu": OTHERS[0], "platform": OTHERS[5]}
    facts["versions"] = {OTHERS[0]: OTHERS[1], OTHERS[2]: OTHERS[3]}
    facts["data"]["decoders"] = {OTHERS[0]: OTHERS[2], OTHERS[4]: OTHERS[5]}
    reseal(run / "run.json", facts)
    with without_figures():
        evaluate(run, bridge="rscript", progress=False)
    return run


def shown(name: str) -> str:
    """The text of a name in a page."""
    return " ".join(name.replace("\x1b", "\\u001b").replace("_", " ").split())


@pytest.mark.parametrize(
    ("lang", "document"),
    [
        ("es", "model-card"),
        pytest.param("en", "evaluation", marks=pytest.mark.slow),
        pytest.param("es", "evaluation", marks=pytest.mark.slow),
        pytest.param("en", "model-card", marks=pytest.mark.slow),
    ],
)
def test_no_name_is_live_in_a_page(named: Path, lang: str, document: str, tmp_path: Path) -> None:
    page = render_report(named, lang, out=tmp_path / "page.html", renderer="rmarkdown", document=document)
    source = page.read_text("utf-8")
    elements = _Elements(source)
    assert elements.live == [] and all(one.startswith("data:") for one in elements.sources)
    assert "\x1b" not in source and "canary-content" not in source
    for name in FINDINGS:
        assert shown(name).lower() in elements.text.lower()
    assert shown(OTHERS[0]) in elements.text
    # The notice that the model is not a medical device is not swallowed by an open element.
    assert ("not a medical device" if lang == "en" else "no es un producto sanitario") in elements.text.lower()
    if document == "evaluation":
        for name in OTHERS:
            assert shown(name) in elements.text, name
    seen, console = look(source, 1200, tmp_path)
    assert seen["fetched"] == [] and "Refused" not in console
    assert all(image["natural"] > 0 for image in seen["images"])


def test_an_edited_card_has_no_raw_html_and_no_foreign_file(named: Path, tmp_path: Path) -> None:
    run = tmp_path / "edited"
    shutil.copytree(named, run)
    picture = named.parents[1] / "canary.png"
    with (run / "model_card.md").open("a", encoding="utf-8") as card:
        card.write(
            '\n<b id="canary">x</b>\n\n---\nheader-includes: "<i id=canary>"\n---\n\n'
            f"![own words]({picture})\n\n![far](https://example.invalid/x.png)\n\n"
            '[x]{#y onclick="x()"} [here](javascript:x) [there](https://example.org)\n\n`<s id=canary>`{=html}\n'
        )
    page = render_report(run, out=tmp_path / "page.html", renderer="rmarkdown", document="model-card")
    elements = _Elements(page.read_text("utf-8"))
    assert elements.live == [] and all(one.startswith("data:") for one in elements.sources)
    assert "javascript:x" not in page.read_text("utf-8") and 'href="https://example.org"' in page.read_text("utf-8")
    assert "own words" in elements.text and "example.invalid" not in page.read_text("utf-8")


def test_the_model_card_is_text_for_any_reader(named: Path) -> None:
    facts = json.loads((named / "run.json").read_text())
    for path in write_model_card(named, facts):
        text = path.read_text("utf-8").split("---\n", 2)[2]
        outside = re.sub(r"(?ms)^(`{3,})\w+\n.*?^\1$", "", text)
        # No markup is left without a backslash before it.
        assert not re.search(r"(?<!\\)(<[a-z!/]|\{\{<|!\[|`\{|\{=)", outside)
        assert "\x1b" not in text
