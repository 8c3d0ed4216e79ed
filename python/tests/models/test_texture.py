"""The texture branch of `small`: its counts match the definition, and it is used for large images only."""

import numpy as np
import pytest

from placa.core.backend import load_keras
from placa.models.networks import build
from placa.models.small import PATTERNS, REGIONS, TRUNK_SIDE, pattern_shares


def _by_hand(image: np.ndarray, distance: int, step: int) -> np.ndarray:
    """Count pixel by pixel: neighbours clockwise from the upper left, the first one is the highest bit."""
    side = len(image) - 2 * distance
    codes = np.zeros((side, side), dtype=int)
    around = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    for y in range(side):
        for x in range(side):
            centre = int(image[y + distance, x + distance]) + step
            for dy, dx in around:
                bright = int(image[y + distance + dy * distance, x + distance + dx * distance]) >= centre
                codes[y, x] = 2 * codes[y, x] + bright
    return codes


def test_counts_match_the_definition() -> None:
    keras = load_keras()
    # The limits of the grey range, where an 8-bit sum would overflow.
    images = np.random.default_rng(0).choice(np.array([0, 1, 2, 3, 253, 254, 255], np.uint8), (2, 20, 20, 1))
    pixels = keras.Input((20, 20, 1), dtype="uint8")
    output = keras.ops.convert_to_numpy(keras.Model(pixels, pattern_shares(pixels))(images))
    wanted = []
    for image in images[..., 0]:
        row = []
        for distance, step in PATTERNS:
            codes = _by_hand(image, distance, step)
            half = len(codes) // REGIONS
            for y in range(REGIONS):
                for x in range(REGIONS):
                    region = codes[y * half : (y + 1) * half, x * half : (x + 1) * half]
                    row.append(np.sqrt(np.bincount(region.ravel(), minlength=256) / half**2))
        wanted.append(np.concatenate(row))
    assert output == pytest.approx(np.array(wanted), abs=1e-6)


def test_texture_is_used_only_for_large_images() -> None:
    names = {layer.name for layer in build("small", 2 * TRUNK_SIDE, 1).layers}
    assert {"texture", "shrink"} <= names
    assert not {"texture", "shrink"} & {layer.name for layer in build("small", TRUNK_SIDE, 1).layers}


@pytest.mark.slow
def test_small_with_texture_is_trained_saved_and_loaded(tmp_path) -> None:
    keras = load_keras()
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    truth = np.arange(32) % 2
    # Smooth and rough noise with the same grey levels differ only in texture.
    rough = random.integers(0, 256, (32, 192, 192), dtype=np.uint8)
    smooth = np.sort(rough.reshape(32, -1), axis=1).reshape(rough.shape)
    images = np.where(truth[:, None, None] == 1, rough, smooth)[..., None]
    network = build("small", 192, 1)
    network.compile(keras.optimizers.Adam(1e-2), loss=keras.losses.BinaryCrossentropy(from_logits=True))
    network.fit(images, truth[:, None].astype("float32"), epochs=3, batch_size=16, verbose=0)
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras", compile=False, safe_mode=True)
    assert np.array_equal(network.predict_on_batch(images), again.predict_on_batch(images))
