"""What placa says when it cannot go on, and who can mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PlacaError(Exception):
    """A problem that the person at the keyboard can mend.

    The message is one sentence, or two: what was expected, what came, what to do. The command line prints it on
    stderr with no traceback and exits with code 2.
    """


def unknown_name(kind: str, given: str, known: Iterable[str]) -> PlacaError:
    """Make the error for a name that is not among the known ones, the nearest of them first.

    Args:
        kind: What the name is of, in the singular: ``"finding"``, ``"class folder"``.
        given: The name that was typed.
        known: Every name that would have worked.
    """
    names = list(known)
    by_lower = {name.lower(): name for name in names}
    near = [by_lower[m] for m in difflib.get_close_matches(given.lower(), by_lower, n=max(len(names), 1), cutoff=0.0)]
    near += [name for name in names if name not in near]
    return PlacaError(f"There is no {kind} {given!r}; there are, the nearest first: {', '.join(near)}.")
