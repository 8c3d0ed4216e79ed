"""Find leakage from training to test: patients, duplicates, and file names that contain the label."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.audit.names import predictive_names, without_names
from placa.audit.verdicts import leakage_verdict
from placa.dataset.groups.likeness import DuplicatePairs
from placa.records.audit import Duplicates, GroupRules, Leakage, NearDuplicates

#: Share of test images in the hypothetical splits by image, and their number.
IMAGE_WISE_TEST = 0.2
IMAGE_WISE_DRAWS = 100
EXAMPLES = 10


def find_leakage(
    manifest: pd.DataFrame,
    findings: list[str],
    pairs: DuplicatePairs | None,
    seed: int,
    grouping: GroupRules,
    by_construction: bool,
    private_paths: bool = False,
) -> Leakage:
    """Find what training and test have in common.

    Args:
        manifest: A complete manifest with its splits.
        findings: The finding columns of `manifest`.
        pairs: Exact and near duplicates among the images; None without pixels.
        seed: Seed of the hypothetical splits by image.
        grouping: The rules that joined images to groups.
        by_construction: Whether the labels are the folder names.
        private_paths: Whether paths may name patients, so that only the parts that ``image_id`` has are stored.

    Returns:
        ``leakage`` of audit.json.
    """
    groups = pd.factorize(manifest["group_id"])[0].astype(np.int64)
    examined, telling = predictive_names(manifest["path"].astype(str).tolist(), manifest[findings], groups)
    if private_paths:
        telling = without_names(telling, manifest["image_id"].astype(str).tolist())
    # If the labels are the folder names, names with labels are expected, and models do not see names.
    unexpected = [] if by_construction else telling
    straddling = {column: _straddling(manifest, f"{column}_id") for column in ("patient", "group")}
    exact, near, duplicated = _describe_pairs(manifest, pairs)
    sizes = np.bincount(groups)
    image_wise = image_wise_leaks(manifest["group_id"], seed)
    return {
        "verdict": leakage_verdict(
            sum(straddling.values()), duplicated, len(unexpected), bool((manifest["split"] == "train").any())
        ),
        "patients_across_splits": straddling["patient"],
        "groups_across_splits": straddling["group"],
        "image_wise_split_would_leak": round(float(image_wise.mean()), 6),
        "image_wise_lowest": round(float(image_wise.min()), 6),
        "image_wise_highest": round(float(image_wise.max()), 6),
        "image_wise_draws": len(image_wise),
        "test_images_duplicated": round(duplicated, 6),
        "exact_duplicates": exact,
        "near_duplicates": near,
        "names": {"examined": examined, "telling": telling, "by_construction": by_construction},
        "grouping": {
            **grouping,
            "groups": len(sizes),
            "largest": int(sizes.max(initial=0)),
            "largest_share": round(float(sizes.max(initial=0) / max(len(manifest), 1)), 6),
        },
    }


def _straddling(manifest: pd.DataFrame, column: str) -> int:
    return int((manifest.dropna(subset=[column]).groupby(column)["split"].nunique() > 1).sum())


def image_wise_leaks(group_id: pd.Series, seed: int, draws: int = IMAGE_WISE_DRAWS) -> NDArray[np.float64]:
    """Draw random 80/20 splits by image; return the shares of test images whose group is also in training.

    Args:
        group_id: The patient or group of each image, shape ``(n,)``.
        seed: Seed of the splits.
        draws: Number of splits.

    Returns:
        Shares, 0 to 1, shape ``(draws,)``.
    """
    codes = pd.factorize(group_id)[0]
    random = np.random.default_rng(seed)
    shares = np.zeros(draws)
    for draw in range(draws):
        test = random.random(len(codes)) < IMAGE_WISE_TEST
        if test.any():
            trained = np.bincount(codes[~test], minlength=codes.max() + 1) > 0
            shares[draw] = trained[codes[test]].mean()
    return shares


def _describe_pairs(manifest: pd.DataFrame, pairs: DuplicatePairs | None) -> tuple[Duplicates, NearDuplicates, float]:
    if pairs is None:
        unknown: Duplicates = {"pairs": None, "across_splits": None, "examples": []}
        return unknown, {"rule": None, **unknown}, 0.0
    split = manifest["split"].to_numpy(dtype=object)
    ids = manifest["image_id"].astype(str).to_numpy(dtype=object)
    described: list[Duplicates] = []
    for found, correlation in ((pairs.exact, None), (pairs.near, pairs.correlation)):
        across = split[found[:, 0]] != split[found[:, 1]]
        # Pairs across splits are listed first.
        shown = np.argsort(~across, kind="stable")[:EXAMPLES]
        examples: list[list[str | float]] = [[ids[one], ids[other]] for one, other in found[shown]]
        if correlation is not None:
            for example, value in zip(examples, correlation[shown], strict=True):
                example.append(round(float(value), 4))
        described.append({"pairs": len(found), "across_splits": int(across.sum()), "examples": examples})
    return described[0], {"rule": pairs.rule, **described[1]}, _share_duplicated(split == "test", pairs)


def _share_duplicated(test: NDArray[np.bool_], pairs: DuplicatePairs) -> float:
    """Return the share of test images, 0 to 1, with a duplicate in training or validation."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not test.any():
        return 0.0
    # Copies are listed only as pairs with the first one, so duplicates of duplicates are joined.
    one, other = np.concatenate([pairs.exact, pairs.near]).T
    joined = coo_matrix((np.ones(len(one), dtype=bool), (one, other)), shape=(len(test), len(test)))
    codes = connected_components(joined, directed=False)[1]
    seen = np.bincount(codes, ~test) > 0
    return float(seen[codes[test]].mean())
