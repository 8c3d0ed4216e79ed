"""The part of the model card about performance: here and elsewhere."""

from __future__ import annotations

import re

from placa.records.model import Thresholds
from placa.reporting.card_figures import CardFigures, Estimate
from placa.reporting.words import Words, capitalise, escape_markdown, markdown_table


def performance(words: Words, thresholds: Thresholds, figures: CardFigures | None) -> list[str]:
    """Return the paragraphs: results on the evaluated images, calibration and subgroups.

    Args:
        words: The words of the language.
        thresholds: The content of ``thresholds.json``.
        figures: The results of ``evaluation/``; None if the run is not evaluated.
    """
    lead = words.say("card.not_evaluated")
    if figures:
        lead = words.say("card.evaluated", split=words.name("split", figures.split))
    computed = [words.say("card.computed_in_python")] if figures and figures.in_python else []
    table = _performance_table(words, thresholds, figures)
    return [" ".join([lead, *computed]), table, *_agreement(words, figures)]


def chosen_thresholds(words: Words, thresholds: Thresholds) -> str:
    """Return on which images the thresholds were chosen."""
    return words.say("card.thresholds", split=words.name("split", thresholds["chosen_on"]))


def factors(words: Words, figures: CardFigures | None) -> list[str]:
    """Return the characteristics of patients and images whose groups were compared."""
    if not figures or not figures.compared:
        return [words.say("card.factors_none")]
    columns = ", ".join(words.name("column", column).lower() for column in figures.compared)
    return [words.say("card.factors_known", columns=columns)]


def elsewhere(words: Words, figures: CardFigures | None) -> list[str]:
    """Return the paragraph about external validations."""
    if not figures:
        return []
    results = [
        words.say(
            "card.elsewhere_one",
            finding=words.name("finding", one["finding"]),
            name=escape_markdown(one["name"]),
            auroc=words.estimate(one["auroc"], one["auroc_lower"], one["auroc_upper"], 3),
        )
        for one in figures.external
        if one["auroc"] is not None
    ]
    return [words.say("card.elsewhere", results="; ".join(results)) if results else words.say("card.not_elsewhere")]


def _performance_table(words: Words, thresholds: Thresholds, figures: CardFigures | None) -> str:
    columns = ["finding", "auroc", "threshold", "point"]
    metrics = ["sensitivity", "specificity"] if figures and figures.points else []
    rows = []
    for finding, stored in thresholds["findings"].items():
        one = figures.headline.get(finding) if figures else None
        limits = (one["auroc"], one["auroc_lower"], one["auroc_upper"]) if one else (None, None, None)
        auroc = words.estimate(*limits, 3)
        default = stored["default"]
        row = [capitalise(words.name("finding", finding)), auroc, words.number(stored["points"][default], 3)]
        row.append(words.name("point", default))
        values = figures.points.get(finding, {}) if figures else {}
        row += [words.estimate(*values.get(metric, (None, None, None))) for metric in metrics]
        rows.append(row)
    return markdown_table([words.say(f"card.column.{column}") for column in [*columns, *metrics]], rows)


def _agreement(words: Words, figures: CardFigures | None) -> list[str]:
    """Return the paragraphs about calibration and about subgroups that differ."""
    sentences = []
    if figures and figures.calibration:
        # With several findings, the one with the largest calibration error.
        finding, values = max(figures.calibration.items(), key=lambda item: _miscalibration(item[1]))
        one, many = ("card.calibration_slope", "card.calibration_slope_many")
        if "ici" in values:
            one, many = ("card.calibration", "card.calibration_many")
        key = one if len(figures.calibration) == 1 else many
        estimates = {name: words.estimate(*estimate) for name, estimate in values.items()}
        sentences.append(words.say(key, finding=words.name("finding", finding), **estimates))
    if figures and figures.compared and figures.differing is None:
        sentences.append(words.say("card.groups_untested"))
    if figures and figures.differing is not None:
        groups = "; ".join(_group(words, column, group) for column, group in figures.differing)
        sentences.append(words.say("card.subgroups", groups=groups) if groups else words.say("subgroups.none_differ"))
    return sentences


def _miscalibration(values: dict[str, Estimate]) -> float:
    """Return the distance from perfect calibration: the ICI, or how far the slope is from 1."""
    return values["ici"][0] if "ici" in values else abs(values["slope"][0] - 1)


def _group(words: Words, column: str, group: str) -> str:
    known = words.say("subgroups.unknown") if group == "unknown" else words.name(column, group)
    known = re.sub(r"^(\d+)-(\d+)$", "\\1\u2013\\2", known)
    return words.say("subgroups.group", column=words.name("column", column), group=known)
