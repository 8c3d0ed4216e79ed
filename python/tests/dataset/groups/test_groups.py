from pathlib import Path

import numpy as np
import pytest

from placa.dataset.groups.group_images import LARGEST_SHARE, SMALLEST_CAP, group_images
from placa.images.read import natural_order, read_image

SIDE = 48


def _scans(random: np.random.Generator, patients: int, each: int) -> np.ndarray:
    base = random.integers(0, 256, (patients, 1, SIDE, SIDE))
    noise = random.normal(0, 30, (patients, each, SIDE, SIDE))
    return np.clip(base + noise, 0, 255).astype(np.uint8).reshape(-1, SIDE, SIDE)


def _names(count: int, folder: str = "a") -> list[str]:
    return [f"/ct/{folder}/slice ({number}).png" for number in range(1, count + 1)]


def _together(codes: np.ndarray, patients: int) -> bool:
    table = codes.reshape(patients, -1)
    return bool((table == table[:, :1]).all())


def test_similar_neighbours_are_grouped_and_others_are_not() -> None:
    pixels = _scans(np.random.default_rng(0), patients=30, each=4)
    codes, facts = group_images(_names(120), pixels)
    assert _together(codes, 30)
    assert codes.max() + 1 == 30
    assert (np.bincount(codes).max(), facts["cap"], facts["refused"]) == (4, 6, 0)
    assert facts["joined_by"][1]["pairs"] == 30 * 6
    assert facts["rule"] == "found"


def test_the_groups_of_an_example_do_not_change() -> None:
    """Folders of scans in order, of the same kind in another order, of few images and of one; with copies."""
    random = np.random.default_rng(7)
    pixels = _scans(random, patients=28, each=4)
    # The scans of the second folder are more alike, and the third one has nine images of one patient.
    pixels[60:100] = pixels[60:100] // 3 + np.repeat(pixels[60:100:4], 4, axis=0) // 3 * 2
    pixels[60:100] = pixels[60:100][random.permutation(40)]
    pixels[103:112] = _scans(random, patients=1, each=9)
    pixels[[20, 70]], pixels[111] = pixels[3], pixels[100]
    pixels[41] = random.integers(0, 256, (SIDE, SIDE)) // 2 + pixels[40] // 2
    codes, facts = group_images(_names(60) + _names(40, "b") + _names(11, "c") + _names(1, "d"), pixels)
    letters = np.array([*"abcdefghijklmnopqrstuvwxyzAB"])
    assert "".join(letters[codes[:60]]) == "aababbbbccccddddeeeeafffgggghhhhiiiijjjjkkkkllllmmmmnnnnoooo"
    assert "".join(letters[codes[60:]]) == "pqprsturutavrqrwvvqxpxxytwtvwsyuxypquwsyzzzABAABBBBz"
    rules = {"reach": 5, "correlation": 0.75, "excluded": 1, "folders": 3}
    assert facts == {
        "rule": "found",
        "cap": 5,
        "refused": 79,
        "joined_by": [
            {"rule": "copies", "values": {}, "pairs": 3},
            {"rule": "neighbours", "values": rules, "pairs": 112},
            {"rule": "look_alikes", "values": {"nearest": 10, "correlation": 0.85}, "pairs": 155},
            {"rule": "left_over", "values": {"images": 4}, "pairs": 2},
        ],
    }


def test_groups_do_not_depend_on_the_order_of_images() -> None:
    random = np.random.default_rng(1)
    pixels = _scans(random, patients=30, each=4)
    names = np.array(_names(60) + _names(60, "b"))
    codes, facts = group_images(names.tolist(), pixels)
    shuffled = random.permutation(120)
    again, same = group_images(names[shuffled].tolist(), pixels[shuffled])
    assert np.array_equal(again, codes[shuffled])
    assert same == facts


def test_copies_are_one_group_even_above_the_size_limit() -> None:
    pixels = _scans(np.random.default_rng(2), patients=100, each=1)
    pixels[50:90] = pixels[0]
    codes, facts = group_images(_names(70) + _names(30, "b"), pixels)
    assert len(set(codes[[0, *range(50, 90)]])) == 1
    assert np.bincount(codes).max() >= 41 > facts["cap"]
    assert facts["joined_by"][0]["pairs"] == 40


