"""Print the audit on stdout: tables of at most 80 columns, and the meaning of each verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from placa.audit.verdicts import ORDER
from placa.cli.audit_meanings import LEAKAGE_MEANS, SHIFT_MEANS, SHIFT_NAMES, probe_name, shortcut_means
from placa.cli.terminal import print_table, stdout_console
from placa.core.text import show_controls
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
from placa.reporting.words import Words, code_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_RowT = TypeVar("_RowT", Probe, Difference)
_STYLES = {"none": "green", "inconclusive": "cyan", "some": "yellow", "strong": "bold red"}
#: Maximum number of rows of a printed table, the worst verdicts first; audit.json has all rows.
_ROWS = 20


def print_audit(audit: Audit) -> None:
    """Print an audit on stdout.

    Args:
        audit: The content of ``audit.json``.
    """
    console = stdout_console()
    _leakage(console, audit["leakage"])
    _shortcuts(console, audit["shortcuts"])
    if "unusual" in audit:
        _unusual(console, audit["unusual"])
    _label_policies(console, audit.get("label_policies", []))
    _label_quality(console, audit["label_quality"])
    if audit["shift"]["here"]:
        _shift(console, "Shift from train to test", audit["shift"]["here"])
    if audit["shift"]["table"]:
        _shift(console, "Shift in the complete table, official split", audit["shift"]["table"])


def _title(console: Console, text: str, verdict: str | None = None) -> None:
    from rich.text import Text

    title = Text("\n").append(text, "bold")
    console.print(title.append(": ").append_text(_verdict(verdict)) if verdict else title)


def _leakage(console: Console, leakage: Leakage) -> None:
    _title(console, "Leakage", leakage["verdict"])
    console.print(LEAKAGE_MEANS[leakage["verdict"]])
    grouping, names = leakage["grouping"], leakage["names"]
    found = grouping["rule"] != "patient"
    rows = [
        (
            "patients in more than one split",
            "patients are unknown" if found else f"{leakage['patients_across_splits']:,}",
        ),
        ("groups in more than one split", f"{leakage['groups_across_splits']:,}"),
    ]
    for kind, duplicates in (("exact", leakage["exact_duplicates"]), ("near", leakage["near_duplicates"])):
        rows.append((f"{kind} duplicates", _duplicates(duplicates)))
        if duplicates["across_splits"]:
            # Pairs across splits are first.
            rows.append(("", "such as " + " and ".join(map(str, duplicates["examples"][0][:2]))))
    rows.append(("test images leaked by a split by image", _image_wise(leakage)))
    rows.append(("groups", f"{grouping['groups']:,}, the largest with {_many(grouping['largest'], 'image')}"))
    words = Words("en")
    for joined in grouping["joined_by"]:
        rule = code_text(words, "rule", joined["rule"], joined["values"])
        rows.append((f"joined as {rule}", _many(joined["pairs"], "pair")))
    telling = names["telling"]
    noted = " (the folders are the labels)" if names["by_construction"] and telling else ""
    rows.append(("names that predict a label", f"{len(telling)} of {names['examined']:,} examined{noted}"))
    _grid(console, ("", ""), rows, "ll")
    if telling:
        heads = ("name", "where", "finding", "images", "positive with", "without")
        cells = [
            (
                words.say("audit.leakage.shape", token=row["token"]) if row["kind"] == "shape" else row["token"],
                words.name("where", row["where"]),
                row["finding"],
                f"{row['images']:,}",
                _percent(row["positive_with"]),
                _percent(row["positive_without"]),
            )
            for row in telling
        ]
        _grid(console, heads, cells, "lllrrr")


def _image_wise(leakage: Leakage) -> str:
    mean = _percent(leakage["image_wise_split_would_leak"])
    if "image_wise_lowest" not in leakage:
        return mean
    ends = _percent(leakage["image_wise_lowest"]), _percent(leakage["image_wise_highest"])
    return f"{mean} ({ends[0]} to {ends[1]} in {leakage['image_wise_draws']} random splits)"


def _unusual(console: Console, unusual: Unusual) -> None:
    _title(console, "Images that differ most from the others")
    console.print(f"{unusual['outside']:,} of {unusual['images']:,} differ from all others. Look at these images:")
    rows = [
        (row["image_id"], f"{row['distance']:.1f}", "outside" if row["outside"] else "") for row in unusual["listed"]
    ]
    _grid(console, ("image", "distance", ""), rows, "lrl")


def _duplicates(found: Duplicates) -> str:
    if found["pairs"] is None:
        return "not examined"
    return f"{_many(found['pairs'], 'pair')}, {found['across_splits']:,} across splits"


def _shortcuts(console: Console, shortcuts: Shortcuts) -> None:
    _title(console, "Shortcuts: the label predicted by simple models", shortcuts["verdict"])
    worst = _worst_first(shortcuts["probes"])
    cells = [
        (
            row["finding"],
            probe_name(row),
            _figure(row["auroc"], 3),
            f"{_figure(row['lower'], 3)} to {_figure(row['upper'], 3)}" if row["auroc"] is not None else _reason(row),
            _verdict(row["verdict"]),
        )
        for row in worst[:_ROWS]
    ]
    _grid(console, ("finding", "probe", "AUROC", "interval", "shortcut"), cells, "llrll", _more(worst))
    sample = f"{shortcuts['images']:,} images"
    if shortcuts["images"] < shortcuts["sampled_from"]:
        sample += f", sampled by patient from {shortcuts['sampled_from']:,}"
    console.print(_text(f"{sample}; simultaneous 95% intervals over all probes", "dim"))
    for line in shortcut_means(shortcuts["probes"]):
        console.print(_text(line))


def _reason(row: Probe) -> str:
    if row["reason"] is None:
        return ""
    return code_text(Words("en"), "reason", row["reason"]["code"], row["reason"]["values"])


def _label_policies(console: Console, rows: list[PolicyCounts]) -> None:
    if not rows:
        return
    _title(console, "Labels of the complete table under each policy")
    cells = [
        (
            row["finding"],
            row["uncertain"] or "–",
            row["blank"] or "–",
            f"{row['positive']:,}",
            f"{row['negative']:,}",
            f"{row['unknown']:,}",
            "used" if row["used"] else "",
        )
        for row in rows
    ]
    heads = ("finding", "--uncertain", "--blank", "positive", "negative", "unknown", "")
    _grid(console, heads, cells[:_ROWS], "lllrrrl", _more(cells))


def _label_quality(console: Console, rows: list[LabelQuality]) -> None:
    if not rows:
        return
    _title(console, "Label quality")
    for labels, reference in dict.fromkeys((row["labels"], row["reference"]) for row in rows):
        some = [row for row in rows if (row["labels"], row["reference"]) == (labels, reference)]
        console.print(_text(f"{labels}, compared with {reference}:"))
        cells = [
            (
                row["finding"],
                row["subset"] or "all",
                f"{row['images']:,}",
                _figure(row["kappa"], 2),
                _range(row, "ppv"),
                _range(row, "sensitivity"),
            )
            for row in some
        ]
        _grid(console, ("finding", "subset", "images", "kappa", "PPV", "sensitivity"), cells, "llrrll")
    console.print(
        "PPV: share of the images with the label that the reference confirms. Sensitivity: share of the images with "
        "the finding in the reference that have the label. Results of a model cannot be better than its labels."
    )


def _shift(console: Console, title: str, shift: Shift) -> None:
    _title(console, title, shift["verdict"])
    console.print(SHIFT_MEANS[shift["verdict"]])
    worst = _worst_first(shift["rows"])
    cells = []
    for row in worst[:_ROWS]:
        shares = row["what"] not in ("age", "images_per_patient")
        show = _percent if shares else _plain
        interval = f"{_signed(row['lower'], shares)} to {_signed(row['upper'], shares)}"
        what = row["finding"] or SHIFT_NAMES[row["what"]]
        cells.append((what, show(row["train"]), show(row["test"]), interval, _verdict(row["verdict"])))
    _grid(console, ("", "train", "test", "difference", "shift"), cells, "lrrll", _more(worst))


def _worst_first(rows: list[_RowT]) -> list[_RowT]:
    return sorted(rows, key=lambda row: -ORDER.index(row["verdict"])) if len(rows) > _ROWS else rows


def _more(rows: Sequence[Any]) -> str | None:
    return f"… and {len(rows) - _ROWS:,} more in audit.json" if len(rows) > _ROWS else None


def _grid(
    console: Console, heads: Iterable[str], rows: Iterable[Iterable[str | Text]], sides: str, more: str | None = None
) -> None:
    from rich.table import Table

    heads = tuple(heads)
    grid = Table(box=None, header_style="bold", show_header=any(heads), pad_edge=False, padding=(0, 2, 0, 0))
    for head, side in zip(heads, sides, strict=True):
        grid.add_column(head, justify="right" if side == "r" else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(_text(cell) if isinstance(cell, str) else cell for cell in row))
    print_table(grid)
    if more:
        console.print(more)


def _text(text: str, style: str = "") -> Text:
    """Return a text without markup: names can contain brackets, colons and control characters."""
    from rich.text import Text

    return Text(show_controls(text), style)


def _verdict(verdict: str) -> Text:
    return _text(verdict, _STYLES[verdict])


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _plain(value: float | None) -> str:
    return _figure(value, 1)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}%"


def _signed(value: float | None, share: bool) -> str:
    return "" if value is None else f"{100 * value if share else value:+.1f}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _range(row: Mapping[str, Any], name: str) -> str:
    if row[name] is None:
        return ""
    return f"{row[name]:.3f} ({row[f'{name}_lower']:.3f}–{row[f'{name}_upper']:.3f})"
