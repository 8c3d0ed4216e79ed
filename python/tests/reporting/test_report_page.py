"""The rendered page: its content, and its display in a browser."""

from __future__ import annotations

import base64
import html
import io
import itertools
import json
import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from report_browser import look
from report_pages import Page, assert_no_source_shows, texts_outside
from report_strings import strings

#: The headings of a run without readers, external validation and monitoring, which the contents list.
ABSENT = ("heading.readers", "heading.elsewhere", "heading.monitoring")
CONTENTS = [key for key in strings("en") if key.startswith("heading.") and key not in ABSENT]


def test_the_page_loads_no_external_file(page: Page) -> None:
    assert "default-src 'none'; img-src data:;" in html.unescape(page.source)
    assert page.loads and all(source.startswith("data:") for source in page.loads)
    assert not re.findall(r"@import|url\(\s*['\"]?(?!data:|#)[\w/.]", page.source)
    assert len(page.source) < 5e6


def test_every_table_and_figure_has_a_name(page: Page) -> None:
    tables = re.findall(r"<table[^>]*>", page.source)
    named = [re.search('aria-label(?:ledby)?="([^"]+)"', table) for table in tables]
    assert tables and all(named)
    ids = set(page.ids)
    for element in re.findall('aria-labelledby="([^"]+)"', page.source):
        assert element in ids
    assert "doc-biblioentry" not in page.source
    assert page.tag == {"en": "en-GB", "es": "es-ES"}[page.lang]


def test_every_image_has_alternative_text_and_content(page: Page) -> None:
    assert len(page.images) >= 30
    for image in page.images:
        assert len(image["alt"]) > 20
        kind, data = re.fullmatch(r"data:(image/[\w+]+);base64,(.+)", image["src"], re.DOTALL).groups()
        content = base64.b64decode(data)
        if kind in ("image/png", "image/jpeg"):
            assert np.asarray(Image.open(io.BytesIO(content)).convert("L")).std() > 5
        else:
            assert kind == "image/svg+xml"
            assert len(re.findall(rb"<(?:polyline|line|circle|rect|path)\b", content)) > 8


def test_no_text_of_a_figure_ends_outside_it(page: Page) -> None:
    drawings = [base64.b64decode(image["src"].partition(",")[2]) for image in page.images if "svg" in image["src"][:20]]
    assert len(drawings) >= 10
    for drawing in drawings:
        assert texts_outside(drawing.decode("utf-8")) == []


def test_no_source_code_is_visible(page: Page) -> None:
    assert_no_source_shows(page)


def test_headings_are_in_order_and_links_have_targets(page: Page) -> None:
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    inner = [link[1:] for link in page.links if link.startswith("#")]
    assert len(inner) > 12 and set(inner) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_figures_and_tables_are_numbered_in_the_language_of_the_page(page: Page) -> None:
    words = strings(page.lang)
    for kind, count in (("figure", 17), ("table", 18)):
        word = words[f"crossref.{kind}"]
        found = {int(n) for n in re.findall(rf"{word}\s(\d+):", page.text)}
        assert found == set(range(1, count + 1)), word


def test_the_page_is_in_one_language(page: Page) -> None:
    here, present = strings(page.lang), strings({"en": "es", "es": "en"}[page.lang])
    titles = [text for level, text in page.headings if level == 2]
    assert titles == [here[key] for key in CONTENTS]
    for key, text in present.items():
        plain = re.split(r"[{@*`\[]", text)[0].strip()
        if len(plain.split()) >= 3 and plain != re.split(r"[{@*`\[]", here[key])[0].strip():
            assert plain not in page.text, key


def test_only_a_page_rendered_without_quarto_has_a_note(page: Page, request: pytest.FixtureRequest) -> None:
    by_quarto = request.node.callspec.params["page"].endswith("by_quarto")
    assert (strings(page.lang)["page.without_quarto"] in page.text) != by_quarto


def _local(text: str, page: Page) -> str:
    """Write a number as the page does: in Spanish with a decimal comma and a space for thousands."""
    return text.translate(str.maketrans(",.", " ,")) if page.lang == "es" else text


