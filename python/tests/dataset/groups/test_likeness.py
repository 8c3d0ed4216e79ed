from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from placa.dataset.groups.alignment import aligned_correlation
from placa.dataset.groups.likeness import (
    NEAR_DUPLICATE,
    THUMBNAIL,
    duplicates_between,
    find_duplicates,
    first_copies,
    thumbnails,
)
from placa.dataset.groups.neighbours import correlations, nearest_pairs
from placa.images.read import read_image

SIZE = 96


def _blobs(count: int, seed: int) -> np.ndarray:
    """Draw images with structure at several scales and similar low frequencies, as radiographs have."""
    random = np.random.default_rng(seed)
    common = random.normal(0, 1, (1, 4, 4))
    pixels = np.zeros((count, SIZE, SIZE))
    for side, weight in ((4, 40), (12, 25), (24, 15)):
        coarse = random.normal(0, 1, (count, side, side)) + (2 * common if side == 4 else 0)
        for image, levels in zip(pixels, coarse, strict=True):
            image += weight * np.asarray(Image.fromarray(levels).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    return np.clip(pixels + 128, 0, 255).astype(np.uint8)


def _changed(levels: np.ndarray, left: int = 0, top: int = 0, side: int = SIZE, light: float = 1.0) -> np.ndarray:
    image = Image.fromarray(levels).crop((left, top, left + side, top + side))
    return np.asarray(ImageEnhance.Brightness(image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)).enhance(light))


def _all_pairs(small: np.ndarray, above: float) -> set[tuple[int, int]]:
    return set(map(tuple, np.argwhere(np.triu(np.corrcoef(small.reshape(len(small), -1)), 1) > above).tolist()))


def test_copies_are_found_and_unrelated_images_are_not() -> None:
    pixels = _blobs(300, seed=0)
    pixels[299] = pixels[3]
    pixels[298] = _changed(pixels[5], left=2, top=1, side=92, light=0.9)
    pixels[297] = _changed(pixels[6], light=0.8)
    found = find_duplicates(pixels)
    assert found.exact.tolist() == [[3, 299]]
    assert found.near.tolist() == [[5, 298], [6, 297]]
    assert (found.correlation > NEAR_DUPLICATE).all()


def test_identical_and_changed_copies_are_found_between_sets() -> None:
    pixels = _blobs(130, seed=11)
    left, right = pixels[:80], pixels[80:].copy()
    left[60], right[3], right[9] = left[17], left[17], left[17]
    right[5] = _changed(left[40], left=2, top=1, side=92, light=0.9)
    found = duplicates_between(left, right)
    assert found.exact.tolist() == [[17, 3], [17, 9]]
    assert found.near.tolist() == [[40, 5]] and found.correlation == pytest.approx([0.98], abs=0.02)
    assert found.rule == {"nearest": 5, "thumbnail": 48, "side": 96, "correlation": 0.95}
    assert found.rule == find_duplicates(left).rule
    none = duplicates_between(left, right[10:])
    assert (none.exact.shape, none.near.shape, none.correlation.shape) == ((0, 2), (0, 2), (0,))
    assert duplicates_between(left, left).exact.tolist() == [[17 if row == 60 else row, row] for row in range(80)]


@pytest.mark.parametrize("sides", [(96, 72), (72, 96), (128, 96)])
def test_sets_of_other_sizes_are_compared_at_the_smaller_one(sides: tuple[int, int]) -> None:
    pixels = _blobs(60, seed=12)
    pixels[42] = pixels[7]
    left, right = (
        np.stack([np.asarray(Image.fromarray(levels).resize((side, side))) for levels in some])
        for side, some in zip(sides, (pixels[:40], pixels[40:]), strict=True)
    )
    found = duplicates_between(left, right)
    assert len(found.exact) == 0 and found.near.tolist() == [[7, 2]] and found.correlation[0] > 0.98
    assert (found.rule["side"], found.rule["correlation"]) == ((96, 0.95) if min(sides) == 96 else (72, 0.98))


def test_many_copies_give_one_pair_each_and_keep_other_pairs() -> None:
    pixels = np.zeros((60, SIZE, SIZE), np.uint8)
    pixels[:2] = _blobs(1, seed=1)
    pixels[40] = _changed(pixels[0], light=0.9)
    found = find_duplicates(pixels)
    # Two similar images and 57 black ones: the first of each kind represents it.
    assert len(found.exact) == 1 + 56
    assert found.near.tolist() == [[0, 40]]


