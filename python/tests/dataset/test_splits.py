from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from raising import raises

from placa.dataset.errors import (
    EmptySplitError,
    EmptyTestSetError,
    NoTrainingImagesError,
    PatientInTwoSplitsError,
    SplitClassError,
    SplitSharesError,
    UnknownSplitError,
)
from placa.dataset.splits import (
    SplitPlan,
    assert_disjoint,
    assign_splits,
    divide_groups,
    require_usable_splits,
    split_images,
)
from placa.records.manifest import SPLITS, complete
from placa.records.source import GivenSplit

COLUMN: GivenSplit = {"by": "column", "name": "fold"}


def _images(seed: int, groups: int = 300, prevalence: float = 0.3) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    # As in the table of NIH, most patients have few images and some have many.
    sizes = np.minimum(random.geometric(0.35, groups), 30)
    group = np.repeat([f"p{i}" for i in range(groups)], sizes)
    sick = np.repeat(random.random(groups) < prevalence, sizes)
    table = pd.DataFrame({"patient_id": group, "group_id": group, "Mass": sick.astype(int)})
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


def _manifest(seed: int) -> pd.DataFrame:
    images = _images(seed)
    names = [f"i{number}" for number in images.index]
    return complete(images.assign(image_id=names, path=[f"/films/{name}.png" for name in names]), ["Mass"])


@pytest.mark.parametrize("seed", range(8))
def test_groups_are_not_divided_and_splits_have_their_shares(seed: int) -> None:
    images = _images(seed)
    images["split"] = assign_splits(images, ["Mass"], seed)
    assert_disjoint(images)
    share = images["split"].value_counts(normalize=True)
    for name, wanted in (("train", 0.70), ("validation", 0.15), ("test", 0.15)):
        assert abs(share[name] - wanted) < 0.02
        rows = images[images["split"] == name]
        assert abs(rows["Mass"].mean() - images["Mass"].mean()) < 0.03


def test_splits_depend_on_the_seed_and_are_disjoint_in_any_row_order() -> None:
    images = _images(1)
    assert assign_splits(images, ["Mass"], 4).equals(assign_splits(images, ["Mass"], 4))
    assert not assign_splits(images, ["Mass"], 4).equals(assign_splits(images, ["Mass"], 5))


def test_few_groups_of_different_sizes_are_assigned_differently_for_each_seed() -> None:
    sizes = np.arange(3, 33)
    images = pd.DataFrame({"group_id": np.repeat([f"g{i}" for i in sizes], sizes), "Mass": 1})
    tests = [frozenset(images["group_id"][assign_splits(images, ["Mass"], seed) == "test"]) for seed in range(10)]
    assert len(set(tests)) == 10
    held = [images["group_id"].value_counts()[list(test)] for test in tests]
    assert 12 < np.mean([sizes.mean() for sizes in held]) < 23, "small groups are not concentrated in the test set"


def test_a_rare_finding_is_in_every_split() -> None:
    images = _images(2, groups=200, prevalence=0.0)
    images.loc[images["group_id"].isin([f"p{i}" for i in range(9)]), "Mass"] = 1
    images["split"] = assign_splits(images, ["Mass"], 0)
    assert (images.groupby("split")["Mass"].sum() > 0).all()


