import numpy as np
import pandas as pd
import pytest

from placa.errors import PlacaError
from placa.splits import assert_disjoint, assign_splits


def _images(seed: int, groups: int = 300, prevalence: float = 0.3) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    # As in NIH's table: most patients have a few images, some have many.
    sizes = np.minimum(random.geometric(0.35, groups), 30)
    group = np.repeat([f"p{i}" for i in range(groups)], sizes)
    sick = np.repeat(random.random(groups) < prevalence, sizes)
    table = pd.DataFrame({"patient_id": group, "group_id": group, "Mass": sick.astype(int)})
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


@pytest.mark.parametrize("seed", range(8))
def test_no_group_is_cut_and_each_split_gets_its_share(seed: int) -> None:
    images = _images(seed)
    images["split"] = assign_splits(images, ["Mass"], seed)
    assert_disjoint(images)
    share = images["split"].value_counts(normalize=True)
    for name, wanted in (("train", 0.70), ("validation", 0.15), ("test", 0.15)):
        assert abs(share[name] - wanted) < 0.02
        rows = images[images["split"] == name]
        assert abs(rows["Mass"].mean() - images["Mass"].mean()) < 0.03


def test_the_seed_decides_and_the_order_of_rows_does_not_matter_for_disjointness() -> None:
    images = _images(1)
    assert assign_splits(images, ["Mass"], 4).equals(assign_splits(images, ["Mass"], 4))
    assert not assign_splits(images, ["Mass"], 4).equals(assign_splits(images, ["Mass"], 5))


def test_a_rare_finding_reaches_every_split() -> None:
    images = _images(2, groups=200, prevalence=0.0)
    images.loc[images["group_id"].isin([f"p{i}" for i in range(9)]), "Mass"] = 1
    images["split"] = assign_splits(images, ["Mass"], 0)
    assert (images.groupby("split")["Mass"].sum() > 0).all()


def test_unknown_labels_are_dealt_too() -> None:
    images = _images(3).astype({"Mass": "Int8"})
    images.loc[images.index[::3], "Mass"] = pd.NA
    assert assign_splits(images, ["Mass"], 0).isin(["train", "validation", "test"]).all()


@pytest.mark.parametrize("column", ["patient_id", "group_id"])
def test_a_straddling_patient_or_group_is_named(column: str) -> None:
    images = _images(0)
    images["split"] = assign_splits(images, ["Mass"], 0)
    other = "group_id" if column == "patient_id" else "patient_id"
    images[other] = [f"own-{i}" for i in range(len(images))]
    victim = images.loc[images["split"] == "train", column].iloc[0]
    images.loc[images.index[images["split"] == "test"][0], column] = victim
    with pytest.raises(PlacaError, match=f"'{victim}'.* is in test, train"):
        assert_disjoint(images)


def test_unknown_patients_are_not_one_patient() -> None:
    images = _images(0).assign(patient_id=pd.NA)
    images["split"] = assign_splits(images, ["Mass"], 0)
    assert_disjoint(images)


def test_a_row_without_a_split_is_refused() -> None:
    images = _images(0).assign(split="train")
    images.loc[3, "split"] = None
    with pytest.raises(PlacaError, match="one of the splits"):
        assert_disjoint(images)
