"""Parquet files of other programs: any column type is the same table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from placa.records.column_types import plain_columns
from placa.records.predictions import read_predictions
from placa.workflows.r_calls import read_as_lists

PROBABILITY = [0.0625, 0.5, 0.375, 0.75, 0.625, 0.875, 0.25, 0.125]
LONG = [20261128123456781 + row // 2 for row in range(8)]
PATIENTS: dict[str, list[int]] = {
    "long-int64": LONG,
    "long-decimal": LONG,
    "long-uint64": [number + 10**19 - 2 * 10**16 for number in LONG],
    "short-int64": [row // 2 for row in range(8)],
    "uint32": [4294967290 + row // 2 for row in range(8)],
}


def test_predictions_of_other_programs_are_read_exactly(foreign_types: dict[str, Path]) -> None:
    for name, path in foreign_types.items():
        predictions, _ = read_predictions(path)
        assert predictions["probability"].tolist() == PROBABILITY, name
        assert predictions["truth"].tolist() == [0, 0, 1, 1, 0, 1, 0, 0], name
        np.testing.assert_array_equal(predictions["age"], [67, 67, 45, 45, np.nan, np.nan, 30, 30], name)
        expected = (
            [str(number) for number in PATIENTS[name]] if name in PATIENTS else [f"p{row // 2}" for row in range(8)]
        )
        if name == "long-int64-missing":
            expected = [pd.NA, pd.NA, *map(str, LONG[2:])]
        assert predictions["patient_id"].tolist() == expected, name


def test_columns_without_a_type_in_r_are_named_and_left_out(foreign_types: dict[str, Path]) -> None:
    left_out = {name: read_as_lists(str(path))["left_out"] for name, path in foreign_types.items()}
    assert {name: columns for name, columns in left_out.items() if columns} == {
        "list-beside": ["embedding"],
        "struct-beside": ["meta"],
        "map-beside": ["meta"],
        "binary-beside": ["thumbnail"],
    }
    # Python carries them.
    assert "embedding" in read_predictions(foreign_types["list-beside"])[0]


@pytest.mark.parametrize(
    ("column", "plain"),
    [
        (pa.array([b"\xc3\xb1", None, b"b"]), pa.array(["ñ", None, "b"])),
        (pa.array([b"a\0", b"b"]), None),
        (pa.array([1, None], pa.time32("s")), pa.array([1.0, None])),
        (pa.array([1500, None], pa.duration("ms")), pa.array([1.5, None])),
        (pa.array([2**53, None, 1]), pa.array(["9007199254740992", None, "1"])),
        (pa.array([2**53 - 1, 1]), pa.array([2**53 - 1, 1])),
        (pa.array([None, None], pa.decimal128(9, 0)), pa.array([None, None], pa.int64())),
        (pa.array([3, 4, None], pa.int16()).dictionary_encode(), pa.array([3, 4, None], pa.int16())),
        (pa.array([[1]], pa.list_(pa.int8(), 1)), None),
        (pa.array([b"x", None], pa.binary_view()), pa.array(["x", None])),
    ],
)
def test_one_column_has_one_plain_type(column: pa.Array, plain: pa.Array | None) -> None:
    table, left_out = plain_columns(pa.table({"x": column}))
    assert left_out == ([] if plain is not None else ["x"])
    if plain is not None:
        assert table["x"].combine_chunks().equals(plain)
