"""Split a data set by patient, and check that no patient is in two splits."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.dataset.errors import (
    EmptySplitError,
    EmptyTestSetError,
    NoTrainingImagesError,
    SplitClassError,
    SplitSharesError,
    UnknownSplitError,
    in_two_splits,
)
from placa.records.codes import Note
from placa.records.manifest import SPLITS
from placa.records.source import GivenSplit, SplitFacts

#: Default shares of train, validation and test.
FRACTIONS = (0.70, 0.15, 0.15)


@dataclass(frozen=True)
class SplitPlan:
    """Parameters of a split.

    Attributes:
        seed: Seed of the random assignment.
        fractions: Target shares of the images in train, validation and test; they sum to 1, or to 100. Shares of
            0, 0 and 1 make every image a test image, for an external validation.
        test_list: A file with the test images or patients, one per line; all other images are assigned to training and
            validation. It overrides the split of the source.
    """

    seed: int = 0
    fractions: tuple[float, float, float] = FRACTIONS
    test_list: Path | None = None

    def __post_init__(self) -> None:
        given = " ".join(f"{share:g}" for share in self.fractions)
        if not self.all_test and not min(self.fractions) > 0:
            message = f"Shares must be above 0, got {given}. Pass shares such as 70 15 15, or 0 0 1 to validate."
            raise SplitSharesError(message, fractions=list(self.fractions))
        # Thirds are written as 33 33 33, and 0.33 0.33 0.33.
        if not self.all_test and not any(abs(sum(self.fractions) - whole) <= whole / 50 for whole in (1, 100)):
            message = f"The shares of the splits must add up to 1 or 100, got {given}. Pass shares such as 70 15 15."
            raise SplitSharesError(message, fractions=list(self.fractions))

    @property
    def all_test(self) -> bool:
        """Whether every image is a test image."""
        return self.fractions[0] == self.fractions[1] == 0 < self.fractions[2]


@dataclass(frozen=True)
class SplitMethod:
    """Description of how a data set was split.

    Attributes:
        facts: For ``source.json``.
        notes: Messages for the user.
    """

    facts: SplitFacts
    notes: list[Note]


def split_images(
    manifest: pd.DataFrame,
    findings: list[str],
    plan: SplitPlan,
    given: GivenSplit | None,
    unit: Literal["patient", "group"] = "patient",
) -> tuple[pd.Series, SplitMethod]:
    """Assign every image to a split: by the test list or the manifest's ``split`` column, otherwise at random.

    Args:
        manifest: A complete manifest. Images without ``split``, and all training images if no image is in validation,
            are assigned to training and validation at random.
        findings: The finding columns of `manifest`.
        plan: Parameters of the split.
        given: Origin of the ``split`` column.
        unit: The unit of the random assignment.

    Returns:
        The split of every row, and its description.

    Raises:
        EmptyTestSetError: The test list matches no image.
        NoTrainingImagesError: The test list matches every image.
    """
    split = manifest["split"].copy()
    notes: list[Note] = []
    if plan.all_test:
        facts: SplitFacts = {"given": None, "unit": None, "seed": plan.seed, "fractions": [0.0, 0.0, 1.0]}
        return pd.Series("test", index=manifest.index, dtype="string"), SplitMethod(facts, notes)
    if plan.test_list is not None:
        split, notes = _by_list(manifest, plan.test_list)
        given = {"by": "list", "name": plan.test_list.name}
    facts = {
        "given": given,
        "unit": unit,
        "seed": plan.seed,
        "fractions": [round(share / sum(plan.fractions), 6) for share in plan.fractions],
    }
    if split.isna().all():
        split = assign_splits(manifest, findings, plan.seed, plan.fractions)
        return split, SplitMethod({**facts, "given": None}, notes)
    if not (split == "validation").any():
        split = split.mask(split == "train")
    open_rows = split.isna()
    if open_rows.any():
        names = SPLITS[:2]
        split[open_rows] = assign_splits(manifest[open_rows], findings, plan.seed, plan.fractions[:2], names)
    else:
        facts["unit"] = None
    return split, SplitMethod(facts, notes)


def _by_list(manifest: pd.DataFrame, path: Path) -> tuple[pd.Series, list[Note]]:
    from placa.sources.tables import read_list

    wanted = set(read_list(path))
    names = [manifest["image_id"], manifest["path"].map(lambda file: Path(file).name), manifest["patient_id"]]
    test = pd.concat([column.isin(wanted) for column in names], axis=1).any(axis=1)
    if not test.any():
        # The list may have paths, other endings, or another case and Unicode form.
        bare_names = manifest["path"].map(_bare_file)
        bare_wanted = {_bare_file(name) for name in wanted}
        if not bare_names[bare_names.isin(bare_wanted)].duplicated().any():
            wanted, names = bare_wanted, [bare_names]
            test = bare_names.isin(wanted)
    if not test.any():
        raise EmptyTestSetError(
            f"{path} matches none of the {len(manifest):,} images. List image IDs, file names or patients, one per "
            f"line, such as {manifest['image_id'].iloc[0]!r}.",
            file=str(path),
            images=len(manifest),
        )
    if test.all():
        message = f"{path} matches all {len(manifest):,} images, so none is left for training. List fewer images."
        raise NoTrainingImagesError(message, file=str(path), images=len(manifest))
    known = set().union(*(column.dropna() for column in names))
    absent = len(wanted - known)
    split = pd.Series(pd.NA, index=manifest.index, dtype="string").mask(test, "test")
    text = f"{absent:,} lines of {path.name} match no image of this data set"
    return split, [Note(text, "list_lines_without_image", lines=absent, file=path.name)] if absent else []


def _bare_file(name: str) -> str:
    """Return a file's name without folders and ending, in lower case and Unicode normal form."""
    last = unicodedata.normalize("NFC", name.replace("\\", "/").rstrip("/").split("/")[-1]).casefold()
    return re.sub(r"(?<=.)\.[a-z][a-z0-9]{1,4}$", "", last)


