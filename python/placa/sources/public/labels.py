"""Label policies, and the truth that a comparison defines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from placa.sources.public.records import BLANK, NEGATIVE, POSITIVE, UNCERTAIN, UNKNOWN

#: Meaning of ``--uncertain``: the truth of an uncertain label; ``drop`` leaves the image out.
UNCERTAIN_POLICIES = ("negative", "positive", "unknown", "drop")
#: Meaning of ``--blank``: the truth of a finding that the report does not mention.
BLANK_POLICIES = ("negative", "unknown")
_TRUTH = {"negative": 0, "positive": 1, "unknown": pd.NA, "drop": pd.NA, None: pd.NA}


def combine(codes: pd.DataFrame) -> pd.Series:
    """Combine labels that mean one finding: positive where one is, then uncertain, then unknown, then not mentioned."""
    if codes.shape[1] == 1:
        return codes.iloc[:, 0]
    values = codes.to_numpy()
    combined = np.full(len(codes), NEGATIVE, dtype=np.int8)
    for code in (BLANK, UNKNOWN, UNCERTAIN, POSITIVE):
        combined[(values == code).any(axis=1)] = code
    return pd.Series(combined, index=codes.index)


def apply_policies(codes: pd.Series, uncertain: str | None, blank: str | None) -> pd.Series:
    """Return the truth of a label, 1, 0 or missing, under two policies."""
    values = {
        POSITIVE: 1,
        NEGATIVE: 0,
        UNCERTAIN: _TRUTH[uncertain],
        BLANK: _TRUTH[blank],
        UNKNOWN: pd.NA,
    }
    return codes.map(values).astype("Int8")


def truth_against(codes: pd.Series, truth: pd.Series, comparison: pd.Series) -> pd.Series:
    """Keep positive images, and those of a comparison class as negative ones; all others become missing.

    Args:
        codes: The label as written.
        truth: The label under the policies.
        comparison: Whether the comparison class is present.
    """
    absent = comparison & codes.isin([NEGATIVE, BLANK])
    result = truth.where(truth == 1)
    return result.mask(absent.fillna(False) & ~(truth == 1).fillna(False), 0).astype("Int8")


def written_counts(codes: pd.Series) -> dict[str, int]:
    """Count the values of a label as written."""
    found = codes.value_counts()
    names = {"positive": POSITIVE, "negative": NEGATIVE, "uncertain": UNCERTAIN, "blank": BLANK, "unknown": UNKNOWN}
    return {name: int(found.get(code, 0)) for name, code in names.items()}


def read_codes(cells: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Parse cells of 1, 0, -1 and blank.

    Returns:
        The codes, and for each row the first cell that is none of them, ``""`` if there is none.
    """
    values = {"1": POSITIVE, "0": NEGATIVE, "-1": UNCERTAIN, "": BLANK}
    codes = pd.DataFrame(index=cells.index)
    invalid = pd.Series("", index=cells.index, dtype=object)
    for name in cells:
        numbers, words = pd.factorize(cells[name])
        plain = pd.Series(words).astype(str).str.replace(r"^([+-]?[01])[.,]0*$", r"\1", regex=True)
        known = plain.map(values)
        invalid = invalid.where(known.notna().to_numpy()[numbers] | (invalid != ""), cells[name])
        codes[name] = known.fillna(UNKNOWN).astype(np.int8).to_numpy()[numbers]
    return codes, invalid


def from_lists(entries: Sequence[Sequence[str]], numbers: np.ndarray, index: pd.Index) -> pd.DataFrame:
    """Return 1 or 0 for each label that lists name.

    Args:
        entries: The labels of each distinct cell.
        numbers: The distinct cell of each row.
        index: The index of the result.
    """
    names = list(dict.fromkeys(name for listed in entries for name in listed))
    column = {name: position for position, name in enumerate(names)}
    named = np.zeros((len(entries), len(names)), dtype=np.int8)
    for row, listed in enumerate(entries):
        named[row, [column[name] for name in listed]] = 1
    return pd.DataFrame(named[numbers], columns=names, index=index)
