"""Print the audit on stdout: tables of at most 80 columns, and the meaning of each verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from placa.audit.verdicts import ORDER
from placa.cli.terminal import print_table, stdout_console
from placa.core.progress import plain
from placa.records.audit import (
    Audit,
    Difference,
    Duplicates,
    LabelQuality,
    Leakage,
    PolicyCounts,
    Probe,
    Shift,
    Shortcuts,
)
from placa.records.unusual import Unusual
from placa.reporting.words import Words, code_text, probe_name, shortcut_means

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_RowT = TypeVar("_RowT", Probe, Difference)
_STYLES = {"none": "green", "inconclusive": "cyan", "some": "yellow", "strong": "bold red"}
#: Maximum number of rows of a printed table, the worst verdicts first; audit.json has all rows.
_ROWS = 20


@dataclass(frozen=True)
class _Page:
    """Where the audit is printed, and in which words."""

    console: Console
    words: Words

    def say(self, key: str, **values: str) -> str:
        return self.words.say(f"terminal.{key}", **values)

    def heads(self, *keys: str) -> tuple[str, ...]:
        """Return the heads of columns; an empty key is an empty head."""
        return tuple(self.say(f"column.{key}") if key.islower() else key for key in keys)

    def local(self, text: str) -> str:
        """Return a formatted number with the marks of the language."""
        marks = self.words.say("number.thousands") + self.words.say("number.decimal")
        return text.translate(str.maketrans(",.", marks))

    def figure(self, value: float | None, digits: int) -> str:
        return "" if value is None else self.local(f"{value:.{digits}f}")

    def count(self, value: int) -> str:
        return self.local(f"{value:,}")

    def percent(self, value: float | None) -> str:
        return "" if value is None else self.words.percent(value)

    def signed(self, value: float | None, share: bool) -> str:
        return "" if value is None else self.local(f"{100 * value if share else value:+.1f}")

    def unit(self, count: int, noun: str) -> str:
        return self.say(f"unit.{noun}" + ("" if count == 1 else "s"))

    def verdict(self, verdict: str) -> Text:
        return plain(self.say(f"verdict.{verdict}"), _STYLES[verdict])

    def more(self, rows: Sequence[Any]) -> str | None:
        return self.say("more", n=self.count(len(rows) - _ROWS)) if len(rows) > _ROWS else None


def print_audit(audit: Audit, language: str = "en") -> None:
    """Print an audit on stdout.

    Args:
        audit: The content of ``audit.json``.
        language: One of `placa.core.language.LANGUAGES`.
    """
    page = _Page(stdout_console(), Words(language))
    _leakage(page, audit["leakage"])
    _shortcuts(page, audit["shortcuts"])
    if "unusual" in audit:
        _unusual(page, audit["unusual"])
    _label_policies(page, audit.get("label_policies", []))
    _label_quality(page, audit["label_quality"])
    for key, shift in (("shift_here", audit["shift"]["here"]), ("shift_table", audit["shift"]["table"])):
        if shift:
            _shift(page, key, shift)


def _title(page: _Page, key: str, verdict: str | None = None) -> None:
    from rich.text import Text

    title = Text("\n").append(page.say(f"title.{key}"), "bold")
    page.console.print(title.append(": ").append_text(page.verdict(verdict)) if verdict else title)


def _leakage(page: _Page, leakage: Leakage) -> None:
    _title(page, "leakage", leakage["verdict"])
    page.console.print(page.say(f"leakage_means.{leakage['verdict']}"))
    grouping, names = leakage["grouping"], leakage["names"]
    found = grouping["rule"] != "patient"
    patients = page.say("patients_unknown") if found else page.count(leakage["patients_across_splits"])
    rows = [
        (page.say("patients_across"), patients),
        (page.say("groups_across"), page.count(leakage["groups_across_splits"])),
    ]
    for kind, duplicates in (("exact", leakage["exact_duplicates"]), ("near", leakage["near_duplicates"])):
        rows.append((page.say(kind), _duplicates(page, duplicates)))
        if duplicates["across_splits"]:
            # Pairs across splits are first.
            one, other = map(str, duplicates["examples"][0][:2])
            rows.append(("", page.say("such_as", one=one, other=other)))
    rows.append((page.say("image_wise"), _image_wise(page, leakage)))
    largest = grouping["largest"]
    sizes = {"groups": page.count(grouping["groups"]), "largest": page.count(largest)}
    rows.append((page.say("groups"), page.say("groups_value", **sizes, unit=page.unit(largest, "image"))))
    for joined in grouping["joined_by"]:
        rule = code_text(page.words, "rule", joined["rule"], joined["values"])
        pairs = f"{page.count(joined['pairs'])} {page.unit(joined['pairs'], 'pair')}"
        rows.append((page.say("joined", rule=rule), pairs))
    telling = names["telling"]
    noted = page.say("names_expected") if names["by_construction"] and telling else ""
    examined = page.count(names["examined"])
    rows.append((page.say("names"), page.say("names_value", n=str(len(telling)), examined=examined, noted=noted)))
    _grid(page, ("", ""), rows, "ll")
    if telling:
        cells = [
            (
                page.words.say("audit.leakage.shape", token=row["token"]) if row["kind"] == "shape" else row["token"],
                page.words.name("where", row["where"]),
                row["finding"],
                page.count(row["images"]),
                page.percent(row["positive_with"]),
                page.percent(row["positive_without"]),
            )
            for row in telling
        ]
        _grid(page, page.heads("name", "where", "finding", "images", "positive_with", "without"), cells, "lllrrr")


def _image_wise(page: _Page, leakage: Leakage) -> str:
    mean = page.percent(leakage["image_wise_split_would_leak"])
    if "image_wise_lowest" not in leakage:
        return mean
    lowest, highest = page.percent(leakage["image_wise_lowest"]), page.percent(leakage["image_wise_highest"])
    draws = str(leakage["image_wise_draws"])
    return page.say("image_wise_range", mean=mean, lowest=lowest, highest=highest, draws=draws)


def _unusual(page: _Page, unusual: Unusual) -> None:
    _title(page, "unusual")
    page.console.print(
        page.say("unusual", outside=page.count(unusual["outside"]), images=page.count(unusual["images"]))
    )
    rows = [
        (row["image_id"], page.figure(row["distance"], 1), page.say("outside") if row["outside"] else "")
        for row in unusual["listed"]
    ]
    _grid(page, page.heads("image", "distance", ""), rows, "lrl")


def _duplicates(page: _Page, found: Duplicates) -> str:
    pairs = found["pairs"]
    if pairs is None:
        return page.say("not_examined")
    across = page.count(found["across_splits"] or 0)
    return page.say("pairs", pairs=page.count(pairs), unit=page.unit(pairs, "pair"), across=across)


def _shortcuts(page: _Page, shortcuts: Shortcuts) -> None:
    _title(page, "shortcuts", shortcuts["verdict"])
    worst = _worst_first(shortcuts["probes"])
    cells = [
        (
            row["finding"],
            probe_name(page.words, row),
            page.figure(row["auroc"], 3),
            f"{page.figure(row['lower'], 3)} {page.say('to')} {page.figure(row['upper'], 3)}"
            if row["auroc"] is not None
            else _reason(page, row),
            page.verdict(row["verdict"]),
        )
        for row in worst[:_ROWS]
    ]
    heads = page.heads("finding", "probe", "AUROC", "interval", "shortcut")
    _grid(page, heads, cells, "llrll", page.more(worst))
    key = "sampled" if shortcuts["images"] < shortcuts["sampled_from"] else "sample"
    counts = {"images": page.count(shortcuts["images"]), "all": page.count(shortcuts["sampled_from"])}
    page.console.print(plain(page.say("simultaneous", sample=page.say(key, **counts)), "dim"))
    for line in shortcut_means(shortcuts["probes"], page.words):
        page.console.print(plain(line))


def _reason(page: _Page, row: Probe) -> str:
    if row["reason"] is None:
        return ""
    return code_text(page.words, "reason", row["reason"]["code"], row["reason"]["values"])


def _label_policies(page: _Page, rows: list[PolicyCounts]) -> None:
    if not rows:
        return
    _title(page, "policies")
    cells = [
        (
            row["finding"],
            row["uncertain"] or "–",
            row["blank"] or "–",
            page.count(row["positive"]),
            page.count(row["negative"]),
            page.count(row["unknown"]),
            page.say("used") if row["used"] else "",
        )
        for row in rows
    ]
    counts = page.heads("positive", "negative", "unknown")
    heads = (*page.heads("finding"), "--uncertain", "--blank", *counts, "")
    _grid(page, heads, cells[:_ROWS], "lllrrrl", page.more(cells))


def _label_quality(page: _Page, rows: list[LabelQuality]) -> None:
    if not rows:
        return
    _title(page, "labels")
    for labels, reference in dict.fromkeys((row["labels"], row["reference"]) for row in rows):
        some = [row for row in rows if (row["labels"], row["reference"]) == (labels, reference)]
        page.console.print(plain(page.say("compared", labels=labels, reference=reference)))
        cells = [
            (
                row["finding"],
                row["subset"] or page.say("all"),
                page.count(row["images"]),
                page.figure(row["kappa"], 2),
                _range(page, row, "ppv"),
                _range(page, row, "sensitivity"),
            )
            for row in some
        ]
        _grid(page, page.heads("finding", "subset", "images", "kappa", "ppv", "sensitivity"), cells, "llrrll")
    page.console.print(page.say("labels_mean"))


def _shift(page: _Page, key: str, shift: Shift) -> None:
    _title(page, key, shift["verdict"])
    page.console.print(page.say(f"shift_means.{shift['verdict']}"))
    worst = _worst_first(shift["rows"])
    cells = []
    for row in worst[:_ROWS]:
        shares = row["what"] not in ("age", "images_per_patient")
        train, test = (
            page.percent(row[split]) if shares else page.figure(row[split], 1) for split in ("train", "test")
        )
        interval = f"{page.signed(row['lower'], shares)} {page.say('to')} {page.signed(row['upper'], shares)}"
        what = row["finding"] or page.say(f"shift_of.{row['what']}")
        cells.append((what, train, test, interval, page.verdict(row["verdict"])))
    _grid(page, page.heads("", "train", "test", "difference", "shift"), cells, "lrrll", page.more(worst))


def _worst_first(rows: list[_RowT]) -> list[_RowT]:
    return sorted(rows, key=lambda row: -ORDER.index(row["verdict"])) if len(rows) > _ROWS else rows


def _grid(
    page: _Page, heads: Iterable[str], rows: Iterable[Iterable[str | Text]], sides: str, more: str | None = None
) -> None:
    from rich.table import Table

    heads = tuple(heads)
    grid = Table(box=None, header_style="bold", show_header=any(heads), pad_edge=False, padding=(0, 2, 0, 0))
    for head, side in zip(heads, sides, strict=True):
        grid.add_column(head, justify="right" if side == "r" else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(plain(cell) if isinstance(cell, str) else cell for cell in row))
    print_table(grid)
    if more:
        page.console.print(more)


def _range(page: _Page, row: Mapping[str, Any], name: str) -> str:
    if row[name] is None:
        return ""
    value, lower, upper = (page.figure(row[column], 3) for column in (name, f"{name}_lower", f"{name}_upper"))
    return f"{value} ({lower}–{upper})"