def test_the_assignment_of_a_seed_does_not_change() -> None:
    images = _images(5, groups=24)
    images["Nodule"] = pd.Series([0, 1, pd.NA] * 30, dtype="Int8")[: len(images)]
    three = assign_splits(images, ["Mass", "Nodule"], 3, (70, 15, 15), ("a", "b", "c"))
    assert three.dtype == "string" and three.index.equals(images.index)
    assert "".join(three) == "aaacaaaaaabcaabaaaabcaccaaaaaaaabacacaaaabaaacbabbaaacbcaaacaaabaaaaaabaaaaaaa"
    four = assign_splits(images, ["Nodule"], 1, (1, 1, 2, 3), ("a", "b", "c", "d"))
    assert "".join(four) == "adcaccdddcdacddbcdddadbaddbcddbddabdbbddcddbbadbdddcaadacccadddccbccbddddccccc"
    images["Rare"] = (images.index == 20).astype(int)
    two = assign_splits(images, ["Rare"], 2, (1, 1), ("a", "b"))
    assert "".join(two) == "babbbbaabbbbbabbbababaabaabbaabaaaababaabaabbbabaaabbbabbbabaaabbbbbbaaaaaabaa"
    assert assign_splits(images, ["Mass"]).equals(assign_splits(images, ["Mass"], 0, (0.7, 0.15, 0.15), SPLITS))


def test_images_with_unknown_labels_are_assigned() -> None:
    images = _images(3).astype({"Mass": "Int8"})
    images.loc[images.index[::3], "Mass"] = pd.NA
    assert assign_splits(images, ["Mass"], 0).isin(["train", "validation", "test"]).all()


@pytest.mark.parametrize("column", ["patient_id", "group_id"])
def test_a_patient_or_group_in_two_splits_is_an_error(column: str) -> None:
    images = _images(0)
    images["split"] = assign_splits(images, ["Mass"], 0)
    other = "group_id" if column == "patient_id" else "patient_id"
    images[other] = [f"own-{i}" for i in range(len(images))]
    victim = images.loc[images["split"] == "train", column].iloc[0]
    images.loc[images.index[images["split"] == "test"][0], column] = victim
    unit = column.removesuffix("_id")
    with raises(PatientInTwoSplitsError, unit=unit, name=victim, splits=["test", "train"], count=1):
        assert_disjoint(images)


def test_unknown_patients_are_different_patients() -> None:
    images = _images(0).assign(patient_id=pd.NA)
    images["split"] = assign_splits(images, ["Mass"], 0)
    assert_disjoint(images)


def test_a_row_without_a_split_is_an_error() -> None:
    images = _images(0).assign(split="train")
    images.loc[3, "split"] = None
    with raises(UnknownSplitError, split="none", known=["train", "validation", "test"]):
        assert_disjoint(images)


def test_splits_have_the_requested_fractions() -> None:
    images = _manifest(0)
    split, method = split_images(images, ["Mass"], SplitPlan(2, (50, 20, 30)), None)
    share = split.value_counts(normalize=True)
    assert abs(share["train"] - 0.5) < 0.02 and abs(share["test"] - 0.3) < 0.02
    assert method.facts == {"given": None, "unit": "patient", "seed": 2, "fractions": [0.5, 0.2, 0.3]}
    assert method.notes == []
    assert split.equals(assign_splits(images, ["Mass"], 2, (0.5, 0.2, 0.3)))


@pytest.mark.parametrize("shares", [(80, 20, 0), (0, 50, 50), (0.5, 0.2, 0.2), (50, 30, 30), (0, 0, 0), (7, 2, 2)])
def test_shares_that_are_not_a_whole_are_an_error(shares: tuple[float, float, float]) -> None:
    with raises(SplitSharesError, fractions=list(shares)):
        SplitPlan(0, shares)


@pytest.mark.parametrize("shares", [(33, 33, 33), (0.33, 0.33, 0.33), (34, 32, 32), (0, 0, 1)])
def test_rounded_shares_and_a_test_set_alone_are_accepted(shares: tuple[float, float, float]) -> None:
    plan = SplitPlan(0, shares)
    assert plan.all_test == (shares == (0, 0, 1))
    images = _manifest(0).iloc[5:]
    split, method = split_images(images, ["Mass"], plan, COLUMN)
    assert split.index.equals(images.index) and split.dtype == "string"
    assert set(split) == ({"test"} if plan.all_test else set(SPLITS))
    thirds, rest = [0.333333] * 3, [0.346939, 0.326531, 0.326531]
    facts = [0.0, 0.0, 1.0] if plan.all_test else rest if shares[0] == 34 else thirds
    assert method.facts == {"given": None, "unit": None if plan.all_test else "patient", "seed": 0, "fractions": facts}


