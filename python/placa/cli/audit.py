"""``placa audit``: audit a prepared data set for leakage, shortcuts and shift."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from placa.cli.terminal import print_json, print_line
from placa.core.arguments import add_json
from placa.core.language import number, translate, translate_message
from placa.core.progress import RichProgress

if TYPE_CHECKING:
    from placa.audit.against import SetOverlap

#: Maximum number of pairs that are printed; the file has all.
_ROWS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa audit``."""
    parser.add_argument("prepared", type=Path, metavar="PREPARED")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="OTHER",
        help="list the images that another prepared data set also has, instead of the audit",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    """Audit the data set and print the results."""
    if options.against is not None:
        from placa.workflows.audit import audit_against

        _print_overlap(*audit_against(options.prepared, options.against))
        return
    from placa.cli.show_audit import print_audit
    from placa.workflows.audit import audit_prepared

    audit = audit_prepared(options.prepared, RichProgress())
    if options.json:
        print_json(audit)
    else:
        print_audit(audit, options.lang)


def _print_overlap(overlap: SetOverlap, path: Path) -> None:
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