def test_alignment_reverses_a_crop_and_does_not_match_unrelated_images() -> None:
    pixels = _blobs(40, seed=2)
    cropped = np.stack([_changed(levels, left=3, top=1, side=90) for levels in pixels])
    small = thumbnails(np.concatenate([pixels, cropped]))
    own = np.stack([np.arange(40), np.arange(40, 80)], axis=1)
    others = np.stack([np.arange(40), np.roll(np.arange(40, 80), 1)], axis=1)
    assert np.median(correlations(small, own)) < np.median(aligned_correlation(small, own))
    assert aligned_correlation(small, own).min() > 0.9
    assert aligned_correlation(small, others).max() < 0.8
    assert np.allclose(aligned_correlation(small, own[:, ::-1]), aligned_correlation(small, own))
    assert aligned_correlation(small, own[:0]).shape == (0,)


def _waves(seed: int, down: float = 0, right: float = 0, height: float = 1, width: float = 1) -> np.ndarray:
    """Draw a sum of waves, shifted by pixels and scaled about the centre."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:48, :48] - 23.5
    y, x = y / height - down, x / width - right
    waves = zip(random.normal(0, 0.3, (40, 2)), random.uniform(0, 2 * np.pi, 40), strict=True)
    image = sum(np.cos(a * y + b * x + phase) / (0.2 + np.hypot(a, b)) for (a, b), phase in waves)
    return np.clip(128 + 5 * image, 0, 255).astype(np.uint8)


def test_shifts_and_scales_are_reversed_up_to_their_limits() -> None:
    changes = [{}, {"down": 2, "right": -1}, {"height": 1.06, "width": 0.95}, {"down": 3, "width": 1.08}]
    changes += [{"right": 4.5}, {"right": 8}, {"height": 1.3}]
    small = np.stack([_waves(1, **change) for change in changes] + [_waves(2), 255 - _waves(1), _waves(1) // 2 + 30])
    pairs = np.array([[0, row] for row in range(1, 10)])
    after = aligned_correlation(small, pairs)
    # Shifts by less than 4.8 pixels and scales of less than 15 % are reversed; the last ones are another image, the
    # negative and a darker copy.
    values = [0.9994, 0.9981, 0.9969, 0.9970, 0.5306, 0.9324, 0.2668, -1.0, 0.9999]
    assert after == pytest.approx(values, abs=5e-4)
    without = np.where(np.isin(np.arange(9), (4, 6, 7)), -1, values)
    assert aligned_correlation(small, pairs, 0.5) == pytest.approx(without, abs=5e-4)
    assert aligned_correlation(small, np.tile(pairs, (20, 1))) == pytest.approx(np.tile(after, 20), abs=1e-5)


def test_uniform_images_are_similar_to_none() -> None:
    small = np.stack([np.full((THUMBNAIL, THUMBNAIL), level, np.uint8) for level in (0, 9, 255)])
    pairs = np.array([[0, 1], [1, 2]])
    assert np.abs(aligned_correlation(small, pairs)).max() < 0.01
    assert np.abs(correlations(small, pairs)).max() == 0
    assert len(find_duplicates(small).near) == 0


@pytest.mark.slow
def test_the_forest_finds_the_pairs_of_an_exhaustive_search() -> None:
    pixels = _blobs(1500, seed=3)
    random = np.random.default_rng(4)
    for row, of in zip(range(1200, 1500), random.permutation(1200)[:300], strict=True):
        pixels[row] = np.clip(pixels[of] + random.normal(0, 15, (SIZE, SIZE)), 0, 255)
    small = thumbnails(pixels)
    wanted = _all_pairs(small, 0.93)
    assert len(wanted) >= 300
    pairs, likeness = nearest_pairs(small, 5, leaf=64)
    found = set(map(tuple, pairs.tolist()))
    assert len(wanted & found) / len(wanted) > 0.99
    assert np.allclose(likeness, correlations(small, pairs))
    assert np.array_equal(nearest_pairs(small, 5, leaf=64)[0], pairs)


def test_the_number_of_pairs_is_linear_in_the_number_of_similar_images() -> None:
    random = np.random.default_rng(5)
    crowd = np.clip(_blobs(1, seed=6) + random.normal(0, 4, (800, SIZE, SIZE)), 0, 255).astype(np.uint8)
    pairs, likeness = nearest_pairs(thumbnails(crowd), 5, leaf=64)
    assert likeness.min() > 0.93
    assert len(pairs) <= 800 * 5


def _nearest_of_all(small: np.ndarray, count: int, sides: np.ndarray) -> dict[tuple[int, int], float]:
    """Return the pairs of each image with its nearest of the other sides, by comparing all."""
    likeness = np.corrcoef(small.reshape(len(small), -1).astype(float))
    likeness[sides[:, None] == sides] = -np.inf
    ties = zip(np.repeat(np.arange(len(small)), count), np.argsort(-likeness, axis=1)[:, :count].ravel(), strict=True)
    return {(min(tie), max(tie)): likeness[tie] for tie in ((int(left), int(right)) for left, right in ties)}


@pytest.mark.parametrize("leaf", [256, 40])
def test_the_nearest_pairs_are_those_of_all_pairs(leaf: int) -> None:
    small = thumbnails(_blobs(150, seed=7))
    pairs, likeness = nearest_pairs(small, 5, leaf=leaf)
    wanted = _nearest_of_all(small, 5, np.arange(150))
    found = dict(zip(map(tuple, pairs.tolist()), likeness, strict=True))
    assert len(found) == len(pairs) and list(found) == sorted(found)
    assert len(found.keys() ^ wanted.keys()) <= (0 if leaf == 256 else 0.02 * len(wanted))
    assert all(found[pair] == pytest.approx(wanted[pair], abs=1e-5) for pair in found.keys() & wanted.keys())
    among = np.arange(1, 150, 3)
    some, _ = nearest_pairs(small, 5, among, leaf)
    assert {*map(tuple, some.tolist())} == {
        (among[left], among[right]) for left, right in _nearest_of_all(small[among], 5, np.arange(50))
    }


def test_the_nearest_pairs_of_two_sets_are_between_them() -> None:
    small = thumbnails(_blobs(90, seed=8))
    sides = np.repeat(np.array([0, 1], dtype=np.int8), [40, 50])
    pairs, likeness = nearest_pairs(small, 3, sides=sides)
    wanted = _nearest_of_all(small, 3, sides)
    assert dict(zip(map(tuple, pairs.tolist()), likeness, strict=True)) == pytest.approx(wanted, abs=1e-5)


def test_correlations_of_many_pairs_are_those_of_numpy() -> None:
    small = thumbnails(_blobs(70, seed=9))
    small[3] = 200
    pairs = np.stack(np.triu_indices(70, 1), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        wanted = np.nan_to_num(np.corrcoef(small.reshape(70, -1)))[tuple(pairs.T)]
    assert len(pairs) > 2048
    assert correlations(small, pairs) == pytest.approx(wanted, abs=1e-5)


def test_sets_of_zero_to_two_images_work() -> None:
    assert nearest_pairs(np.zeros((0, THUMBNAIL, THUMBNAIL), np.uint8), 5)[0].shape == (0, 2)
    assert find_duplicates(_blobs(1, seed=0)).near.shape == (0, 2)
    assert find_duplicates(np.zeros((2, SIZE, SIZE), np.uint8)).exact.tolist() == [[0, 1]]
    assert first_copies(np.zeros((3, 8, 8), np.uint8)).tolist() == [0, 0, 0]


@pytest.mark.slow
def test_every_similar_pair_of_real_slices_is_found(shared_data: Path) -> None:
    files = sorted((shared_data / "ct").glob("*/*.png"))
    small = thumbnails(np.stack([read_image(str(file), SIZE) for file in files]))
    wanted = _all_pairs(small, 0.93)
    found = set(map(tuple, nearest_pairs(small, 10, leaf=50)[0].tolist()))
    assert len(wanted) > 100
    assert len(wanted & found) / len(wanted) > 0.99


@pytest.mark.slow
def test_copies_of_real_radiographs_are_found(shared_data: Path) -> None:
    patients: dict[str, Path] = {}
    for file in sorted((shared_data / "nih-256" / "images").glob("*.png")):
        patients.setdefault(file.name.split("_")[0], file)
    strangers = np.stack([read_image(str(file), SIZE) for file in list(patients.values())[:400]])
    assert len(find_duplicates(strangers).near) == 0
    copies = np.stack([_changed(levels, left=2, top=3, side=91, light=0.9) for levels in strangers[:100]])
    found = set(map(tuple, find_duplicates(np.concatenate([strangers, copies])).near.tolist()))
    assert len({(row, 400 + row) for row in range(100)} & found) >= 95
    assert len(found) < 105
