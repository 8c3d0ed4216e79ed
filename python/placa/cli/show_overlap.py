"""Print what two data sets share."""

from __future__ import annotations

from pathlib import Path

from placa.audit.against import SetOverlap
from placa.core.language import number, translate, translate_message
from placa.core.text import show_controls

#: Maximum number of pairs that are printed; the file has all.
_ROWS = 10


def print_overlap(overlap: SetOverlap, path: Path) -> None:
    """Print the counts, the first pairs and the path of the complete list on stdout."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False)
    kinds = overlap.pairs["kind"].value_counts()
    if overlap.known:
        console.print(translate("Known: {overlap}.", overlap=translate_message(overlap.known)))
    console.print(translate("Identical images: {n}", n=int(kinds.get("exact", 0))))
    rule = overlap.rule
    console.print(
        translate(
            "Near duplicates: {n} (correlation above {correlation} at {side} pixels)",
            n=int(kinds.get("near", 0)),
            correlation=number(rule["correlation"], 2),
            side=rule["side"],
        )
    )
    console.print(translate("Patients in both: {n}", n=len(overlap.patients)))
    for row in overlap.pairs.head(_ROWS).to_dict("records"):
        how = translate("identical") if row["kind"] == "exact" else number(row["correlation"], 3)
        names = [f"{row[of + 'image_id']} ({translate(row[of + 'split'])})" for of in ("", "other_")]
        console.print(f"  {show_controls(names[0])}  {show_controls(names[1])}  {how}")
    if len(overlap.pairs) > _ROWS:
        console.print(translate("  and {n} other pairs", n=len(overlap.pairs) - _ROWS))
    console.print(translate("All pairs: {path}", path=show_controls(str(path))))
