"""The order of batches, prefetching, and sharing of batches between processes."""

import itertools
import threading

import numpy as np
import pytest
from raising import raises

from placa.training.augment import NONE, Augmentation
from placa.training.batches import Share, training_batches
from placa.training.errors import BatchSizeError
from placa.training.prefetch import Prefetcher

SIZE = 16


def _data(n: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (n + 5, SIZE, SIZE), dtype=np.uint8)
    truth = random.integers(0, 2, (n, 3)).astype(np.float32)
    truth[::4, 1] = np.nan
    return pixels, random.permutation(n + 5)[:n], truth


def _epochs(count: int, **options: object) -> list[tuple[np.ndarray, np.ndarray]]:
    batches = training_batches(*_data(), **{"batch_size": 8, "augmentation": Augmentation(), "seed": 4, **options})
    seen = []
    for _ in range(count):
        seen += [batches[i] for i in range(len(batches))]
        batches.on_epoch_end()
    return seen


def _same(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> bool:
    return np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1], equal_nan=True)


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_batches_do_not_depend_on_the_number_of_threads(mixup: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placa.training.batches.cores", lambda: 1)
    one = _epochs(3, mixup=mixup)
    monkeypatch.setattr("placa.training.batches.cores", lambda: 7)
    assert all(_same(a, b) for a, b in zip(one, _epochs(3, mixup=mixup), strict=True))


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_set_epoch_gives_the_batches_of_an_uninterrupted_training(mixup: float) -> None:
    batches = training_batches(*_data(), batch_size=8, augmentation=Augmentation(), seed=4, mixup=mixup)
    batches[0], batches[1]  # Batches prefetched for epoch 0 must not be used for epoch 2.
    batches.epoch = 2
    whole = _epochs(3, mixup=mixup)[-len(batches) :]
    assert all(_same(batches[i], whole[i]) for i in range(len(batches)))


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_processes_share_the_batch_of_a_single_process(mixup: float) -> None:
    whole = _epochs(2, mixup=mixup)
    parts = [_epochs(2, mixup=mixup, share=Share(process, 4)) for process in range(4)]
    for one, several in zip(whole, zip(*parts, strict=True), strict=True):
        joined = tuple(np.concatenate(part) for part in zip(*several, strict=True))
        assert several[0][0].shape == (2, SIZE, SIZE, 1) and _same(one, joined)


def test_a_batch_that_cannot_be_divided_evenly_is_an_error() -> None:
    with raises(BatchSizeError, batch_size=8, processes=3):
        _epochs(1, share=Share(0, 3))


def test_several_fits_use_the_batches_of_one_fit() -> None:
    import keras

    pixels = np.arange(30, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    rows = np.arange(30)

    def losses(*parts: int) -> list[float]:
        batches = training_batches(pixels, rows, rows[:, None].astype(np.float32), 8, NONE, seed=4)
        # The weights of a small linear network depend on the order of all batches.
        network = keras.Sequential([keras.Input((4, 4, 1), dtype="uint8"), keras.layers.Flatten()])
        network.add(keras.layers.Dense(1, kernel_initializer="zeros"))
        network.compile(keras.optimizers.SGD(1e-5), loss="mse")
        seen: list[float] = []
        for begin, end in itertools.pairwise(parts):
            batches.epoch = begin
            seen += network.fit(batches, initial_epoch=begin, epochs=end, verbose=0, shuffle=False).history["loss"]
        return seen

    whole = losses(0, 4)
    assert losses(0, 1, 3, 4) == whole and len(set(whole)) == 4


def test_items_are_prefetched_once_and_up_to_the_limit() -> None:
    made: list[int] = []
    ahead: Prefetcher[int, int] = Prefetcher(
        lambda key: made.append(key) or key, lambda key: key + 1, threads=2, ahead=3
    )
    assert [ahead.get(key) for key in range(20)] == list(range(20))
    assert sorted(made) == sorted(set(made)) and max(made) <= 22
    assert ahead.get(7) == 7 and ahead.get(100) == 100


def test_a_failed_item_raises_its_error_when_requested() -> None:
    def make(key: int) -> int:
        if key == 2:
            raise OSError("no such row")
        return key

    ahead: Prefetcher[int, int] = Prefetcher(make, lambda key: key + 1, threads=2, ahead=4)
    assert [ahead.get(0), ahead.get(1)] == [0, 1]
    with pytest.raises(OSError, match="no such row"):
        ahead.get(2)
    assert ahead.get(3) == 3


def test_the_next_item_is_prefetched_while_one_is_used() -> None:
    second = threading.Event()
    ahead: Prefetcher[int, int] = Prefetcher(
        lambda key: second.set() or key if key == 1 else key, lambda key: key + 1, threads=1, ahead=1
    )
    ahead.get(0)
    assert second.wait(10)
