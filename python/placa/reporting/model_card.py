"""Write the model card, one page about a model (Mitchell et al. 2019, doi:10.1145/3287560.3287596).

``model_card.md`` is in English, ``model_card.es.md`` in Spanish. The header is YAML for model hubs. Items
that only the author knows are marked.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from placa.core.files import atomic_file, read_json
from placa.reporting.card_figures import CardFigures, read_card_figures
from placa.reporting.words import LANGUAGES, Words, capitalise, escape_markdown

_SPLITS = ("train", "validation", "test")


def write_model_card(run: Path, facts: dict[str, Any] | None = None) -> list[Path]:
    """Write the model card of a run in every language; replace existing cards.

    Args:
        run: The run directory with ``thresholds.json``. If it has an ``evaluation/``, the card contains its results.
        facts: The content of ``run.json``; read from `run` by default.

    Returns:
        The paths of the cards, in the order of `LANGUAGES`.

    Raises:
        PlacaError: `run` lacks ``run.json`` or ``thresholds.json``, or cannot be written.
    """
    facts = read_json(run / "run.json") if facts is None else facts
    thresholds = read_json(run / "thresholds.json")
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
    facts: dict[str, Any], thresholds: dict[str, Any], figures: CardFigures | None = None, language: str = "en"
) -> str:
    """Compose the model card.

    Args:
        facts: The content of ``run.json``.
        thresholds: The content of ``thresholds.json``.
        figures: The results of ``evaluation/``; None if the run is not evaluated.
        language: One of `LANGUAGES`.

    Returns:
        Markdown with a YAML header.
    """
    words = Words(language)
    parts = [
        _header(facts, figures),
        _lead(words, facts),
        _section(words, "use", _use(words, facts)),
        _section(words, "data", _data(words, facts)),
        _section(words, "training", [_training(words, facts)]),
        _section(words, "performance", _performance(words, thresholds, figures)),
        _section(words, "limits", [_limits(words, facts, figures)]),
        _section(words, "code", _code(words, facts)),
        _section(words, "open", [_left_open(words), words.say("card.source")]),
    ]
    return "\n\n".join(parts) + "\n"


def _section(words: Words, name: str, paragraphs: Sequence[str]) -> str:
    return "\n\n".join([f"## {words.say(f'card.heading.{name}')}", *paragraphs])


def _header(facts: dict[str, Any], figures: CardFigures | None) -> str:
    data = facts["data"]
    header: dict[str, Any] = {
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "license": "unknown",
        "tags": ["placa", "medical-imaging", "chest", *data["findings"]],
        "datasets": [data["label_source"]] if data.get("label_source") else [],
        "metrics": ["roc_auc"],
    }
    if figures:
        measured = [(finding, one) for finding, one in figures.headline.items() if one["auroc"] is not None]
        results = [_result(finding, one, data, figures.split) for finding, one in measured]
        header["model-index"] = [{"name": facts["name"], "results": results}]
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---"


def _result(finding: str, one: dict[str, Any], data: dict[str, Any], split: str) -> dict[str, Any]:
    return {
        "task": {"type": "image-classification"},
        "dataset": {
            "name": data.get("label_source") or "unknown",
            "type": data.get("kind") or "unknown",
            "split": split,
        },
        "metrics": [{"type": "roc_auc", "name": f"AUROC, {finding}", "value": round(one["auroc"], 4)}],
    }


def _lead(words: Words, facts: dict[str, Any]) -> str:
    data = facts["data"]
    kind = data.get("kind")
    sentence = words.say(
        "card.lead",
        backbone=facts["training"]["backbone"],
        findings=", ".join(words.name("finding", finding) for finding in data["findings"]),
        kind=words.say(f"kind.{kind}" if words.has(f"kind.{kind}") else "kind.other"),
        version=facts["placa_version"],
        date=facts["created"][:10],
    )
    return f"# {escape_markdown(facts['name'])}\n\n{sentence}"


def _use(words: Words, facts: dict[str, Any]) -> list[str]:
    phantom = facts["data"].get("kind") == "phantom"
    return [words.say("card.use"), words.say("card.use_phantom" if phantom else "card.use_findings")]


def _data(words: Words, facts: dict[str, Any]) -> list[str]:
    data = facts["data"]
    counts = [("card.row.images", "", data["images"])]
    if "patients" in data:
        counts.append(("card.row.patients", "", data["patients"]))
    counts += [("card.row.positives", finding, positives) for finding, positives in data.get("positives", {}).items()]
    rows = [
        [words.say(key, finding=words.name("finding", finding)), *(words.number(of[split]) for split in _SPLITS)]
        for key, finding, of in counts
    ]
    labels = words.say(
        "card.labels",
        source=_label_source(words, data),
        comparison=words.name("finding", data.get("comparison") or "the rest"),
        method=_split_method(words, data.get("split_method")),
    )
    head = ["", *(words.say(f"card.column.{split}") for split in _SPLITS)]
    return [labels, _table(head, rows), _audit(words, data.get("audit"))]


def _label_source(words: Words, data: dict[str, Any]) -> str:
    if data.get("kind") == "phantom":
        return words.say("data.labels_phantom")
    return escape_markdown(data["label_source"]) if data.get("label_source") else words.say("card.unknown")


def _split_method(words: Words, method: str | None) -> str:
    """Return the split method of ``run.json`` in the language of the card, like split_method_text() in R."""
    if not method:
        return words.say("card.unknown")
    given = {
        "official": "official (test )?list",
        "list": "^given test list",
        "column": "^(given by|the column|split column)",
    }
    kept_whole = {"patient": "patient-wise", "group": "by group"}
    code = [name for name, pattern in given.items() if re.search(pattern, method)]
    code += [name for name, text in kept_whole.items() if text in method][:1]
    key = f"method_of_split.{'_'.join(code)}"
    if not words.has(key):
        return escape_markdown(method)
    seed = re.search(r"seed (\d+)", method)
    return words.say(key, seed=seed[1] if seed else words.say("number.none"))


def _audit(words: Words, audit: dict[str, Any] | None) -> str:
    if not audit:
        return words.say("card.audit_missing")
    leakage = audit.get("leakage") or {}
    shortcuts = audit.get("shortcuts") or {}
    strong = [probe for probe in shortcuts.get("probes") or [] if probe.get("verdict") == "strong" and probe["auroc"]]
    verdicts = {
        name: words.say(f"card.{name}.{part.get('verdict', 'missing')}")
        for name, part in (("leakage", leakage), ("shortcuts", shortcuts))
    }
    sentences = [words.say("card.audit", **verdicts)]
    if strong:
        # Among equally strong probes, one without any information about the lungs is stronger evidence.
        worst = max(strong, key=lambda probe: (probe["probe"] not in ("histogram", "thumbnail"), float(probe["auroc"])))
        probe, finding = words.name("probe", worst["probe"]), words.name("finding", worst["finding"])
        sentences.append(
            words.say("card.shortcut", probe=probe, finding=finding, auroc=words.number(worst["auroc"], 2))
        )
    return " ".join(sentences)


def _training(words: Words, facts: dict[str, Any]) -> str:
    training = facts["training"]
    best = training.get("best_validation_auroc")
    return words.say(
        "card.training" if best is None else "card.training_validation",
        parameters=words.number(training.get("parameters")),
        size=words.number(facts["data"].get("image_size")),
        epochs=words.number(training.get("epochs_run")),
        time=words.duration(training.get("seconds")),
        seed=str(training.get("seed", words.say("number.none"))),
        auroc=words.number(best, 3),
    )


def _performance(words: Words, thresholds: dict[str, Any], figures: CardFigures | None) -> list[str]:
    lead = words.say("card.not_evaluated")
    if figures:
        lead = words.say("card.evaluated", split=words.name("split", figures.split))
    chosen_on = words.say("card.thresholds", split=words.name("split", thresholds["chosen_on"]))
    return [f"{lead} {chosen_on}", _performance_table(words, thresholds, figures), *_agreement(words, figures)]


def _performance_table(words: Words, thresholds: dict[str, Any], figures: CardFigures | None) -> str:
    columns = ["finding", "auroc", "threshold", "point"]
    metrics = ["sensitivity", "specificity"] if figures and figures.points else []
    rows = []
    for finding, stored in thresholds["findings"].items():
        one = (figures.headline.get(finding) if figures else None) or {}
        auroc = words.estimate(one.get("auroc"), one.get("auroc_lower"), one.get("auroc_upper"), 3)
        default = stored["default"]
        row = [capitalise(words.name("finding", finding)), auroc, words.number(stored["points"][default], 3)]
        row.append(words.name("point", default))
        values = figures.points.get(finding, {}) if figures else {}
        row += [words.estimate(*values.get(metric, (None, None, None))) for metric in metrics]
        rows.append(row)
    return _table([words.say(f"card.column.{column}") for column in [*columns, *metrics]], rows)


def _agreement(words: Words, figures: CardFigures | None) -> list[str]:
    """Return the paragraphs about calibration and about subgroups that differ."""
    sentences = []
    if figures and figures.calibration:
        # With several findings, the one with the largest calibration error.
        finding, values = max(figures.calibration.items(), key=lambda item: item[1]["ici"][0])
        key = "card.calibration" if len(figures.calibration) == 1 else "card.calibration_many"
        estimates = {name: words.estimate(*values[name]) for name in ("slope", "ici")}
        sentences.append(words.say(key, finding=words.name("finding", finding), **estimates))
    if figures and figures.differing is not None:
        groups = "; ".join(_group(words, column, group) for column, group in figures.differing)
        sentences.append(words.say("card.subgroups", groups=groups) if groups else words.say("subgroups.none_differ"))
    return sentences


def _group(words: Words, column: str, group: str) -> str:
    known = words.say("subgroups.unknown") if group == "unknown" else words.name(column, group)
    known = re.sub(r"^(\d+)-(\d+)$", "\\1\u2013\\2", known)
    return words.say("subgroups.group", column=words.name("column", column), group=known)


def _limits(words: Words, facts: dict[str, Any], figures: CardFigures | None) -> str:
    prevalence = words.say("card.limits.prevalence")
    if figures and len(figures.headline) == 1:
        [(finding, one)] = figures.headline.items()
        if one.get("n_images") and one.get("n_positive") is not None:
            share = words.percent(one["n_positive"] / one["n_images"])
            name = words.name("finding", finding)
            prevalence = words.say("card.limits.prevalence_one", prevalence=share, finding=name)
    detail = words.say("card.limits.detail", size=words.number(facts["data"].get("image_size")))
    return "\n".join(f"- {line}" for line in (words.say("card.limits.source"), detail, prevalence))


def _code(words: Words, facts: dict[str, Any]) -> list[str]:
    run = facts["name"]
    shell = f"```sh\nplaca predict {shlex.quote(run)} {words.say('card.your_images')}\n```"
    r = f'```r\npredict(placa::load_model({json.dumps(run, ensure_ascii=False)}), "image.png")\n```'
    prints = {"model": facts["model"]["fingerprint"], "data": facts["data"].get("fingerprint") or "–"}
    return [shell, r, words.say("card.fingerprints", **prints)]


def _left_open(words: Words) -> str:
    items = ("contact", "licence", "users", "ethics", "funding")
    return _table(("", ""), [(words.say(f"card.open.{item}"), words.say("card.open.author")) for item in items])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
