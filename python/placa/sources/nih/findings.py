"""Which of NIH's findings are told from what: the fourteen, one or several of them, any, or all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.errors import unknown_name
from placa.sources.errors import ConflictingOptionsError, PositiveNegativeOverlapError, RepeatedNameError
from placa.sources.source import NO_FINDING

#: The fourteen, as NIH spells them (Wang et al. 2017).
FOURTEEN = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pleural_Thickening",
    "Pneumonia",
    "Pneumothorax",
)
LABELS = (*FOURTEEN, NO_FINDING)
#: The one finding of ``--positive any``: diseased against healthy.
ANY = "Any Finding"
REST = "rest"


def canonical(name: str) -> str | None:
    """NIH's own spelling of a label: ``"pleural thickening"``, ``"Infiltrate"``; nothing for what is no label."""
    return _SPELLINGS.get(_bare(name))


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


# The list of lesion boxes writes Infiltrate for what the table calls Infiltration.
_SPELLINGS = {_bare(name): name for name in LABELS} | {"infiltrate": "Infiltration"}


@dataclass(frozen=True)
class Question:
    """What is told from what.

    Attributes:
        findings: The finding columns.
        negative: ``"No Finding"``, ``"rest"`` or another label.
        only: Whether an image must have a finding alone to be positive.
    """

    findings: tuple[str, ...]
    negative: str
    only: bool = False

    @property
    def positive(self) -> str:
        """What a positive image has, in words."""
        return ", ".join(self.findings) + (" only" if self.only else "")

    @property
    def comparison(self) -> str:
        """What it is told apart from, in words."""
        return "the rest" if self.negative == REST else self.negative

    def answer(self, labels: pd.DataFrame) -> pd.DataFrame:
        """Give every image its truth.

        Args:
            labels: One row an image, 1 or 0 for each of `LABELS` and for `ANY`.

        Returns:
            A column a finding: 1 where its label is named (with `only`, alone), 0 where the image is of the
            comparison and the label is not named, missing otherwise.
        """
        several = labels[list(FOURTEEN)].to_numpy().sum(axis=1) > 1
        truth = {}
        for finding in self.findings:
            named = labels[finding].to_numpy() == 1
            other: NDArray[np.bool_] = np.ones(len(labels), dtype=bool)
            if self.negative != REST:
                other = labels[self.negative].to_numpy() == 1
            column = np.where(named, 1.0, np.where(other, 0.0, np.nan))
            if self.only:
                column = np.where(named & several, np.nan, column)
            truth[finding] = pd.Series(column, index=labels.index).astype("Int8")
        return pd.DataFrame(truth, index=labels.index)


def ask(positive: str | Sequence[str], negative: str, only: bool = False) -> Question:
    """Understand what was asked for.

    Args:
        positive: One finding, several, ``"any"`` or ``"all"``.
        negative: ``"No Finding"``, ``"rest"`` or a finding.
        only: Whether positive images must have that finding alone.

    Raises:
        PlacaError: A finding is unknown or named twice, or is positive and negative at once.
    """
    words = [positive] if isinstance(positive, str) else list(positive)
    shorthand = {word.lower() for word in words} & {"any", "all"}
    if not words or (shorthand and len(words) > 1):
        raise ConflictingOptionsError(
            f"--positive wants findings, or any or all alone, and {' '.join(words) or 'nothing'} came.",
            option="--positive",
            names=words,
        )
    if "any" in shorthand:
        findings: tuple[str, ...] = (ANY,)
    elif "all" in shorthand:
        findings = FOURTEEN
    else:
        findings = tuple(_known(word, "any", "all") for word in words)
    twice = sorted({name for name in findings if findings.count(name) > 1})
    if twice:
        raise RepeatedNameError(
            f"--positive names {twice[0]!r} more than once: name each finding once.", option="--positive", name=twice[0]
        )
    against = REST if negative.lower() == REST else _known(negative, REST)
    if against in findings or (ANY in findings and against in FOURTEEN):
        raise PositiveNegativeOverlapError(
            f"--positive and --negative are both {against!r}: two different findings were expected."
            if against in findings
            else f"--positive any holds {against!r} too: --negative may be {NO_FINDING!r} or rest.",
            name=against,
        )
    return Question(findings, against, only)


def _known(word: str, *shorthands: str) -> str:
    name = canonical(word)
    if name is None:
        raise unknown_name("finding", word, [*LABELS, *shorthands])
    return name


def read_labels(text: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    """Read NIH's labels, ``"Mass|Effusion"``.

    Args:
        text: The cells.

    Returns:
        1 or 0 for each of `LABELS` and for `ANY`; and why a cell cannot be read, ``""`` where it can.
    """
    # A few hundred combinations make up 112,120 rows.
    codes, cells = pd.factorize(text)
    named = np.zeros((len(cells), len(LABELS) + 1), dtype=np.int8)
    reasons = np.full(len(cells), "", dtype=object)
    for row, cell in enumerate(cells):
        words = [word for word in str(cell).split("|") if word.strip()]
        names = [canonical(word) for word in words]
        if not words:
            reasons[row] = f"it has no label: NIH writes {NO_FINDING!r} where there is none"
        elif None in names:
            word = words[names.index(None)].strip()
            reasons[row] = f"its label {word!r} is none of NIH's fifteen: mend it"
        elif NO_FINDING in names and len(set(names)) > 1:
            reasons[row] = f"its labels {cell!r} contradict each other: take {NO_FINDING!r} or the findings away"
        else:
            named[row, [LABELS.index(str(name)) for name in names]] = 1
    named[:, -1] = named[:, : len(FOURTEEN)].any(axis=1)
    labels = pd.DataFrame(named[codes], columns=[*LABELS, ANY], index=text.index)
    return labels, pd.Series(reasons[codes], index=text.index, dtype=object)