def test_groups_have_a_size_limit_and_refused_joins_are_counted() -> None:
    pixels = _scans(np.random.default_rng(3), patients=10, each=30)
    codes, facts = group_images(_names(300), pixels)
    assert np.bincount(codes).max() <= facts["cap"] == int(LARGEST_SHARE * 300)
    assert np.bincount(codes).max() / len(codes) <= LARGEST_SHARE
    assert facts["refused"] > 0
    # A scan of thirty slices is divided into few groups, and no group has slices of two scans.
    assert all(len(set(np.arange(300)[codes == code] // 30)) == 1 for code in set(codes))
    assert len(set(codes)) <= 40


def test_without_informative_file_order_only_similarity_is_used() -> None:
    random = np.random.default_rng(4)
    pixels = _scans(random, patients=60, each=4)
    # The slices of a scan differ only in fine noise here, so they are look-alikes too.
    pixels = (pixels // 2 + np.repeat(pixels[::4], 4, axis=0) // 2).astype(np.uint8)
    shuffled = random.permutation(240)
    codes, facts = group_images(np.array(_names(240))[shuffled].tolist(), pixels)
    assert _together(codes, 60)
    assert codes.max() + 1 == 60
    values = facts["joined_by"][1]["values"]
    assert (values["excluded"], values["folders"]) == (1, 1)
    assert (facts["joined_by"][1]["pairs"], facts["joined_by"][3]["pairs"]) == (0, 0)


def test_a_single_slice_joins_the_group_of_its_neighbours() -> None:
    random = np.random.default_rng(5)
    pixels = _scans(random, patients=30, each=6)
    pixels[8] = random.integers(0, 256, (SIDE, SIDE))
    pixels[8] = pixels[8] // 2 + pixels[7] // 2
    codes, facts = group_images(_names(180), pixels)
    assert codes[8] == codes[7]
    assert facts["joined_by"][3]["pairs"] == 1


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_small_data_sets_have_another_size_limit(count: int) -> None:
    pixels = _scans(np.random.default_rng(6), patients=1, each=count)
    codes, facts = group_images(_names(count), pixels)
    assert facts["cap"] == SMALLEST_CAP
    assert np.bincount(codes).max() == min(count, SMALLEST_CAP)
    assert len(set(codes)) == codes.max() + 1 == -(-count // SMALLEST_CAP)


def _nearest_neighbour(pixels: np.ndarray, labels: np.ndarray, codes: np.ndarray, seed: int) -> float:
    """Return the accuracy of a nearest neighbour (least squared distance) in five folds."""
    from sklearn.model_selection import StratifiedGroupKFold

    flat = pixels.reshape(len(pixels), -1).astype(np.float64)
    squares = (flat**2).sum(axis=1)
    distance = squares[:, None] + squares - 2 * flat @ flat.T
    right = 0
    for train, test in StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(flat, labels, codes):
        right += (labels[train[distance[np.ix_(test, train)].argmin(axis=1)]] == labels[test]).sum()
    return right / len(labels)


@pytest.mark.slow
def test_a_nearest_neighbour_is_inaccurate_across_groups_of_real_slices(shared_data: Path) -> None:
    files = sorted((shared_data / "ct").glob("*/*.png"), key=natural_order)
    pixels = np.stack([read_image(str(file), SIDE) for file in files])
    labels = np.array([int(file.parent.name == "COVID") for file in files])
    codes, _ = group_images([str(file) for file in files], pixels)
    assert np.bincount(codes).max() / len(codes) <= LARGEST_SHARE
    assert _nearest_neighbour(pixels, labels, np.arange(len(files)), 0) > 0.90
    assert np.mean([_nearest_neighbour(pixels, labels, codes, seed) for seed in range(3)]) <= 0.75
    # The same files with random names.
    names = np.random.default_rng(0).permutation(len(files))
    codes, _ = group_images([f"/{label}/{name}.png" for label, name in zip(labels, names, strict=True)], pixels)
    assert np.bincount(codes).max() / len(codes) <= LARGEST_SHARE
    assert np.mean([_nearest_neighbour(pixels, labels, codes, seed) for seed in range(3)]) <= 0.82
