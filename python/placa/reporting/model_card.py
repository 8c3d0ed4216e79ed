"""``model_card.md``: what a model is, in a page, beside the model (Mitchell et al. 2019, doi:10.1145/3287560.3287596).

The header is the YAML that model hubs read. What no program can know is left for the author, to be seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from placa.core.errors import PlacaError
from placa.core.files import read_json, whole_file

NAME = "model_card.md"
_SPLITS = ("train", "validation", "test")
_OPEN = "*for the author*"


def write_model_card(run: Path, facts: dict[str, Any] | None = None) -> Path:
    """Write the model card of a run, or write it anew once the run is evaluated.

    Args:
        run: The run directory, with its ``thresholds.json``; where it has an ``evaluation/``, its figures are given.
        facts: The content of ``run.json``; read from `run` by default.

    Returns:
        The path of the card.

    Raises:
        PlacaError: `run` lacks ``run.json`` or ``thresholds.json``, or cannot be written.
    """
    facts = read_json(run / "run.json") if facts is None else facts
    thresholds = read_json(run / "thresholds.json")
    try:
        evaluation = read_json(run / "evaluation" / "summary.json")
    except PlacaError:
        evaluation = None
    with whole_file(run / NAME) as partial:
        partial.write_text(model_card(facts, thresholds, evaluation), encoding="utf-8")
    return run / NAME


def model_card(facts: dict[str, Any], thresholds: dict[str, Any], evaluation: dict[str, Any] | None = None) -> str:
    """Compose the card.

    Args:
        facts: The content of ``run.json``.
        thresholds: That of ``thresholds.json``.
        evaluation: That of ``evaluation/summary.json``, or None where the run is not evaluated.

    Returns:
        Markdown with a YAML header.
    """
    parts = [
        _header(facts, evaluation),
        _what(facts),
        _use(facts),
        _data(facts),
        _training(facts),
        _performance(facts, thresholds, evaluation),
        _limits(facts),
        _code(facts),
        _left_open(),
    ]
    return "\n\n".join(parts) + "\n"


def _header(facts: dict[str, Any], evaluation: dict[str, Any] | None) -> str:
    data = facts["data"]
    header: dict[str, Any] = {
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "license": "unknown",
        "tags": ["placa", "medical-imaging", "chest", *data["findings"]],
        "datasets": [data["label_source"]] if data.get("label_source") else [],
        "metrics": ["roc_auc"],
    }
    if evaluation:
        header["model-index"] = [
            {"name": facts["name"], "results": [_result(*one, data, evaluation) for one in _measured(evaluation)]}
        ]
    return "\n".join(["---", *_yaml(header), "---"])


def _result(finding: str, one: dict[str, Any], data: dict[str, Any], evaluation: dict[str, Any]) -> dict[str, Any]:
    source = data.get("label_source") or "unknown"
    return {
        "task": {"type": "image-classification"},
        "dataset": {"name": source, "type": data.get("kind") or "unknown", "split": evaluation["split"]},
        "metrics": [{"type": "roc_auc", "name": f"AUROC, {finding}", "value": round(one["auroc"], 4)}],
    }


def _measured(evaluation: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(finding, one) for finding, one in evaluation["headline"].items() if one["auroc"] is not None]


def _yaml(value: dict[str, Any], indent: str = "") -> Iterable[str]:
    """The little YAML that a header needs; JSON's strings are YAML's, whatever they hold."""
    for key, one in value.items():
        if isinstance(one, dict):
            yield f"{indent}{key}:"
            yield from _yaml(one, f"{indent}  ")
        elif isinstance(one, list) and one and isinstance(one[0], dict):
            yield f"{indent}{key}:"
            for item in one:
                first, *rest = _yaml(item, f"{indent}    ")
                yield f"{indent}  - {first.strip()}"
                yield from rest
        else:
            yield f"{indent}{key}: {json.dumps(one, ensure_ascii=False)}"


def _what(facts: dict[str, Any]) -> str:
    data, training = facts["data"], facts["training"]
    findings = ", ".join(data["findings"])
    said = f"A `{training['backbone']}` network that says how probable {findings} is on one image"
    return f"# {facts['name']}\n\n{said}; trained by placa {facts['placa_version']} on {facts['created'][:10]}."


def _use(facts: dict[str, Any]) -> str:
    lines = ["## What it is for, and what not", "Research and teaching. **Not a medical device:** it must not be used"]
    lines[-1] += " to diagnose, to triage, or to decide on any person's care; nobody has tested it for that."
    if facts["data"].get("kind") == "phantom":
        lines.append("Its images are drawings: its figures say nothing about people.")
    else:
        lines.append("A low probability clears no image: it says nothing of findings that are not named here.")
    return "\n\n".join(lines)


def _data(facts: dict[str, Any]) -> str:
    data = facts["data"]
    rows: list[Sequence[Any]] = [("Images", *(f"{data['images'][split]:,}" for split in _SPLITS))]
    if "patients" in data:
        rows.append(("Patients or groups", *(f"{data['patients'][split]:,}" for split in _SPLITS)))
    for finding, counts in data.get("positives", {}).items():
        rows.append((f"With {finding}", *(f"{counts[split]:,}" for split in _SPLITS)))
    said = f"Labels: {data.get('label_source') or 'unknown'}; compared with {data.get('comparison') or 'the rest'}. "
    said += f"Split: {data.get('split_method') or 'unknown'}."
    return "\n\n".join(
        ["## Data", said, _table(("", "Training", "Validation", "Test"), rows), _audit(data.get("audit"))]
    )


def _audit(audit: dict[str, Any] | None) -> str:
    if not audit:
        return "No audit of the data was kept."
    leakage = audit.get("leakage") or {}
    shortcuts = audit.get("shortcuts") or {}
    strong = [probe for probe in shortcuts.get("probes") or [] if probe.get("verdict") == "strong" and probe["auroc"]]
    lines = [f"Audit: leakage from the test set {leakage.get('verdict', 'not examined')}; shortcuts"]
    lines[0] += f" {shortcuts.get('verdict', 'not examined')}."
    if strong:
        # Of those as strong, one that sees nothing of the lungs at all proves more than one that sees them coarsely.
        worst = max(strong, key=lambda probe: (probe["probe"] not in ("histogram", "thumbnail"), float(probe["auroc"])))
        seen = worst["probe"].replace("_", ", ")
        lines.append(
            f"**A simple model that sees {seen} and nothing else tells {worst['finding']} with an AUROC of "
            f"{worst['auroc']:.2f}: this model's figures cannot be taken for reading the lungs.**"
        )
    return " ".join(lines)


def _training(facts: dict[str, Any]) -> str:
    training, data = facts["training"], facts["data"]
    parameters = f"{training['parameters']:,} parameters" if "parameters" in training else "parameters not counted"
    size = data.get("image_size")
    said = f"{parameters}, images of {size} × {size} pixels, {training.get('epochs_run', '?')} epochs, "
    said += f"seed {training.get('seed', '?')}"
    if training.get("best_validation_auroc") is not None:
        said += f"; AUROC on validation, which chose the epoch, {training['best_validation_auroc']:.3f}"
    return f"## Training\n\n{said}."


def _performance(facts: dict[str, Any], thresholds: dict[str, Any], evaluation: dict[str, Any] | None) -> str:
    rows = []
    for finding, stored in thresholds["findings"].items():
        one = (evaluation or {}).get("headline", {}).get(finding) or {}
        auroc = "–" if one.get("auroc") is None else f"{one['auroc']:.3f}"
        if one.get("auroc_lower") is not None:
            auroc += f" ({one['auroc_lower']:.3f} to {one['auroc_upper']:.3f})"
        rows.append((finding, auroc, f"{stored['points'][stored['default']]:.3f}", stored["default"]))
    lead = "`placa evaluate` has not been run yet, so there is no figure from the test set."
    if evaluation:
        lead = f"On the {evaluation['split']} set, with intervals that draw whole patients or groups."
    table = _table(("Finding", "AUROC", "Positive from", "Operating point"), rows)
    return f"## Performance\n\n{lead} Thresholds were chosen on {thresholds['chosen_on']}.\n\n{table}"


def _limits(facts: dict[str, Any]) -> str:
    data = facts["data"]
    lines = ["Images of another hospital, machine or age group may give other figures; that was not tested."]
    lines.append(f"The network sees {data.get('image_size')} pixels a side: finer signs are lost to it.")
    lines.append("Predictive values and probabilities hold for the prevalence of its test set alone.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _code(facts: dict[str, Any]) -> str:
    run = facts["name"]
    code = f'```sh\nplaca predict {run} your/images\n```\n\n```r\npredict(placa::load_model("{run}"), "image.png")\n```'
    prints = f"Fingerprints: model `{facts['model']['fingerprint']}`, data `{facts['data'].get('fingerprint')}`."
    return f"## How to use it\n\n{code}\n\n{prints}"


def _left_open() -> str:
    rows = [(item, _OPEN) for item in ("Contact", "Licence", "Intended users", "Ethical approval", "Funding")]
    return "## Left open\n\n" + _table(("", ""), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