def test_a_rare_finding_has_the_shares_of_the_splits() -> None:
    for seed in range(6):
        images = pd.DataFrame({"group_id": [f"p{i}" for i in range(400)], "Mass": [1] * 20 + [0] * 380})
        positives = assign_splits(images, ["Mass"], seed)[images["Mass"] == 1].value_counts()
        assert (positives["train"], positives["validation"], positives["test"]) == (14, 3, 3)


@pytest.mark.parametrize("by", ["image_id", "patient_id"])
def test_a_test_list_defines_the_test_set(tmp_path: Path, by: str) -> None:
    images = _manifest(0)
    patients = sorted(set(images["patient_id"]))[:40]
    wanted = images["patient_id"].isin(patients)
    # Windows line ends, an extra space, an unknown name, and no line end after the last line.
    names = sorted(set(images.loc[wanted, by]))
    (tmp_path / "test.txt").write_bytes("\r\n".join([*names[:-1], "nobody", f" {names[-1]}"]).encode())
    split, method = split_images(images, ["Mass"], SplitPlan(0, test_list=tmp_path / "test.txt"), None)
    assert ((split == "test") == wanted).all()
    assert (method.facts["given"], method.facts["unit"]) == ({"by": "list", "name": "test.txt"}, "patient")
    [note] = method.notes
    assert (note.code, note.values) == ("list_lines_without_image", {"lines": 1, "file": "test.txt"})
    assert_disjoint(images.assign(split=split))


def test_a_test_list_may_have_other_folders_endings_and_case(tmp_path: Path) -> None:
    images = _manifest(0).drop_duplicates("patient_id")
    images["path"] = images["path"].str.replace(".png", "x.png")
    stems = images["path"].map(lambda path: Path(path).stem)
    assert stems.is_unique
    wanted = stems.isin(sorted(stems)[:40])
    for name in ("old/place/{}.jpeg", "old\\place\\{}.JPG", "old/{}/"):
        (tmp_path / "test.txt").write_text("\n".join(name.format(stem.upper()) for stem in stems[wanted]))
        split, method = split_images(images, ["Mass"], SplitPlan(0, test_list=tmp_path / "test.txt"), None)
        assert ((split == "test") == wanted).all() and method.notes == []


def test_a_test_list_of_file_names_distinguishes_their_endings(tmp_path: Path) -> None:
    images = _manifest(0)
    images["path"] = [f"/films/{number // 2}.{('png', 'jpg')[number % 2]}" for number in range(len(images))]
    (tmp_path / "test.txt").write_text("0.png\n3.jpg\n")
    split, method = split_images(images, ["Mass"], SplitPlan(0, test_list=tmp_path / "test.txt"), None)
    assert split.index[split == "test"].tolist() == [0, 7] and split.dtype == "string" and method.notes == []
    # Without endings, a name would have two images.
    (tmp_path / "test.txt").write_text("0\n3\n")
    with raises(EmptyTestSetError, images=len(images)):
        split_images(images, ["Mass"], SplitPlan(0, test_list=tmp_path / "test.txt"), None)


def test_a_test_list_that_divides_a_patient_is_an_error(tmp_path: Path) -> None:
    images = _manifest(0)
    twice = images["patient_id"].value_counts().index[0]
    (tmp_path / "test.txt").write_text(images.loc[images["patient_id"] == twice, "image_id"].iloc[0])
    split, _ = split_images(images, ["Mass"], SplitPlan(0, test_list=tmp_path / "test.txt"), None)
    with raises(PatientInTwoSplitsError, unit="patient", name=twice, count=1):
        assert_disjoint(images.assign(split=split))


