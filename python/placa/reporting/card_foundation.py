"""What the model card states about a foundation model, as the report does (R/R/report-pretraining.R)."""

from __future__ import annotations

from placa.records.embeddings import Provenance
from placa.records.run_facts import RunFacts
from placa.reporting.words import Words, escape_markdown


def input_side(facts: RunFacts) -> int:
    """Return the side of the images that the network receives: that of the foundation model, if there is one."""
    maker = _foundation_model(facts)
    return maker["input_size"] if maker else facts["data"]["image_size"]


def _foundation_model(facts: RunFacts) -> Provenance | None:
    """Return the foundation model of a run: that of its embeddings, or its backbone."""
    found = facts.get("embeddings") or facts.get("foundation")
    return found["provenance"] if found else None


def pretraining(words: Words, facts: RunFacts) -> list[str]:
    """Return whether the foundation model may have seen the images, as the report does (R/R/report-pretraining.R)."""
    maker = _foundation_model(facts)
    if maker is None:
        return []
    known = maker.get("pretrained_on")
    if known is None:
        return [words.say("pretraining.unknown")]
    key = "same" if facts["data"]["kind"] in known else "other" if known else "none"
    return [words.say(f"pretraining.{key}", sets=", ".join(map(escape_markdown, known)))]


def licence(words: Words, facts: RunFacts) -> list[str]:
    """Return the licence of the foundation model that is the backbone, and whether it is for research only."""
    foundation = facts.get("foundation")
    if foundation is None:
        return []
    licence = foundation["licence"]
    if licence is None:
        return [words.say("pretraining.licence_unknown")]
    line = words.say(
        "pretraining.licence",
        name=escape_markdown(foundation["provenance"].get("licence") or words.say("number.none")),
        file=escape_markdown(licence["file"]),
        date=escape_markdown(licence["date"]),
        fingerprint=licence["fingerprint"].removeprefix("sha256:")[:12],
    )
    return [line, words.say("pretraining.licence_research")] if licence["research_only"] else [line]
