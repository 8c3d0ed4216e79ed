"""``placa audit``: audit a prepared data set for leakage, shortcuts and shift."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.core.arguments import add_json
from placa.core.progress import RichProgress


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
        from placa.cli.show_overlap import print_overlap
        from placa.workflows.audit import audit_against

        print_overlap(*audit_against(options.prepared, options.against))
        return
    from placa.cli.show_audit import print_audit
    from placa.cli.terminal import print_json
    from placa.workflows.audit import audit_prepared

    audit = audit_prepared(options.prepared, RichProgress())
    if options.json:
        print_json(audit)
    else:
        print_audit(audit, options.lang)
