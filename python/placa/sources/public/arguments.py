"""The command line of a public set."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from placa.core.progress import Progress
from placa.sources.public.labels import BLANK_POLICIES, UNCERTAIN_POLICIES
from placa.sources.public.load import SPLITS, read_public
from placa.sources.public.records import PublicSet
from placa.sources.source import Source
from placa.sources.views import VIEWS_HELP


def functions_of(spec: PublicSet) -> tuple[Callable[..., None], Callable[..., Source], Callable[..., Source]]:
    """Return ``add_arguments`` and ``from_options`` of a set, and the function that reads it (see `read_public`)."""
    return partial(add_arguments, spec), partial(from_options, spec), partial(read_public, spec)


def add_arguments(spec: PublicSet, parser: argparse.ArgumentParser) -> None:
    """Add the options of a set to its ``placa prepare`` command."""
    add = parser.add_argument
    add("root", type=Path, metavar="ROOT", help=f"directory with {spec.layout}".replace("%", "%%"))
    add("--positive", required=True, nargs="+", metavar="FINDING", help="a finding; several findings; any; or all")
    add(
        "--negative",
        default=spec.negative,
        metavar="FINDING",
        help="the comparison: rest (images labelled without the finding), or a label (default: %(default)s)",
    )
    add("--only", action="store_true", help="positive images have no other finding")
    add(
        "--views",
        nargs="+",
        default=list(spec.views),
        metavar="VIEW",
        help=f"{VIEWS_HELP} (default: {' '.join(spec.views)})",
    )
    if spec.uncertain is not None:
        add(
            "--uncertain",
            choices=UNCERTAIN_POLICIES,
            default=spec.uncertain,
            help="truth of uncertain labels; drop leaves their images out (default: %(default)s)",
        )
    if spec.blank is not None:
        add(
            "--blank",
            choices=BLANK_POLICIES,
            default=spec.blank,
            help="truth of findings that the report does not mention (default: %(default)s)",
        )
    add(
        "--split",
        choices=SPLITS,
        default="auto",
        help="official, seeded (random, by patient), temporal (by date, if the set has dates), or auto (default)",
    )
    for choice in spec.choices:
        add(
            f"--{choice.name}",
            choices=choice.values,
            default=choice.values[0],
            help=f"{choice.help} (default: %(default)s)",
        )


def from_options(spec: PublicSet, options: argparse.Namespace, progress: Progress) -> Source:
    """Read the set that the command line names."""
    progress.say(f"reading the tables of {spec.title}")
    names = ("positive", "negative", "only", "views", "uncertain", "blank", "split", *spec.defaults)
    given: dict[str, Any] = {name: getattr(options, name, None) for name in names}
    return read_public(spec, options.root, progress=progress, **given)
