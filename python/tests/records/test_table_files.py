import json
from pathlib import Path

import pandas as pd
import pytest
from raising import raises

from placa.records.errors import TableEndingError
from placa.records.table_files import read_results, require_table_format, write_text_table

TABLE = pd.DataFrame({"image_id": ["niño, 1.png", "b"], "probability": [0.1 + 0.2, 1e-7], "truth": [None, None]})


def test_the_ending_names_the_format(tmp_path: Path) -> None:
    write_text_table(TABLE, tmp_path / "t.CSV")
    read = pd.read_csv(tmp_path / "t.CSV", float_precision="round_trip")
    assert read["image_id"].tolist() == ["niño, 1.png", "b"] and read["probability"].tolist() == [0.1 + 0.2, 1e-7]
    write_text_table(TABLE, tmp_path / "t.json")
    rows = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert rows[0]["truth"] is None and rows[0]["image_id"] == "niño, 1.png"
    assert rows[1]["probability"] == pytest.approx(1e-7, abs=1e-15)


@pytest.mark.parametrize("name", ["t.xlsx", "t", "t.csv.gz", "t.feather"])
def test_other_endings_are_refused(name: str, tmp_path: Path) -> None:
    with raises(TableEndingError, path=str(tmp_path / name), endings=[".parquet", ".csv", ".json"]):
        require_table_format(tmp_path / name)


def test_a_finding_of_a_table_of_results_can_be_called_na_or_1(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('finding,slope\n"NA",\n"1",0.5\n')
    table = read_results(tmp_path / "a.csv")
    assert table["finding"].tolist() == ["NA", "1"] and table["slope"].isna().tolist() == [True, False]
