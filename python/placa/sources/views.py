"""Select images by view."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from placa.core.errors import unknown_name
from placa.records.codes import Note
from placa.sources.errors import ViewsUnknownError
from placa.sources.tables.words import shown_counts

#: Values of ``--views`` that are no views themselves.
FRONTAL, ALL = "FRONTAL", "ALL"
_FRONTALS = frozenset({"PA", "AP", FRONTAL, "AP_HORIZONTAL", "AP SUPINE", "AP ERECT"})
VIEWS_HELP = "views to use: frontal (PA, AP), PA, AP, lateral, or all"


def select_views(view: pd.Series | None, wanted: Sequence[str], index: pd.Index, notes: list[Note]) -> pd.Series:
    """Return whether the view of each image is one of those wanted.

    Args:
        view: ``PA``, ``AP``, ``LATERAL`` or others in capital letters, missing if unknown; None if no view is known.
        wanted: Views in any case; ``frontal`` includes PA and AP, ``all`` every image, also of unknown view.
        index: The images; `view` has their rows, and perhaps more.
        notes: Receives a remark with the views that are not used.

    Raises:
        ViewsUnknownError: No view is known.
        UnknownNameError: No image has one of the views.
    """
    names = view_names(wanted)
    if not names:
        return pd.Series(True, index=index)
    option = f"--views {' '.join(wanted)}"
    view = view if view is None else view[index]
    if view is None or not view.notna().any():
        raise ViewsUnknownError(
            f"{option} cannot be used, because the view of no image is known. Use --views all.", views=list(wanted)
        )
    selected = view.fillna("").isin(names).astype(bool)
    if not selected.any():
        raise unknown_name("view", " ".join(wanted), [*sorted(view.dropna().unique()), ALL.lower()])
    if not selected.all():
        unused = view[~selected].fillna("unknown").value_counts()
        text = f"views that are not used ({option}): {shown_counts({str(name): int(n) for name, n in unused.items()})}"
        notes.append(Note(text, "views_not_used", images=int((~selected).sum())))
    return selected


def view_names(wanted: Sequence[str]) -> set[str]:
    """Return the views that ``--views`` means, in capital letters; none for all."""
    names = {name.upper() for name in wanted}
    if ALL in names:
        return set()
    return names | _FRONTALS if FRONTAL in names else names
