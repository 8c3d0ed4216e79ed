"""Batches of a split for a training loop of the user's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from raising import raises

import placa
from placa.core.errors import MissingPackageError, OutOfRangeError, UnknownNameError
from placa.dataset.prepared import Prepared


@pytest.fixture
def data(prepared: Path) -> Prepared:
    return placa.read_prepared(prepared)


def rows_of(data: Prepared, split: str) -> np.ndarray:
    return np.flatnonzero(data.manifest["split"] == split)


def test_a_split_is_read_once_in_order(data: Prepared) -> None:
    rows, batches = rows_of(data, "validation"), data.dataset("validation", batch_size=8)
    pixels, truth = map(np.concatenate, zip(*batches, strict=True))
    assert pixels.dtype == np.uint8 and np.array_equal(pixels[..., 0], data.pixels[rows])
    assert truth.dtype == np.float32 and np.array_equal(truth[:, 0], data.manifest["Opacity"][rows])


def test_training_batches_have_another_order_each_epoch(data: Prepared) -> None:
    batches = data.dataset("train", batch_size=16, seed=4)
    first = np.concatenate([pixels for pixels, _ in batches])
    batches.on_epoch_end()
    second = np.concatenate([pixels for pixels, _ in batches])
    again = np.concatenate([pixels for pixels, _ in data.dataset("train", batch_size=16, seed=4)])
    assert len(first) == len(rows_of(data, "train")) and np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sort(first, axis=0), np.sort(second, axis=0))


def test_tensorflow_has_the_same_batches(data: Prepared) -> None:
    pytest.importorskip("tensorflow")
    dataset = data.to_tf("test", batch_size=8)
    assert len(dataset) == len(data.dataset("test", batch_size=8))
    for (pixels, truth), (levels, labels) in zip(dataset, data.dataset("test", batch_size=8), strict=True):
        assert np.array_equal(pixels, levels) and np.array_equal(truth, labels)


def test_torch_has_one_item_per_square(data: Prepared) -> None:
    try:
        dataset = data.to_torch("test")
    except MissingPackageError as error:
        assert error.values["package"] == "torch"
        pytest.skip("torch is not installed")
    row = rows_of(data, "test")[3]
    pixels, truth = dataset[3]
    assert len(dataset) == len(rows_of(data, "test")) and np.array_equal(pixels[0].numpy(), data.pixels[row])
    assert truth.numpy().tolist() == [data.manifest["Opacity"][row]]


def test_a_wrong_split_or_size_is_an_error(data: Prepared) -> None:
    with raises(UnknownNameError, name="training"):
        data.dataset("training")
    with raises(OutOfRangeError, name="batch_size", value=0):
        data.dataset("train", batch_size=0)
