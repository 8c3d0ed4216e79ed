"""Read parquet files whose content fits the limits of `placa.core.limits`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from placa.core import limits
from placa.core.errors import DamagedFileError, FileTooLargeError
from placa.core.files import explain_os_error
from placa.core.json_files import DuplicateKeyError, parse_json, unique_keys
from placa.records.errors import SchemaVersionError


def read_parquet(path: Path) -> pa.Table:
    """Read a parquet file.

    Raises:
        FileTooLargeError: Its metadata state more values or bytes than the limits.
        pyarrow.ArrowException, ValueError: It is damaged or not parquet, or two columns have the same name.
        OSError: It cannot be read.
    """
    try:
        with pq.ParquetFile(path) as file:
            require_size(path, file)
            table = file.read()
    except OSError as error:
        # Damaged compressed pages are errors of the system too, but without a number.
        if error.errno is not None:
            raise
        raise pa.ArrowInvalid(str(error)) from error
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    if twice:
        raise pa.ArrowInvalid(f"it has two columns {twice[0]!r}")
    return table


def read_parquet_frame(path: Path, remedy: str) -> pd.DataFrame:
    """Read a parquet file that placa wrote as a data frame.

    Args:
        path: The file.
        remedy: The way to create it again.

    Raises:
        PathNotFoundError: It does not exist.
        DamagedFileError: It is damaged or not parquet.
        FileTooLargeError: See `read_parquet`.
    """
    with parquet_faults(path, remedy):
        frame: pd.DataFrame = read_parquet(path).to_pandas()
    return frame


@contextmanager
def parquet_faults(path: Path, remedy: str) -> Iterator[None]:
    """Name the file and the remedy in errors of reading a parquet file and of converting it (see `read_parquet_frame`).

    Args:
        path: The file.
        remedy: The way to create it again.
    """
    try:
        yield
    except (pa.ArrowException, ValueError, KeyError, TypeError) as error:
        # Damaged metadata of pandas can raise any of these.
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        message = f"{path} is damaged or not parquet ({reason}). {remedy}"
        raise DamagedFileError(message, path=str(path), reason=reason) from error
    except OSError as error:
        raise explain_os_error(error, path) from error


def placa_metadata(schema: pa.Schema, path: Path, newest: int) -> dict[str, Any]:
    """Return what placa wrote into the metadata of a parquet file; empty if another program wrote the file.

    Args:
        schema: The schema of the file.
        path: The file.
        newest: The newest version of these metadata.

    Raises:
        DamagedFileError: A key occurs twice.
        SchemaVersionError: Another version of placa wrote the file.
    """
    try:
        stored = parse_json((schema.metadata or {}).get(b"placa", b"{}"), object_pairs_hook=unique_keys)
    except DuplicateKeyError as error:
        message = f"The metadata of {path} are not valid JSON ({error}). Create the file again."
        raise DamagedFileError(message, path=str(path), reason=str(error)) from error
    except ValueError:
        return {}
    if not isinstance(stored, dict):
        return {}
    version = stored.get("schema_version", newest)
    if type(version) is not int or not 1 <= version <= newest:
        raise SchemaVersionError(
            f"{path} has schema version {version}, but this version of placa reads versions up to {newest}. Update "
            "placa.",
            path=str(path),
            version=version,
            expected=newest,
        )
    return stored


def require_size(path: Path, file: pq.ParquetFile) -> None:
    """Refuse a parquet file by its metadata, before it is read.

    Raises:
        FileTooLargeError: It states more values or bytes than the limits.
    """
    about: Any = file.metadata
    values = about.num_rows * about.num_columns
    size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    if values > limits.MAX_VALUES or size > limits.MAX_BYTES:
        raise FileTooLargeError(
            f"{path} has {values:,} values of {size:,} bytes, and the limits are {limits.MAX_VALUES:,} values and "
            f"{limits.MAX_BYTES:,} bytes. Write it in several files.",
            path=str(path),
            values=values,
            bytes=size,
        )
