"""Print what two data sets share."""

from __future__ import annotations

from pathlib import Path

from placa.audit.against import SetOverlap
from placa.core.text import show_controls

#: Maximum number of pairs that are printed; the file has all.
_ROWS = 10


def print_overlap(overlap: SetOverlap, path: Path) -> None:
    """Print the counts, the first pairs and the path of the complete list on stdout."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False)
    kinds = overlap.pairs["kind"].value_counts()
    if overlap.known:
        console.print(f"Known: {overlap.known}.")
    console.print(f"Identical images: {kinds.get('exact', 0):,}")
    rule = overlap.rule
    console.print(
        f"Near duplicates: {kinds.get('near', 0):,} (correlation above {rule['correlation']} at {rule['side']} pixels)"
    )
    console.print(f"Patients in both: {len(overlap.patients):,}")
    for row in overlap.pairs.head(_ROWS).itertuples():
        how = "identical" if row.kind == "exact" else f"{row.correlation:.3f}"
        names = f"{row.image_id} ({row.split})", f"{row.other_image_id} ({row.other_split})"
        console.print(f"  {show_controls(names[0])}  {show_controls(names[1])}  {how}")
    if len(overlap.pairs) > _ROWS:
        console.print(f"  and {len(overlap.pairs) - _ROWS:,} other pairs")
    console.print(f"All pairs: {show_controls(str(path))}")
