from pathlib import Path

import numpy as np

from placa.cache import open_pixels
from placa.groups import THUMBNAIL, find_groups, thumbnails


def _slices(random: np.random.Generator, patients: int, each: int) -> np.ndarray:
    base = random.integers(0, 256, (patients, 1, THUMBNAIL, THUMBNAIL))
    noise = random.normal(0, 30, (patients, each, THUMBNAIL, THUMBNAIL))
    return np.clip(base + noise, 0, 255).astype(np.uint8).reshape(-1, THUMBNAIL, THUMBNAIL)


def test_neighbours_that_look_alike_are_one_group_and_strangers_are_not() -> None:
    pixels = _slices(np.random.default_rng(0), patients=6, each=4)
    found = find_groups(pixels, np.zeros(len(pixels), dtype=int))
    assert len(set(found.codes)) == 6
    assert (found.codes.reshape(6, 4) == found.codes.reshape(6, 4)[:, :1]).all()
    assert found.neighbour_pairs == 6 * 6


def test_likeness_across_folders_counts_only_for_near_duplicates() -> None:
    random = np.random.default_rng(1)
    one = _slices(random, 1, 2)
    similar = np.clip(one[1] + random.normal(0, 40, one[1].shape), 0, 255).astype(np.uint8)
    copy = np.clip(one[0] + random.normal(0, 3, one[0].shape), 0, 255).astype(np.uint8)
    pixels = np.stack([one[0], similar, copy])
    found = find_groups(pixels, np.array([0, 1, 2]))
    assert found.codes[0] == found.codes[2] != found.codes[1]
    assert (found.neighbour_pairs, found.duplicate_pairs) == (0, 1)


def test_blocks_miss_no_pair(monkeypatch) -> None:
    pixels = np.concatenate([_slices(np.random.default_rng(2), 20, 1)] * 2)
    whole = find_groups(pixels, np.arange(40))
    monkeypatch.setattr("placa.groups._BLOCK", 7)
    assert np.array_equal(find_groups(pixels, np.arange(40)).codes, whole.codes)
    assert np.array_equal(whole.codes[:20], whole.codes[20:])


def test_a_single_image_is_a_group() -> None:
    assert find_groups(np.zeros((1, THUMBNAIL, THUMBNAIL), np.uint8), np.array([0])).codes.tolist() == [0]


def test_thumbnails_have_their_size(prepared: Path) -> None:
    assert thumbnails(open_pixels(prepared)[:3]).shape == (3, THUMBNAIL, THUMBNAIL)
