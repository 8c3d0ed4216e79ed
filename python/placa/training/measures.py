"""Measures against shortcuts: their names, and which of them the findings of an audit propose."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from placa.core.errors import unknown_name
from placa.models.standardise import Standardisation
from placa.records.audit import Audit

Measure: TypeAlias = Literal["grey", "border", "augment", "weights", "views"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
#: The measures against the shortcut of each probe that the audit calls strong. There is none against what a set records
#: about patients and equipment, such as the follow-up number.
PROPOSED: dict[str, tuple[Measure, ...]] = {
    "histogram": ("grey", "augment"),
    "frame": ("border", "augment"),
    "file": ("augment", "weights"),
    "dimensions": ("augment", "weights"),
    "thumbnail": ("grey", "augment"),
    "view_age_sex": ("views",),
    "site": ("views",),
}
#: Amounts of augmentation of the measure ``augment``, where no amount is given.
STRONG_CHANGES = {
    "zoom": 0.2,
    "brightness": 0.15,
    "contrast": 0.3,
    "gamma": 0.5,
    "field": 0.1,
    "blur": 0.012,
    "resolution": 0.5,
    "noise": 0.03,
    "frame": 0.1,
}


def measures_of(resist: str) -> tuple[Measure, ...]:
    """Return the measures in a value of the option ``resist``.

    Args:
        resist: Measures separated by commas or spaces; ``none``.

    Raises:
        UnknownNameError: A measure is unknown.
    """
    names = resist.replace(",", " ").split()
    if names in (["none"], []):
        return ()
    for name in names:
        if name not in MEASURES:
            raise unknown_name("measure of `resist`", name, ["auto", "none", *MEASURES])
    return tuple(name for name in MEASURES if name in names)


def proposed(audit: Audit) -> tuple[Measure, ...]:
    """Return the measures against the strong shortcuts of an audit."""
    strong = {probe["probe"] for probe in audit["shortcuts"]["probes"] if probe["verdict"] == "strong"}
    wanted = {measure for probe in strong for measure in PROPOSED.get(probe, ())}
    return tuple(name for name in MEASURES if name in wanted)


def standardisation(resist: str) -> Standardisation:
    """Return the standardisation inside the model of a value of ``resist``."""
    measures = measures_of(resist)
    return Standardisation(grey="grey" in measures, border="border" in measures)