def assign_splits(
    manifest: pd.DataFrame,
    findings: list[str],
    seed: int = 0,
    fractions: tuple[float, ...] = FRACTIONS,
    names: tuple[str, ...] = SPLITS,
) -> pd.Series:
    """Assign groups to splits, so that each split gets its share of the images, the groups and every finding.

    Groups are assigned one by one in random order, in which larger groups tend to be early. Each goes to the split
    whose target counts it fits best: a greedy form of iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011)
    over groups.

    Args:
        manifest: Rows with ``group_id`` and the finding columns.
        findings: Columns to stratify by; missing values count as a class of their own.
        seed: Seed of the random order.
        fractions: Target share of the images for each of `names`; they are scaled to sum to 1.
        names: The splits.

    Returns:
        The split of every row, in the order of `manifest`.
    """
    share = np.asarray(fractions) / sum(fractions)
    strata: list[NDArray[np.floating[Any]]] = [np.ones(len(manifest))]
    for finding in findings:
        label = manifest[finding]
        strata += [(label == value).fillna(False).astype(float).to_numpy() for value in (1, 0)]
    codes, groups = pd.factorize(manifest["group_id"])
    counts = np.stack([np.bincount(codes, column) for column in strata], axis=1)
    # The number of groups is balanced too; otherwise small groups, assigned last, accumulate in the small splits.
    counts = np.column_stack([counts, np.ones(len(groups))])
    totals = np.maximum(counts.sum(axis=0), 1.0)
    relative = counts / totals
    # Large groups tend to be first, because small ones can still balance the counts. The order is partly random,
    # because otherwise a few groups of different sizes are assigned alike for every seed.
    random = np.random.default_rng(seed)
    order = np.argsort(-counts[:, 0] * random.uniform(0.5, 1.5, len(groups)))
    assigned = np.zeros((len(names), counts.shape[1]))
    wanted = share[:, None]
    chosen = np.empty(len(groups), dtype=int)
    for group in order:
        # Decrease of the sum of squared distances, relative to the size of each split, if the group is assigned to it.
        lack = wanted - assigned
        gain = ((lack**2 - (lack - relative[group]) ** 2) / wanted).sum(axis=1)
        chosen[group] = int(np.argmax(gain))
        assigned[chosen[group]] += relative[group]
    return pd.Series(np.array(names)[chosen[codes]], index=manifest.index, dtype="string")


