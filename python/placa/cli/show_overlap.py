"""Print what two data sets share."""

from __future__ import annotations

from pathlib import Path

from placa.audit.against import SetOverlap
from placa.cli.terminal import print_line
from placa.core.language import number, translate, translate_message

#: Maximum number of pairs that are printed; the file has all.
_ROWS = 10


def print_overlap(overlap: SetOverlap, path: Path) -> None:
    """Print the counts, the first pairs and the path of the complete list on stdout."""
    kinds = overlap.pairs["kind"].value_counts()
    if overlap.known:
        print_line(translate("Known: {overlap}.", overlap=translate_message(overlap.known)))
    print_line(translate("Identical images: {n}", n=int(kinds.get("exact", 0))))
    rule = overlap.rule
    print_line(
        translate(
            "Near duplicates: {n} (correlation above {correlation} at {side} pixels)",
            n=int(kinds.get("near", 0)),
            correlation=number(rule["correlation"], 2),
            side=rule["side"],
        )
    )
    print_line(translate("Patients in both: {n}", n=len(overlap.patients)))
    for row in overlap.pairs.head(_ROWS).to_dict("records"):
        how = translate("identical") if row["kind"] == "exact" else number(row["correlation"], 3)
        names = [f"{row[of + 'image_id']} ({translate(row[of + 'split'])})" for of in ("", "other_")]
        print_line(f"  {names[0]}  {names[1]}  {how}")
    if len(overlap.pairs) > _ROWS:
        print_line(translate("  and {n} other pairs", n=len(overlap.pairs) - _ROWS))
    print_line(translate("All pairs: {path}", path=path))
