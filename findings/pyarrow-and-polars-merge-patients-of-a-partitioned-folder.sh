#!/usr/bin/env bash
# Expected: predictions written in one folder per patient (patient_id=007/, patient_id=7/) are read with the same ids.
# What happens: pyarrow and polars read the folder names as integers. "007" and "7" become one patient, 7, without a
#   warning. The type of the column that was written (text) is not stored. DuckDB keeps both. pandas raises
#   "Categorical categories must be unique", but reads a folder with "007" alone as 7.
# Versions: pyarrow 26.0.1, polars 2.1.0, duckdb 2.0.1, pandas 3.1.1.
# Source: both libraries document that types are inferred. Arrow's issue 39660 shows the lost zero, not the merged keys.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 polars==2.1.0 duckdb==2.0.1 pandas==3.1.1
cd "$work"

"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds

for library in (pa, pl, duckdb, pd):
    print(library.__name__, library.__version__, end="  ")
print()

table = pa.table({"patient_id": ["007", "7", "0012", "12"], "probability": [0.1, 0.9, 0.2, 0.8]})
ds.write_dataset(
    table, "predictions", format="parquet", partitioning_flavor="hive", partitioning=["patient_id"]
)

by_arrow = ds.dataset("predictions", partitioning="hive").to_table()["patient_id"].to_pylist()
by_polars = pl.scan_parquet("predictions").collect()["patient_id"].to_list()
query = "SELECT patient_id FROM read_parquet('predictions/*/*.parquet', hive_partitioning = true)"
by_duckdb = [row[0] for row in duckdb.sql(query).fetchall()]
print("written:", sorted(table["patient_id"].to_pylist()))
print("pyarrow:", sorted(by_arrow))
print("polars: ", sorted(by_polars))
print("duckdb: ", sorted(by_duckdb))

alone = pa.table({"patient_id": ["007"], "probability": [0.1]})
ds.write_dataset(alone, "alone", format="parquet", partitioning_flavor="hive", partitioning=["patient_id"])
by_pandas = pd.read_parquet("alone")["patient_id"].tolist()
print("pandas, folder with 007 alone:", by_pandas)

expected = (
    sorted(by_arrow) == sorted(by_polars) == [7, 7, 12, 12]
    and sorted(by_duckdb) == ["0012", "007", "12", "7"]
    and by_pandas == [7]
)
sys.exit(0 if expected else "The behaviour changed.")
PYTHON