def test_a_test_list_of_no_or_all_images_is_an_error(tmp_path: Path) -> None:
    images, file = _manifest(0), tmp_path / "test.txt"
    file.write_text("nobody\n")
    with raises(EmptyTestSetError, file=str(file), images=len(images)):
        split_images(images, ["Mass"], SplitPlan(0, test_list=file), None)
    file.write_text("\n".join(images["image_id"]))
    with raises(NoTrainingImagesError, file=str(file), images=len(images)):
        split_images(images, ["Mass"], SplitPlan(0, test_list=file), None)


def test_a_given_split_is_kept_and_validation_is_taken_from_training() -> None:
    images = _manifest(0)
    images["split"] = assign_splits(images, ["Mass"], 7)
    split, method = split_images(images, ["Mass"], SplitPlan(0), COLUMN)
    assert split.equals(images["split"]) and (method.facts["given"], method.facts["unit"]) == (COLUMN, None)
    images["split"] = images["split"].replace({"validation": "train"})
    split, method = split_images(images, ["Mass"], SplitPlan(0), COLUMN)
    assert ((split == "test") == (images["split"] == "test")).all()
    assert 0.1 < (split == "validation").mean() < 0.2 and method.facts["unit"] == "patient"
    assert split.equals(split_images(images, ["Mass"], SplitPlan(0), COLUMN)[0])
    assert not split.equals(split_images(images, ["Mass"], SplitPlan(1), COLUMN)[0])


def _three_splits(**labels: list[object]) -> pd.DataFrame:
    """Return two images in each split, each a group of its own."""
    split = ["train", "train", "validation", "validation", "test", "test"]
    groups = [f"g{number}" for number in range(6)]
    return pd.DataFrame({"split": split, "group_id": groups, **labels}).astype(dict.fromkeys(labels, "Int8"))


def test_splits_of_two_findings_need_both_labels_in_training_and_of_one_finding_elsewhere() -> None:
    good, half, bad = [0, 1, 0, 1, 0, 1], [0, 1, 0, 1, 0, pd.NA], [0, 1, 0, pd.NA, 0, pd.NA]
    require_usable_splits(_three_splits(Mass=good), ["Mass"], "patient")
    require_usable_splits(_three_splits(Mass=good, Nodule=bad), ["Mass", "Nodule"], "patient")
    require_usable_splits(_three_splits(Mass=half, Nodule=good), ["Mass", "Nodule"], "patient")
    for labels, split in ((bad, "validation"), (half, "test")):
        with raises(SplitClassError, split=split, finding="Mass", missing=1, images=2):
            require_usable_splits(_three_splits(Mass=labels, Nodule=labels), ["Mass", "Nodule"], "patient")
    with raises(SplitClassError, split="train", finding="Nodule", missing=0, images=2):
        images = _three_splits(Mass=good, Nodule=[pd.NA, 1, 0, 1, 0, 1])
        require_usable_splits(images, ["Mass", "Nodule"], "patient")


def test_each_split_needs_images_unless_all_are_test_images() -> None:
    images = _three_splits(Mass=[0, 1, 0, 1, 0, 1])
    with raises(EmptySplitError, splits=["train", "validation"], unit="group", units=2):
        require_usable_splits(images[4:].assign(split=["test", "odd"]), ["Mass"], "group")
    with raises(EmptySplitError, splits=["validation"], unit="group", units=4):
        require_usable_splits(images[images["split"] != "validation"], ["Mass"], "group")
    require_usable_splits(images.assign(split="test"), ["Mass"], "group")


def test_groups_in_several_given_splits_are_divided() -> None:
    images = _three_splits().assign(group_id=["a", "b", "a", "c", "c", "c"])
    groups, divided = divide_groups(images)
    assert groups.tolist() == ["a-train", "b", "a-validation", "c-validation", "c-test", "c-test"] and divided == 2
    assert divide_groups(images.assign(group_id=groups))[1] == 0
