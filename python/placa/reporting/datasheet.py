"""Write the datasheet of a prepared data set, one page in each language (Gebru et al. 2021, doi:10.1145/3458723)."""

from __future__ import annotations

from pathlib import Path

from placa.core.files import atomic_file
from placa.core.language import LANGUAGES
from placa.records.audit import Audit, Side
from placa.records.files import read_record
from placa.records.source import SourceFacts
from placa.reporting.words import Words, audit_text, escape_markdown, labels_text, left_open, markdown_table

_OPEN = ("purpose", "collection", "consent", "licence", "maintenance")


def write_datasheet(directory: Path) -> list[Path]:
    """Write ``datasheet.md`` and ``datasheet.es.md`` of a prepared data set; replace existing ones.

    Args:
        directory: A directory with ``source.json`` and ``audit.json``.

    Returns:
        The paths of the datasheets, in the order of `LANGUAGES`.

    Raises:
        PlacaError: A record is missing or damaged, or the directory cannot be written.
    """
    facts = read_record(directory / "source.json", SourceFacts)
    audit = read_record(directory / "audit.json", Audit)
    paths = []
    for language in LANGUAGES:
        path = directory / ("datasheet.md" if language == "en" else f"datasheet.{language}.md")
        with atomic_file(path) as partial:
            partial.write_text(datasheet(directory.absolute().name, facts, audit, language), encoding="utf-8")
        paths.append(path)
    return paths


def datasheet(name: str, facts: SourceFacts, audit: Audit, language: str = "en") -> str:
    """Compose the datasheet.

    Args:
        name: Name of the data set.
        facts: The content of ``source.json``.
        audit: The content of ``audit.json``.
        language: One of `placa.core.language.LANGUAGES`.

    Returns:
        Markdown.
    """
    words = Words(language)
    findings = ", ".join(words.name("finding", finding) for finding in facts["findings"])
    lead = words.say("datasheet.lead", version=facts["placa_version"], kind=facts["kind"], findings=findings)
    sections = {
        "source": [
            labels_text(words, facts),
            words.say("datasheet.pixels", size=words.number(facts["image_size"])),
            words.say("datasheet.fingerprint", data=facts["fingerprint"]),
        ],
        "counts": [_counts(words, facts, audit)],
        "splits": [_splits(words, facts, audit)],
        "audit": audit_lines(words, audit),
        "open": [left_open(words, "datasheet", _OPEN)],
    }
    lines = [f"# {words.say('datasheet.title', name=escape_markdown(name))}", lead]
    for heading, paragraphs in sections.items():
        lines += [f"## {words.say(f'datasheet.heading.{heading}')}", *paragraphs]
    return "\n\n".join([*lines, words.say("datasheet.source")]) + "\n"


def _sides(audit: Audit) -> tuple[Side, ...]:
    splits = audit["splits"]
    return splits["train"], splits["validation"], splits["test"]


def _counts(words: Words, facts: SourceFacts, audit: Audit) -> str:
    used = sum(side["images"] for side in _sides(audit))
    began = facts["rows"] if facts["rows"] is not None else used + facts["rejected"]
    counts = {"rows": began, **{name: facts[name] for name in ("missing", "unused", "rejected")}, "used": used}
    rows = [(words.say(f"datasheet.row.{name}"), words.number(count)) for name, count in counts.items()]
    return markdown_table((words.say("card.column.count"), words.say("card.row.images")), rows)


def _splits(words: Words, facts: SourceFacts, audit: Audit) -> str:
    sides = _sides(audit)
    rows = [
        (words.say("card.row.images"), *(words.number(side["images"]) for side in sides)),
        (words.say("card.row.patients"), *(words.number(side["groups"]) for side in sides)),
    ]
    for finding in facts["findings"]:
        shares = [side["prevalence"].get(finding) for side in sides]
        row = words.say("card.row.positives", finding=words.name("finding", finding))
        rows.append((row, *(words.number(None) if share is None else words.percent(share) for share in shares)))
    return markdown_table([words.say(f"card.column.{name}") for name in ("count", "train", "validation", "test")], rows)


def audit_lines(words: Words, audit: Audit) -> list[str]:
    """Return the verdicts of an audit as sentences."""
    lines = [audit_text(words, audit)]
    here = audit["shift"]["here"]
    if here:
        lines.append(words.say("datasheet.shift", verdict=words.say(f"verdict.{here['verdict']}")))
    return lines
