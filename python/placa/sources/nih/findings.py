"""NIH's findings, and the definition of positive and comparison images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from placa.core.errors import unknown_name
from placa.core.text import as_list
from placa.sources.errors import PositiveNegativeOverlapError, RepeatedNameError
from placa.sources.source import ALL, ANY, ANY_FINDING, NO_FINDING, REST_WORD, keyword_of
from placa.sources.tables.cells import bare_name
from placa.sources.vocabulary import FINDINGS

#: The fourteen findings in NIH's spelling (Wang et al. 2017), in alphabetical order.
FOURTEEN = tuple(finding.name for finding in FINDINGS if "nih" in finding.labels and finding.name != NO_FINDING)
LABELS = (*FOURTEEN, NO_FINDING)


def canonical(name: str) -> str | None:
    """Return NIH's spelling of a label (``"pleural thickening"``, ``"Infiltrate"``), or None."""
    return _SPELLINGS.get(bare_name(name))


# NIH's list of lesion boxes writes Infiltrate, the table Infiltration.
_SPELLINGS = {bare_name(name): name for name in LABELS} | {"infiltrate": "Infiltration"}


def truth_of(labels: pd.DataFrame, findings: Sequence[str], negative: str, only: bool) -> pd.DataFrame:
    """Return the truth of every image.

    Args:
        labels: One row per image, 1 or 0 for each of `LABELS` and for `ANY_FINDING`.
        findings: The findings.
        negative: The comparison: `REST_WORD` or another label.
        only: Whether a positive image must have no other finding.

    Returns:
        One column per finding: 1 where the image has the finding (with `only`, no other), 0 where it belongs to the
        comparison and does not have the finding, missing otherwise.
    """
    several = labels[list(FOURTEEN)].sum(axis=1) > 1
    compared = pd.Series(True, labels.index) if negative == REST_WORD else labels[negative] == 1
    truth = {}
    for finding in findings:
        named = labels[finding] == 1
        values = pd.Series(pd.NA, labels.index, dtype="Int8").mask(compared, 0).mask(named, 1)
        truth[finding] = values.mask(named & several) if only else values
    return pd.DataFrame(truth, index=labels.index)


def define_classes(positive: str | Sequence[str], negative: str) -> tuple[list[str], str]:
    """Define positive and comparison images from names.

    Args:
        positive: One finding, several, ``"any"`` or ``"all"``.
        negative: ``"No Finding"``, ``"rest"`` or a finding.

    Returns:
        The findings and the comparison, in NIH's spelling.

    Raises:
        UnknownNameError: A finding is unknown.
        ConflictingOptionsError: ``"any"`` or ``"all"`` is combined with other names.
        RepeatedNameError: A finding is named twice.
        PositiveNegativeOverlapError: A finding is positive and negative.
    """
    names = as_list(positive)
    keyword = keyword_of(names)
    if keyword == ANY:
        findings = [ANY_FINDING]
    elif keyword == ALL:
        findings = list(FOURTEEN)
    else:
        findings = [_known(word, ANY, ALL) for word in names]
    repeated = sorted({name for name in findings if findings.count(name) > 1})
    if repeated:
        raise RepeatedNameError(
            f"--positive names {repeated[0]!r} more than once. Name each finding once.",
            option="--positive",
            name=repeated[0],
        )
    comparison = REST_WORD if negative.lower() == REST_WORD else _known(negative, REST_WORD)
    if comparison in findings or (keyword == ANY and comparison in FOURTEEN):
        raise PositiveNegativeOverlapError(
            f"--positive and --negative are both {comparison!r}. Name two different findings."
            if comparison in findings
            else f"--positive any includes {comparison!r}. Use --negative '{NO_FINDING}' or rest.",
            name=comparison,
        )
    return findings, comparison


def _known(word: str, *keywords: str) -> str:
    name = canonical(word)
    if name is None:
        raise unknown_name("finding", word, [*LABELS, *keywords])
    return name


def read_labels(text: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    """Parse NIH's labels, ``"Mass|Effusion"``.

    Args:
        text: The cells.

    Returns:
        1 or 0 for each of `LABELS` and for `ANY_FINDING`; and the reason why a cell cannot be parsed, ``""`` if it can.
    """
    # The 112,120 rows have a few hundred distinct combinations.
    codes, cells = pd.factorize(text)
    named = np.zeros((len(cells), len(LABELS) + 1), dtype=np.int8)
    reasons = np.full(len(cells), "", dtype=object)
    for row, cell in enumerate(cells):
        parts = [part for part in str(cell).split("|") if part.strip()]
        names = [canonical(part) for part in parts]
        if not parts:
            reasons[row] = f"it has no label: NIH writes {NO_FINDING!r} for an image without findings"
        elif None in names:
            part = parts[names.index(None)].strip()
            reasons[row] = f"its label {part!r} is not one of the fifteen labels of NIH: correct it"
        elif NO_FINDING in names and len(set(names)) > 1:
            reasons[row] = f"its labels {cell!r} contradict each other: remove {NO_FINDING!r} or the findings"
        else:
            named[row, [LABELS.index(str(name)) for name in names]] = 1
    named[:, -1] = named[:, : len(FOURTEEN)].any(axis=1)
    labels = pd.DataFrame(named[codes], columns=[*LABELS, ANY_FINDING], index=text.index)
    return labels, pd.Series(reasons[codes], index=text.index, dtype=object)
