"""Words of the report, the model card and the audit on the terminal, and numbers in the format of a language.

The words files are those of the R package, ``R/inst/words``. ``R/R/report-words.R`` reads them for the report.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from placa.core.files import explain_os_errors, find_shared
from placa.core.text import show_controls
from placa.evaluation.errors import MissingSourceError
from placa.records.audit import Audit, Probe
from placa.records.codes import Values
from placa.records.source import DatasetFacts, SplitFacts

_MARKUP = re.compile(
    r"[!\"#$&'()*:<=>@\[\]\\^_`{|}~]"
    r"|(?<![A-Za-z0-9])[-+]|[-+](?![A-Za-z0-9])|(?<![0-9])[.]|[.](?![0-9])"
)


class Words:
    """The words of one language.

    Args:
        language: One of `placa.core.language.LANGUAGES`.

    Raises:
        PlacaError: The words file is missing or cannot be read.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = _read_words(language)

    def has(self, key: str) -> bool:
        """Return whether `key` exists."""
        return key in self._words

    def say(self, key: str, **values: str) -> str:
        """Return the sentence of `key` with its placeholders ``{name}`` replaced by the values."""
        return re.sub(r"\{(\w+)\}", lambda gap: values[gap[1]], self._words[key])

    def name(self, kind: str, code: str) -> str:
        """Return the word for a code of a kind, such as a finding; an unknown code is returned as Markdown."""
        key = f"{kind}.{code}"
        return self.say(key) if self.has(key) else escape_markdown(code.replace("_", " "))

    def number(self, value: float | None, digits: int = 0) -> str:
        """Format a number with the separators of the language; None and NaN are a dash."""
        if value is None or math.isnan(value):
            return self.say("number.none")
        text = f"{abs(value):,.{digits}f}".replace("inf", "∞")
        marks = str.maketrans(",.", self.say("number.thousands") + self.say("number.decimal"))
        # A number that rounds to zero has no sign.
        sign = "\u2212" if value < 0 and re.search("[1-9∞]", text) else ""
        return sign + text.translate(marks)

    def percent(self, share: float, digits: int = 1) -> str:
        """Format a proportion, 0 to 1, as a percentage."""
        return self.say("number.percent", n=self.number(100 * share, digits))

    def estimate(self, value: float | None, lower: float | None, upper: float | None, digits: int = 2) -> str:
        """Format an estimate with its interval, if it has one."""
        if value is None or math.isnan(value) or not _is_known(lower) or not _is_known(upper):
            return self.number(value, digits)
        between = "; " if lower is not None and lower < 0 else "\u2013"
        limits = f"{self.number(lower, digits)}{between}{self.number(upper, digits)}"
        return f"{self.number(value, digits)} ({limits})"

    def duration(self, seconds: float | None) -> str:
        """Format a duration in seconds, minutes or hours."""
        if seconds is None:
            return self.say("number.none")
        if seconds < 100:
            return self.say("number.seconds", n=self.number(seconds))
        if seconds < 6000:
            return self.say("number.minutes", n=self.number(seconds / 60, 1))
        return self.say("number.hours", n=self.number(seconds / 3600, 1))


def code_text(words: Words, kind: str, code: str, values: Values) -> str:
    """Return the sentence of a code, such as the reason or the rule of an audit, with its numbers."""
    # A correlation that was measured has more digits than a reader needs.
    texts = {
        name: words.number(value, 0 if isinstance(value, int) else 2)
        if not isinstance(value, str)
        else escape_markdown(value)
        for name, value in values.items()
    }
    key = f"{kind}.{code}_excluded" if values.get("excluded") else f"{kind}.{code}"
    return words.say(key, **texts) if words.has(key) else escape_markdown(code.replace("_", " "))


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


def split_text(words: Words, split: SplitFacts) -> str:
    """Return how the images were split, as a part of a sentence."""
    given = "temporal" if split.get("temporal") else split["given"]["by"] if split["given"] else None
    parts = [given, split["unit"]]
    key = "_".join(part for part in parts if part) or "all_test"
    return words.say(f"method_of_split.{key}", seed=str(split["seed"]))


def labels_text(words: Words, facts: DatasetFacts) -> str:
    """Return the sentence on the origin of the labels, what findings are compared with, and the split."""
    source, comparison = facts["label_source"], facts["comparison"]
    if comparison["kind"] == "classes":
        compared = words.say("compared_with.or").join(words.name("finding", name) for name in comparison["classes"])
    else:
        compared = words.say(f"compared_with.{comparison['kind']}")
    key = f"data.labels_{source}"
    # A name that the user gave is Markdown.
    origin = words.say(key) if words.has(key) else escape_markdown(source)
    return words.say("card.labels", source=origin, comparison=compared, method=split_text(words, facts["split"]))


def audit_text(words: Words, audit: Audit) -> str:
    """Return the sentence on the verdicts of an audit about leakage and shortcuts."""
    verdicts = {"leakage": audit["leakage"]["verdict"], "shortcuts": audit["shortcuts"]["verdict"]}
    return words.say("card.audit", **{part: words.say(f"card.{part}.{one}") for part, one in verdicts.items()})


def left_open(words: Words, part: str, items: Sequence[str]) -> str:
    """Return a table of what only the author knows, which the author completes."""
    author = words.say("card.open.author")
    return markdown_table(("", ""), [(words.say(f"{part}.open.{item}"), author) for item in items])


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def capitalise(text: str) -> str:
    """Return `text` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def escape_markdown(text: str) -> str:
    """Return `text` on one line, with every character escaped that can begin markup, as the R package does it.

    A hyphen between letters and a point between digits stay as they are.
    """
    return _MARKUP.sub(r"\\\g<0>", show_controls(re.sub(r"[ \t\r\n]+", " ", text).strip()))


def _is_known(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


@lru_cache
def _read_words(language: str) -> dict[str, str]:
    import yaml

    source = find_shared("R")
    if source is None:
        raise MissingSourceError(
            "The words of the model card, R/inst/words, are missing from this installation. Install placa again.",
            part="R",
        )
    path = source / "inst" / "words" / f"{language}.yml"
    with explain_os_errors(path):
        # The parser in C, which not every build of PyYAML has, is ten times faster.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return dict(_flatten(yaml.load(path.read_text("utf-8"), loader)))


def _flatten(tree: dict[Any, Any], above: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in tree.items():
        key = f"{above}{name}"
        pairs += _flatten(value, f"{key}.") if isinstance(value, dict) else [(key, str(value))]
    return pairs