def test_results_match_the_evaluation(page: Page, project: Path) -> None:
    def local(number: float, digits: int) -> str:
        return _local(f"{number:,.{digits}f}", page)

    run = project / "runs" / "small"
    headline = json.loads((run / "evaluation" / "summary.json").read_text())["headline"]["Pneumonia"]
    assert 0.8 < headline["auroc"] < 1
    for name in ("auroc", "auroc_lower", "auroc_upper"):
        assert local(headline[name], 3) in page.text
    other = json.loads((project / "runs" / "older" / "evaluation" / "summary.json").read_text())["headline"]
    # Its AUROC is the end of the range over seeds; its interval is not on the page.
    assert local(other["Pneumonia"]["auroc_lower"], 3) not in page.text
    assert local(292817, 0) in page.text
    points = pd.read_csv(run / "evaluation" / "operating_points.csv")
    # Measures that are folded away are those of the default operating point.
    default = json.loads((run / "thresholds.json").read_text())["findings"]["Pneumonia"]["default"]
    shown = points[
        points["metric"].isin(["sensitivity", "specificity", "ppv", "npv"])
        | (points["metric"].isin(["f1", "mcc", "balanced_accuracy"]) & (points["operating_point"] == default))
    ]
    for value in shown["estimate"]:
        assert local(value, 2) in page.text
    brier = points.loc[points["metric"] == "brier", "estimate"].iloc[0]
    assert local(brier, 3) in page.text
    # One option per line, and each line can be copied with the others.
    commands = page.text.replace(" \\ ", " ")
    assert re.search(r"placa train data/prepared/small \\\n  --backbone small \\\n", page.source)
    assert (
        "placa prepare nih 'some where/nih' --positive Pneumonia --negative 'No Finding' --only --size 48 --seed 1 "
        "--fractions 0.6 0.2 0.2 --out data/prepared/small" in commands
    )
    assert "placa train data/prepared/small --backbone small --weights none --seed 1" in commands
    assert "ab" * 32 in page.text and sha256(b"a stand-in").hexdigest() in page.text


def test_the_audit_is_reported_with_its_values(page: Page) -> None:
    words = strings(page.lang)
    for figure in (
        "73.6",  # would share a patient after a split by image
        "0.987",  # correlation of two near duplicates
        "93.5",  # of the images with a name associated with the label are positive
        "0.832",  # file size alone
        "0.787",  # its lower limit
        "1,214",  # files, in the reason of a probe
        "48.5 (42–55)",  # PPV of the labels
        "10.41",  # prevalence in the test list of the source
        "+7.36",  # difference from its training list
        "9.2",  # images per patient in it
    ):
        assert _local(figure, page) in page.text, figure
    for name in ("image_003", "portable_`x`", "NIH *text* labels", "three readers"):
        assert name in page.text
    for key in ("leakage", "shortcuts", "labels", "shift"):
        assert (3, words[f"audit.heading.{key}"]) in page.headings
    for key in (
        "finding.Pneumothorax",
        "shift_of.images_per_patient",
        "verdict.strong",
        "verdict.none",
        "verdict.some",
    ):
        assert words[key if not key.startswith("shift") else f"audit.{key}"] in page.text
    assert [image for image in page.images if words["probe.file"] in image["alt"].lower()]


def test_a_shortcut_is_on_the_first_screen_and_in_the_limits(page: Page) -> None:
    def between(start: str, end: str) -> str:
        part = page.source[page.source.index(start) : page.source.index(end)]
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", part))).replace("’", "'")

    def pieces(key: str) -> list[str]:
        plain = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", words[key]).replace("**", "")
        return [piece.strip() for piece in re.split(r"\{\w+\}", plain)]

    words = strings(page.lang)
    first_screen = between('id="title"', 'id="data"')
    limits = between('id="limits"', 'id="appendix"')
    for place, keys in (
        (first_screen, ("headline.shortcut_model", "headline.verdict_twins")),
        (limits, ("limits.from_audit", "limits.shortcut", "limits.twins", "limits.label_quality", "limits.shift")),
    ):
        for key in keys:
            for piece in pieces(key):
                assert piece in place, key
    for place in (first_screen, limits):
        assert words["probe.file"] in place
    assert pieces("limits.groups_found")[0] not in limits


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_a_browser_shows_every_figure_without_network_requests(
    page: Page, width: int, dark: bool, tmp_path: Path
) -> None:
    seen, console = look(page.source, width, tmp_path, dark)
    assert seen["dark"] == dark and seen["fetched"] == []
    assert len(seen["images"]) == len(page.images)
    for image in seen["images"]:
        assert image["alt"] and image["natural"] > 0 and image["contrast"] > 60 and image["shown"] > 60, image
    assert seen["width"] == width and seen["content"] <= width
    # The contents are beside the text, or open above it on a phone.
    assert seen["contents"] == {"shown": True, "open": width == 1280, "links": len(CONTENTS)}
    # The content policy of the page forbids requests, and the browser reports a blocked one here.
    assert console == ""


@pytest.mark.parametrize(
    ("width", "dark"),
    [(390, False), *(pytest.param(1280, dark, marks=pytest.mark.slow) for dark in (False, True))],
)
def test_the_page_has_no_accessibility_violation(page: Page, width: int, dark: bool, tmp_path: Path) -> None:
    seen, _ = look(page.source, width, tmp_path, dark, axe=True)
    assert seen["violations"] == []
