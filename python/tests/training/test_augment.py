from dataclasses import replace

import numpy as np

from placa.training.augment import NONE, Augmentation
from placa.training.batches import training_batches


def _images(n: int = 4, size: int = 33) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    blob = 200 * np.exp(-((x - 10) ** 2 + (y - 16) ** 2) / 18)
    return np.repeat(blob[None].astype(np.uint8), n, axis=0)


def _centre(image: np.ndarray) -> np.ndarray:
    weights = image.astype(float)
    return np.array([(weights * axis).sum() / weights.sum() for axis in np.mgrid[: len(image), : len(image)]])


def test_no_augmentation_changes_nothing() -> None:
    images = _images()
    assert np.array_equal(NONE.apply(images, np.random.default_rng(0)), images)


def test_a_flip_mirrors_the_image() -> None:
    flipped = replace(NONE, flip=1.0).apply(_images(), np.random.default_rng(0))
    assert np.array_equal(flipped, _images()[:, :, ::-1])


def test_shifts_move_and_rotations_keep_the_distance_from_the_centre() -> None:
    shifted = replace(NONE, shift=0.2).apply(_images(50), np.random.default_rng(1))
    moved = np.array([_centre(image) for image in shifted]) - _centre(_images(1)[0])
    assert moved.std(axis=0).min() > 1.5 and np.abs(moved).max() < 0.2 * 33 + 1
    turned = replace(NONE, rotation=30.0).apply(_images(50), np.random.default_rng(1))
    offsets = np.array([_centre(image) for image in turned]) - 16
    assert np.abs(np.hypot(*offsets.T) - 6).max() < 0.3
    assert np.rad2deg(np.arctan2(offsets[:, 0], -offsets[:, 1])).std() > 8


def test_zoom_keeps_the_centre_and_changes_the_size() -> None:
    zoomed = replace(NONE, zoom=0.3).apply(_images(50), np.random.default_rng(1))
    mass = zoomed.astype(float).sum(axis=(1, 2)) / _images(1).astype(float).sum()
    assert mass.min() < 0.8 and mass.max() > 1.25


def test_brightness_and_contrast_stay_in_range() -> None:
    changed = replace(NONE, brightness=0.3, contrast=0.5).apply(_images(50), np.random.default_rng(2))
    means = changed.mean(axis=(1, 2))
    assert means.std() > 10 and changed.dtype == np.uint8


def test_batches_cover_an_epoch_and_depend_on_the_seed() -> None:
    pixels = np.arange(10, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)
    rows, truth = np.array([1, 3, 5, 7, 9, 2]), np.array([[1.0], [0.0], [1.0], [0.0], [1.0], [np.nan]], np.float32)
    label = dict(zip(rows, truth[:, 0], strict=True))
    batches = training_batches(pixels, rows, truth, 2, NONE, seed=1)
    seen = [batches[i] for i in range(len(batches))]
    values = np.concatenate([x[:, 0, 0, 0] for x, _ in seen])
    assert sorted(values) == sorted(rows)
    assert np.array_equal(np.concatenate([y[:, 0] for _, y in seen]), [label[v] for v in values], equal_nan=True)
    batches.on_epoch_end()
    second = np.concatenate([batches[i][0][:, 0, 0, 0] for i in range(3)])
    assert not np.array_equal(values, second)
    again = training_batches(pixels, rows, truth, 2, Augmentation(), seed=1)
    assert np.array_equal(again[2][0], training_batches(pixels, rows, truth, 2, Augmentation(), seed=1)[2][0])


def test_fewer_images_than_a_batch_are_repeated() -> None:
    batches = training_batches(np.zeros((3, 8, 8), np.uint8), np.arange(3), np.zeros((3, 1), np.float32), 8, NONE, 0)
    assert len(batches) == 1 and batches[0][0].shape == (8, 8, 8, 1)


def test_resampling_matches_the_sampled_affine_map() -> None:
    from scipy.ndimage import map_coordinates

    images = _images(20)
    changes = replace(Augmentation(), brightness=0.0, contrast=0.0).draw(20, np.random.default_rng(3))
    y, x = (np.mgrid[:33, :33] + 0.5) / 33
    for image, changed, (a, b, c, d, e, f) in zip(images, changes.apply(images), changes.affine, strict=True):
        places = np.stack([d * x + e * y + f, a * x + b * y + c]) * 33 - 0.5
        expected = map_coordinates(image.astype(float), places, order=1, cval=float(image.min()))
        inside = ((places > 0) & (places < 32)).all(axis=0)
        # OpenCV interpolates at steps of 1/32 pixel.
        assert np.abs(changed - expected)[inside].max() <= 2 and inside.mean() > 0.7


def test_augmentation_of_a_subset_matches_that_of_the_batch() -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 24, 24), dtype=np.uint8)
    changes = Augmentation().draw(6, np.random.default_rng(5))
    whole, some = changes.apply(images), np.array([4, 0, 4])
    assert np.array_equal(changes.at(some).apply(images[some]), whole[some])
    assert not np.array_equal(whole, images)


def test_shifts_without_rotation_and_zoom_are_integers() -> None:
    """Interpolation would smooth the texture that `small` uses in large images."""
    images = np.random.default_rng(0).integers(1, 256, (30, 40, 40), dtype=np.uint8)
    plain = Augmentation(rotation=0, zoom=0, shift=0.1, brightness=0, contrast=0)
    moved = plain.apply(images, np.random.default_rng(1))
    places = set()
    for image, out in zip(images, moved, strict=True):
        fits = [
            (down, across, flipped)
            for flipped, source in ((False, image), (True, image[:, ::-1]))
            for down in range(-4, 5)
            for across in range(-4, 5)
            if np.array_equal(
                out[max(0, down) : 40 + min(0, down), max(0, across) : 40 + min(0, across)],
                source[max(0, -down) : 40 + min(0, -down), max(0, -across) : 40 + min(0, -across)],
            )
        ]
        assert len(fits) == 1
        places.add(fits[0])
    assert len(places) > 20 and {flipped for _, _, flipped in places} == {False, True}
