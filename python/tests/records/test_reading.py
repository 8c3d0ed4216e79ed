import numpy as np
import pandas as pd
import pytest
from raising import raises

from placa.images.by_rule import files_at_once, read_file
from placa.images.read import ImageRejected
from placa.models.outputs import pool
from placa.records.errors import VolumeRowsError
from placa.records.reading import STRETCH, collapse, expand, slabs


@pytest.fixture
def files() -> pd.DataFrame:
    return pd.DataFrame({"image_id": ["b", "a#01"], "patient_id": ["1", "2"], "path": ["b.mha", "a#01.mha"]})


def test_each_square_has_a_row_in_the_order_of_the_cache(files: pd.DataFrame) -> None:
    rows = expand(files, slabs(3))
    assert rows["image_id"].tolist() == ["b#01", "b#02", "b#03", "a#01#01", "a#01#02", "a#01#03"]
    assert rows["path"].tolist() == ["b.mha"] * 3 + ["a#01.mha"] * 3
    assert rows.index.tolist() == list(range(6))
    assert expand(files, slabs(100))["image_id"].tolist()[:2] == ["b#001", "b#002"]
    assert expand(files, STRETCH) is files


def test_collapsing_undoes_expanding(files: pd.DataFrame) -> None:
    rows = expand(files, slabs(3)).assign(split=["test"] * 3 + ["train"] * 3)
    rows["image_id"] = rows["image_id"].astype("string")
    again = collapse(rows, slabs(3))
    assert again.drop(columns="split").astype(object).equals(files.astype(object))
    assert again["split"].tolist() == ["test", "train"]
    assert collapse(files, STRETCH) is files


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [0, 1, 3, 2, 4, 5], [3, 1, 2, 0, 4, 5], [0, 1, 2, 0, 1, 2]])
def test_a_manifest_in_another_order_is_an_error(files: pd.DataFrame, order: list[int]) -> None:
    with raises(VolumeRowsError, squares=3, rows=len(order)):
        collapse(expand(files, slabs(3)).iloc[order], slabs(3))


def test_pooling_is_the_mean_of_the_logits_of_each_file() -> None:
    logits = np.array([[1.0, 10], [3, 20], [-4, 0], [0, 2]])
    assert pool(logits, 2).tolist() == [[2, 15], [-2, 1]]
    assert pool(logits, 1) is logits
    assert pool(np.empty((0, 3)), 4).shape == (0, 3)
    # Bit-identical for any other files in the table.
    many = np.random.default_rng(0).normal(size=(160, 1))
    assert pool(many, 16)[7] == pool(many[112:128], 16)[0]


def test_one_image_is_one_square(tmp_path) -> None:
    from conftest import draw

    assert read_file(STRETCH, str(draw(tmp_path / "a.png")), 16).shape == (1, 16, 16)
    with pytest.raises(ImageRejected):
        read_file(STRETCH, str(tmp_path / "none.png"), 16)
    assert (files_at_once(STRETCH, 8), files_at_once(slabs(), 8), files_at_once(slabs(), 1)) == (8, 2, 1)
