"""Write the model card, one page about a model (Mitchell et al. 2019, doi:10.1145/3287560.3287596).

``model_card.md`` is in English, ``model_card.es.md`` in Spanish. The header is YAML for model hubs. Items
that only the author knows are marked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import yaml

from placa.core.files import atomic_file
from placa.core.language import LANGUAGES
from placa.core.text import r_string, shell_path, show_controls
from placa.records.audit import Audit
from placa.records.files import read_record
from placa.records.model import Thresholds
from placa.records.run_facts import DataFacts, RunFacts
from placa.reporting.card_figures import CardFigures, read_card_figures
from placa.reporting.card_foundation import input_side, licence, pretraining
from placa.reporting.card_performance import chosen_thresholds, elsewhere, factors, performance
from placa.reporting.words import Words, audit_text, escape_markdown, labels_text, left_open, markdown_table

#: Fewer images with or without a finding allow no conclusion, as in the report (R/R/report-cautions.R).
_FEWEST = 10
#: What only the author knows.
_OPEN = ("contact", "licence", "users", "ethics", "funding")

Split = Literal["train", "validation", "test"]


def write_model_card(run: Path, facts: RunFacts | None = None) -> list[Path]:
    """Write the model card of a run in every language; replace existing cards.

    Args:
        run: The run directory with ``thresholds.json``. If it has an ``evaluation/``, the card contains its results.
        facts: The content of ``run.json``; read from `run` by default.

    Returns:
        The paths of the cards, in the order of `LANGUAGES`.

    Raises:
        PlacaError: `run` lacks ``run.json`` or ``thresholds.json``, or cannot be written.
    """
    facts = read_record(run / "run.json", RunFacts) if facts is None else facts
    thresholds = read_record(run / "thresholds.json", Thresholds)
    figures = read_card_figures(run, thresholds)
    paths = [card_path(run, language) for language in LANGUAGES]
    with ExitStack() as files:
        for language, path in zip(LANGUAGES, paths, strict=True):
            partial = files.enter_context(atomic_file(path))
            partial.write_text(model_card(facts, thresholds, figures, language), encoding="utf-8")
    return paths


def card_path(run: Path, language: str) -> Path:
    """Return the path of the model card of a run in a language."""
    return run / ("model_card.md" if language == "en" else f"model_card.{language}.md")


def model_card(
    facts: RunFacts, thresholds: Thresholds, figures: CardFigures | None = None, language: str = "en"
) -> str:
    """Compose the model card.

    Args:
        facts: The content of ``run.json``.
        thresholds: The content of ``thresholds.json``.
        figures: The results of ``evaluation/``; None if the run is not evaluated.
        language: One of `placa.core.language.LANGUAGES`.

    Returns:
        Markdown with a YAML header.
    """
    words, data = Words(language), facts["data"]
    is_phantom = data["kind"] == "phantom"
    prints = {"model": facts["model"]["fingerprint"], "data": data["fingerprint"]}
    # The sections of Mitchell et al., in their order, then how to use the model and what only the author knows.
    sections = {
        "details": [_training(words, facts), words.say("card.fingerprints", **prints)],
        "use": [words.say("card.use"), words.say("card.use_phantom" if is_phantom else "card.use_findings")],
        "factors": factors(words, figures),
        "metrics": [words.say("card.metrics"), chosen_thresholds(words, thresholds)],
        "evaluation_data": [_counts(words, facts, ("test",)), *elsewhere(words, figures)],
        "training_data": [
            labels_text(words, data),
            *_label_facts(words, data),
            _counts(words, facts, ("train", "validation")),
        ],
        "analyses": performance(words, thresholds, figures),
        "ethics": [words.say("card.use_phantom" if is_phantom else "card.ethics")],
        "caveats": [_audit(words, data["audit"]), _limits(words, facts, figures)],
        "code": _code(words, facts),
        "open": [left_open(words, "card", _OPEN), words.say("card.source")],
    }
    parts = [_header(facts, figures), _lead(words, facts)]
    for name, paragraphs in sections.items():
        parts += [f"## {words.say(f'card.heading.{name}')}", *paragraphs]
    return "\n\n".join(parts) + "\n"


def _header(facts: RunFacts, figures: CardFigures | None) -> str:
    data = facts["data"]
    header: dict[str, Any] = {
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "license": "unknown",
        "tags": ["placa", "medical-imaging", "chest", *data["findings"]],
        "metrics": ["roc_auc"],
    }
    if figures:
        results = [
            _result(finding, one["auroc"], data, figures.split)
            for finding, one in figures.headline.items()
            if one["auroc"] is not None
        ]
        header["model-index"] = [{"name": facts["name"], "results": results}]
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---"


def _result(finding: str, auroc: float, data: DataFacts, split: str) -> dict[str, Any]:
    return {
        "task": {"type": "image-classification"},
        "dataset": {
            "name": data["label_source"],
            "type": data["kind"],
            "split": split,
        },
        "metrics": [{"type": "roc_auc", "name": f"AUROC, {finding}", "value": round(auroc, 4)}],
    }


def _lead(words: Words, facts: RunFacts) -> str:
    data = facts["data"]
    key = f"kind.{data['kind']}"
    other = words.say("kind.other")
    kind = words.say(key) if words.has(key) else other
    sentence = words.say(
        # A source of any images does not determine their kind, which is then left out.
        "card.lead_any" if kind == other else "card.lead",
        backbone=_code_span(facts["training"]["backbone"]),
        findings=", ".join(words.name("finding", finding) for finding in data["findings"]),
        kind=kind,
        version=escape_markdown(facts["placa_version"]),
        date=escape_markdown(facts["created"][:10]),
    )
    return f"# {escape_markdown(facts['name'])}\n\n{sentence}"


def _counts(words: Words, facts: RunFacts, splits: Sequence[Split]) -> str:
    """Return the table of images, patients and positive images of some splits."""
    data = facts["data"]
    counts = [("card.row.images", "", data["images"]), ("card.row.patients", "", data["patients"])]
    counts += [("card.row.positives", finding, positives) for finding, positives in data["positives"].items()]
    rows = [
        [words.say(key, finding=words.name("finding", finding)), *(words.number(numbers[split]) for split in splits)]
        for key, finding, numbers in counts
    ]
    return markdown_table([words.say(f"card.column.{name}") for name in ("count", *splits)], rows)


def _label_facts(words: Words, data: DataFacts) -> list[str]:
    """Return what uncertain and blank labels mean, and what is known about the labels of the source."""
    keys = [f"data.note_{note['code']}" for note in data["notes"]]
    policy = data.get("label_policy")
    if policy is not None:
        keys = [f"data.uncertain_{policy['uncertain']}", f"data.blank_{policy['blank']}", *keys]
    sentences = [words.say(key) for key in keys if words.has(key)]
    return [" ".join(sentences)] if sentences else []


def _audit(words: Words, audit: Audit) -> str:
    strong = [probe for probe in audit["shortcuts"]["probes"] if probe["verdict"] == "strong" and probe["auroc"]]
    sentences = [audit_text(words, audit)]
    if strong:
        # Among equally strong probes, one without any information about the lungs is stronger evidence.
        worst = max(strong, key=lambda probe: (probe["probe"] not in ("histogram", "thumbnail"), probe["auroc"] or 0))
        probe, finding = words.name("probe", worst["probe"]), words.name("finding", worst["finding"])
        sentences.append(
            words.say("card.shortcut", probe=probe, finding=finding, auroc=words.number(worst["auroc"], 2))
        )
    return " ".join(sentences)


def _training(words: Words, facts: RunFacts) -> str:
    training = facts["training"]
    return words.say(
        "card.training_validation",
        parameters=words.number(training["parameters"]),
        size=words.number(input_side(facts)),
        epochs=words.number(training["epochs_run"]),
        time=words.duration(training["seconds"]),
        seed=str(training["seed"]),
        auroc=words.number(training["best_validation_auroc"], 3),
    )


def _limits(words: Words, facts: RunFacts, figures: CardFigures | None) -> str:
    prevalence = words.say("card.limits.prevalence")
    if figures and len(figures.headline) == 1:
        [(finding, one)] = figures.headline.items()
        if one["n_images"]:
            share = words.percent(one["n_positive"] / one["n_images"])
            name = words.name("finding", finding)
            prevalence = words.say("card.limits.prevalence_one", prevalence=share, finding=name)
    detail = words.say("card.limits.detail", size=words.number(input_side(facts)))
    # A model that was tested elsewhere has these results above.
    source = [] if figures and figures.external else [words.say("card.limits.source")]
    lines = (
        *_few(words, facts, figures),
        *pretraining(words, facts),
        *licence(words, facts),
        *source,
        detail,
        prevalence,
    )
    return "\n".join(f"- {line}" for line in (*lines, words.say("card.recommendation")))


def _few(words: Words, facts: RunFacts, figures: CardFigures | None) -> list[str]:
    """Return the sentence on findings whose results allow no conclusion."""
    groups = facts["data"]["patients"]["test"]
    if figures and groups < _FEWEST:
        return [words.say("card.few_groups", groups=str(groups))]
    rare = [
        finding
        for finding, one in (figures.headline if figures else {}).items()
        if min(one["n_positive"], one["n_images"] - one["n_positive"]) < _FEWEST
    ]
    names = ", ".join(words.name("finding", finding) for finding in rare)
    return [words.say("card.few", least=str(_FEWEST), findings=names)] if rare else []


def _code(words: Words, facts: RunFacts) -> list[str]:
    run = facts["name"]
    images, file = words.say("card.your_images"), "image.png"
    if "embeddings" in facts:
        images, file = "--features embeddings.parquet", "embeddings.parquet"
    shell = _block("sh", f"placa predict {shell_path(run)} {images}")
    r = _block("r", f'predict(placa::load_model({r_string(run)}), "{file}")')
    return [shell, r]


def _fence(code: str, shortest: int) -> str:
    """Return backticks, more than any that follow each other in the code."""
    return "`" * max([shortest, *(len(run) + 1 for run in re.findall("`+", code))])


def _code_span(name: str) -> str:
    """Return a name as code within a sentence."""
    text = show_controls(name)
    fence, space = _fence(text, 1), " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"


def _block(language: str, code: str) -> str:
    """Return code as a block."""
    fence = _fence(code, 3)
    return f"{fence}{language}\n{code}\n{fence}"
