"""Select images by view."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from placa.sources.tables.words import shown_counts

#: Values of ``--views`` that are no views themselves.
FRONTAL, ALL = "FRONTAL", "ALL"
_FRONTALS = frozenset({"PA", "AP", FRONTAL, "AP_HORIZONTAL", "AP SUPINE", "AP ERECT"})
VIEWS_HELP = "views to use: frontal (PA, AP), PA, AP, lateral, or all"


def is_view(view: pd.Series, wanted: Sequence[str]) -> pd.Series:
    """Return whether each view is one of those wanted.

    Args:
        view: ``PA``, ``AP``, ``LATERAL`` or others in capital letters; missing if unknown.
        wanted: Views in any case; ``frontal`` includes PA and AP, ``all`` everything. Images of unknown view are
            included by ``all``, and by all others if no view is known.
    """
    names = view_names(wanted)
    if not names or not view.notna().any():
        return pd.Series(True, index=view.index)
    return view.fillna("").isin(names).astype(bool)


def view_names(wanted: Sequence[str]) -> set[str]:
    """Return the views that ``--views`` means, in capital letters; none for all."""
    names = {name.upper() for name in wanted}
    if ALL in names:
        return set()
    return names | _FRONTALS if FRONTAL in names else names


def shown_views(view: pd.Series) -> str:
    """Return the views with their counts, for messages."""
    return shown_counts({str(name): int(n) for name, n in view.fillna("unknown").value_counts().items()})
