"""Write tables for other programs, in the format that the ending of the file names, and read tables of results."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from placa.core.files import atomic_file
from placa.records.errors import TableEndingError

#: The endings of tables that placa writes.
ENDINGS = (".parquet", ".csv", ".json")
#: Columns of names in tables of results.
_NAMES = ("finding", "group", "operating_point", "image_id", "period", "level")


def read_results(path: Path) -> pd.DataFrame:
    """Read a table of results that R wrote, as CSV: missing values are empty cells; a finding may be called NA or 1."""
    return pd.read_csv(path, dtype=dict.fromkeys(_NAMES, str), keep_default_na=False, na_values=[""])


def require_table_format(path: Path) -> None:
    """Check that placa can write a table with the ending of a file.

    Raises:
        TableEndingError: The ending is another one.
    """
    if path.suffix.lower() not in ENDINGS:
        raise TableEndingError(
            f"{path} must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}, which names the format of the table.",
            path=str(path),
            endings=list(ENDINGS),
        )


def write_text_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table atomically in UTF-8: as CSV, or as JSON with one object per row.

    Args:
        table: The table; missing values become empty cells or null.
        path: A file that ends in ``.csv`` or ``.json``.
    """
    with atomic_file(path) as partial:
        if path.suffix.lower() == ".csv":
            table.to_csv(partial, index=False, encoding="utf-8", lineterminator="\n")
        else:
            table.to_json(partial, orient="records", force_ascii=False, double_precision=15, indent=1)