def require_usable_splits(manifest: pd.DataFrame, findings: list[str], unit: Literal["patient", "group"]) -> None:
    """Check that a model can be trained and evaluated on the splits.

    A data set that is all test needs no other split.

    Args:
        manifest: Rows with ``split``, ``group_id`` and the finding columns.
        findings: The finding columns.
        unit: What a group is, for messages.

    Raises:
        EmptySplitError: A split has no image.
        SplitClassError: No finding has both labels in the validation or test set, or one lacks a label in training.
    """
    if (manifest["split"] == "test").all():
        return
    empty = [name for name in SPLITS if not (manifest["split"] == name).any()]
    units = manifest["group_id"].nunique()
    remedy = (
        "Prepare more images, use another --seed, or use another split (--split or --split-column none for one by "
        f"{unit}, --test-list FILE for your own)."
    )
    if empty:
        message = f"No image is in the {' or '.join(empty)} set; all images are of {units:,} {unit}s. {remedy}"
        raise EmptySplitError(message, splits=empty, unit=unit, units=units)
    for name in SPLITS:
        rows = manifest[manifest["split"] == name]
        lacking = {
            finding: value
            for finding in findings
            for value in (0, 1)
            if not (rows[finding] == value).fillna(False).any()
        }
        if lacking and (name == "train" or len(lacking) == len(findings)):
            finding, value = next(iter(lacking.items()))
            kind = "positive" if value else "negative"
            message = f"The {name} set has no image that is {kind} for {finding}, among {len(rows):,} images. {remedy}"
            raise SplitClassError(message, split=name, finding=finding, missing=value, images=len(rows))


def divide_groups(images: pd.DataFrame) -> tuple[pd.Series, int]:
    """Divide groups of similar images that are in several given splits.

    Args:
        images: Rows with ``group_id`` and ``split``.

    Returns:
        A group per row, which is in one split; and the number of groups that were divided.
    """
    splits = images.groupby("group_id")["split"].nunique()
    divided = images["group_id"].isin(splits.index[splits > 1])
    groups = images["group_id"].mask(divided, images["group_id"] + "-" + images["split"].astype(str))
    return groups, int((splits > 1).sum())


def assert_disjoint(manifest: pd.DataFrame) -> None:
    """Check that no patient and no group is in more than one split.

    Args:
        manifest: Rows with ``patient_id``, ``group_id`` and ``split``; missing IDs are not compared.

    Raises:
        UnknownSplitError: A row has no split, or an unknown one.
        PatientInTwoSplitsError: A patient or group is in more than one split.
    """
    odd = sorted(set(manifest["split"].fillna("none")) - set(SPLITS))
    if odd:
        message = f"`split` must be one of {', '.join(SPLITS)}, got {odd[0]!r}. Run placa prepare again."
        raise UnknownSplitError(message, split=odd[0], known=list(SPLITS))
    for column, noun in (("patient_id", "patient"), ("group_id", "group")):
        known = manifest.loc[manifest[column].notna(), [column, "split"]].drop_duplicates()
        straddling = known[column][known[column].duplicated()].unique()
        if len(straddling):
            splits = sorted(known.loc[known[column] == straddling[0], "split"])
            raise in_two_splits(noun, list(straddling), splits, "Run placa prepare again.")
