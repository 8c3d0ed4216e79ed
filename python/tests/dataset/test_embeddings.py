"""Embeddings from parquet files of any maker, joined to images."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import RecordedProgress
from made_embeddings import PROVENANCE, write_columns, write_embeddings
from raising import raises

from placa.core.errors import DamagedFileError, PathNotFoundError
from placa.dataset.embeddings import read_embeddings
from placa.dataset.errors import (
    DuplicateEmbeddingError,
    EmbeddingColumnError,
    EmbeddingLengthError,
    InvalidEmbeddingError,
    NoEmbeddingsError,
)
from placa.dataset.prepared import select_rows
from placa.records.errors import (
    InvalidProvenanceError,
    MissingProvenanceError,
    ProvenanceMismatchError,
    SchemaVersionError,
)

IDS = ["b.png", "a.png", "c.png"]
VECTORS = np.arange(12, dtype="float32").reshape(3, 4)


def _fixed(kind: Any) -> Any:
    return pa.FixedSizeListArray.from_arrays(pa.array(VECTORS.ravel().astype(kind)), 4)


@pytest.mark.parametrize(
    "columns",
    [
        {"image_id": IDS, "embedding": _fixed("float32")},
        {"image_id": IDS, "embedding": _fixed("float64")},
        {"image_id": IDS, "embedding": _fixed("float16")},
        # As pandas writes a column of arrays.
        {"image_id": IDS, "embedding": pa.array(list(VECTORS))},
        {
            "image_id": pa.array(IDS, pa.large_string()),
            "embedding": pa.array(list(VECTORS), pa.large_list(pa.float32())),
        },
        {"image_id": pa.array(IDS).dictionary_encode(), "embedding": _fixed("float32")},
        {
            "image_id": IDS,
            "embedding": pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), (2, 2)), _fixed("float32")),
        },
        # As R writes a matrix. The order of the columns has no effect.
        {"embedding_2": VECTORS[:, 1], "image_id": IDS, **{f"embedding_{i + 1}": VECTORS[:, i] for i in (0, 2, 3)}},
    ],
    ids=["float32", "float64", "float16", "pandas", "large", "dictionary", "tensor", "columns"],
)
def test_every_form_of_a_table_gives_the_same_embeddings(tmp_path: Path, columns: dict[str, Any]) -> None:
    file = write_columns(tmp_path / "e.parquet", columns)
    found, ids = read_embeddings([file], ["a.png", "b.png", "c.png"])
    assert ids == ["a.png", "b.png", "c.png"]
    assert found.vectors.dtype == np.float32
    np.testing.assert_array_equal(found.vectors, VECTORS[[1, 0, 2]])
    assert found.facts["length"] == 4
    assert found.facts["provenance"] == PROVENANCE


def test_every_row_and_every_image_is_counted(tmp_path: Path) -> None:
    vectors = pa.array([[1.0, 2], None, [3, 4], [5, 6], None], pa.list_(pa.float32()))
    file = write_columns(tmp_path / "e.parquet", {"image_id": ["x", "b", "a", "y", "z"], "embedding": vectors})
    progress = RecordedProgress()
    found, ids = read_embeddings([file], ["b", "a", "c", "x"], progress=progress)
    assert ids == ["a", "x"]
    np.testing.assert_array_equal(found.vectors, [[3, 4], [1, 2]])
    assert found.present.tolist() == [False, True, False, True]
    facts = found.facts
    assert (facts["rows"], facts["used"], facts["unused"], facts["empty"], facts["missing"]) == (5, 2, 2, 1, 2)
    assert facts["rows"] == facts["used"] + facts["unused"] + facts["empty"]
    assert "5 rows = 2 used + 2 unused + 1 empty; 4 images = 2 used + 2" in progress.messages[0]


def test_many_rows_in_several_files_are_joined_in_the_order_of_the_images(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(9000, 3)).astype("float32")
    ids = [f"i{number}" for number in random.permutation(9000)]
    (tmp_path / "parts").mkdir()
    write_embeddings(tmp_path / "parts" / "1.parquet", ids[:5000], vectors[:5000])
    write_embeddings(tmp_path / "parts" / "2.parquet", ids[5000:], vectors[5000:])
    wanted = [f"i{number}" for number in range(0, 9000, 2)] + ["absent"]
    found, names = read_embeddings([tmp_path / "parts"], wanted)
    assert names == wanted[:-1]
    np.testing.assert_array_equal(found.vectors, pd.DataFrame(vectors, index=ids).loc[names].to_numpy())
    everything, all_ids = read_embeddings([tmp_path / "parts"])
    assert all_ids == ids
    np.testing.assert_array_equal(everything.vectors, vectors)


@pytest.mark.parametrize("key", [*PROVENANCE, "pooling"])
def test_embeddings_that_were_made_in_different_ways_are_not_joined(tmp_path: Path, key: str) -> None:
    changed: Any = {"input_size": 518, "checkpoint": "sha256:" + "2" * 64}.get(key, "other")
    one = write_embeddings(tmp_path / "1.parquet", IDS, VECTORS)
    two = write_embeddings(tmp_path / "2.parquet", ["d"], VECTORS[:1], {**PROVENANCE, key: changed})
    with raises(ProvenanceMismatchError, differ={key: [PROVENANCE.get(key), changed]}):
        read_embeddings([one, two])
    found, _ = read_embeddings([one])
    with raises(ProvenanceMismatchError, other="runs/mine", differ={key: [PROVENANCE.get(key), changed]}):
        read_embeddings([two], expected=found.facts, of="runs/mine")


def test_the_name_and_the_training_data_of_a_network_do_not_change_its_embeddings(tmp_path: Path) -> None:
    one = write_embeddings(tmp_path / "1.parquet", IDS, VECTORS, {**PROVENANCE, "pretrained_on": ["nih"]})
    two = write_embeddings(tmp_path / "2.parquet", ["d"], VECTORS[:1], {**PROVENANCE, "model": "mine"})
    found, _ = read_embeddings([one, two])
    assert found.facts["provenance"].get("pretrained_on") == ["nih"]


def test_what_a_file_does_not_state_is_asked_for(tmp_path: Path) -> None:
    file = write_embeddings(tmp_path / "e.parquet", IDS, VECTORS, None)
    with raises(MissingProvenanceError, missing=list(PROVENANCE)):
        read_embeddings([file])
    given = {name: str(value) for name, value in PROVENANCE.items()}
    found, _ = read_embeddings([file], given={**given, "pretrained_on": "mimic, chexpert"})
    assert found.facts["provenance"] == {**PROVENANCE, "pretrained_on": ["mimic", "chexpert"]}
    with raises(InvalidProvenanceError, name="checkpoint", value="abc"):
        read_embeddings([file], given={**given, "checkpoint": "abc"})
    with raises(InvalidProvenanceError, name="librari"):
        read_embeddings([file], given={**given, "librari": "timm"})
    stated = write_embeddings(tmp_path / "s.parquet", IDS, VECTORS)
    with raises(ProvenanceMismatchError, differ={"input_size": [224, 518]}):
        read_embeddings([stated], given={"input_size": "518"})


def test_invalid_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "e.parquet"
    with raises(PathNotFoundError, path=str(file)):
        read_embeddings([file])
    file.write_bytes(b"image_id,embedding")
    with raises(DamagedFileError, path=str(file)):
        read_embeddings([file])
    write_columns(file, {"name": IDS, "embedding": _fixed("float32")})
    with raises(EmbeddingColumnError, column="image_id"):
        read_embeddings([file])
    write_columns(file, {"image_id": IDS, "vector": _fixed("float32")})
    with raises(EmbeddingColumnError, column="embedding"):
        read_embeddings([file])
    write_columns(file, {"image_id": IDS, "embedding": [1.0, 2, 3]})
    with raises(EmbeddingColumnError, column="embedding", type="double"):
        read_embeddings([file])
    # Quantised numbers have no scale.
    write_columns(file, {"image_id": IDS, "embedding": _fixed("int8")})
    with raises(EmbeddingColumnError, column="embedding"):
        read_embeddings([file])
    write_embeddings(file, IDS, VECTORS, {**PROVENANCE, "schema_version": 2})
    with raises(SchemaVersionError, version=2):
        read_embeddings([file])
    write_embeddings(file, ["a.png", "a.png", "b.png"], VECTORS)
    with raises(DuplicateEmbeddingError, image_id="a.png"):
        read_embeddings([file])
    write_columns(file, {"image_id": IDS, "embedding": pa.array([[1.0, 2], [1, 2], [1]])})
    with raises(EmbeddingLengthError, length=1, expected=2, image_id="c.png"):
        read_embeddings([file])
    with raises(NoEmbeddingsError, rows=3, images=1, example="b.png", expected="b"):
        read_embeddings([write_embeddings(file, IDS, VECTORS)], ["b"])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_a_number_that_is_not_finite_is_refused(tmp_path: Path, value: float) -> None:
    vectors = VECTORS.astype("float64")
    vectors[1, 2] = value
    with raises(InvalidEmbeddingError, image_id="a.png", rows=1):
        read_embeddings([write_embeddings(tmp_path / "e.parquet", IDS, vectors)])


def test_a_missing_number_is_refused(tmp_path: Path) -> None:
    values = pa.array([[1.0, 2], [None, 2], [3, 4]], pa.list_(pa.float32(), 2))
    with raises(InvalidEmbeddingError, image_id="a.png", rows=1):
        read_embeddings([write_columns(tmp_path / "e.parquet", {"image_id": IDS, "embedding": values})])


def test_metadata_of_other_programs_are_ignored(tmp_path: Path) -> None:
    table = pa.table({"image_id": IDS, "embedding": _fixed("float32")})
    pq.write_table(table.replace_schema_metadata({"placa": "no JSON"}), tmp_path / "e.parquet")
    with raises(MissingProvenanceError):
        read_embeddings([tmp_path / "e.parquet"])
    pq.write_table(table.replace_schema_metadata({"placa": json.dumps([1])}), tmp_path / "e.parquet")
    with raises(MissingProvenanceError):
        read_embeddings([tmp_path / "e.parquet"])


def test_some_rows_of_an_array_are_indexed_like_an_array() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    kept = np.array([True, False, True, True, False, True])
    some, wanted = select_rows(array, kept), array[kept]
    assert select_rows(array, kept | True) is array
    assert (len(some), some.shape) == (4, (4, 2, 2))
    for rows in (2, slice(1, 3), np.array([3, 0])):
        np.testing.assert_array_equal(some[rows], wanted[rows])
    np.testing.assert_array_equal(np.stack(list(some[::1])), wanted)
