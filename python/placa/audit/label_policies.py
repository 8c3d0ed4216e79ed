"""Count the labels of a source under each policy for uncertain labels and for findings that are not mentioned."""

from __future__ import annotations

from itertools import product

from placa.records.audit import PolicyCounts
from placa.records.source import LabelPolicy

_UNCERTAIN, _BLANK = ("negative", "positive", "unknown", "drop"), ("negative", "unknown")


def count_policies(policy: LabelPolicy) -> list[PolicyCounts]:
    """Return one row per finding and policy, from the labels as written."""
    return [
        {
            "finding": written["finding"],
            "uncertain": uncertain,
            "blank": blank,
            "positive": written["positive"] + written["uncertain"] * (uncertain == "positive"),
            "negative": written["negative"]
            + written["uncertain"] * (uncertain == "negative")
            + written["blank"] * (blank == "negative"),
            "unknown": written["unknown"]
            + written["uncertain"] * (uncertain in ("unknown", "drop"))
            + written["blank"] * (blank == "unknown"),
            "used": (uncertain, blank) == (policy["uncertain"], policy["blank"]),
        }
        for written in policy["written"]
        for uncertain, blank in product(
            _UNCERTAIN if policy["uncertain"] else (None,), _BLANK if policy["blank"] else (None,)
        )
    ]
