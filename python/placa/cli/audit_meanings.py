"""The meaning of each verdict for the results of a model, in one sentence."""

from __future__ import annotations

from collections.abc import Iterable

from placa.records.audit import Probe
from placa.reporting.words import Words


def probe_name(words: Words, row: Probe) -> str:
    """Return the name of a probe; that of view, age and sex has only the columns that it used."""
    columns = row.get("columns", [])
    if columns:
        return ", ".join(words.name("column", column).lower() for column in columns)
    return words.say(f"terminal.probe.{row['probe']}")


def shortcut_means(probes: Iterable[Probe], words: Words) -> list[str]:
    """Return the meaning of the verdicts on shortcuts: one sentence per verdict, the worst first.

    Args:
        probes: ``shortcuts.probes`` of audit.json.
        words: The words of the language.
    """
    measured = [row for row in probes if row["auroc"] is not None]
    if not measured:
        return [words.say("terminal.shortcut_means.unmeasured")]
    lines = []
    for verdict in ("strong", "some", "inconclusive"):
        matching = [row for row in measured if row["verdict"] == verdict]
        if matching:
            highest = max(matching, key=lambda row: row["auroc"] or 0.0)
            auroc = words.number(highest["auroc"], 2)
            lines.append(words.say(f"terminal.shortcut_means.{verdict}", auroc=auroc, finding=highest["finding"]))
    return lines or [words.say("terminal.shortcut_means.none")]
