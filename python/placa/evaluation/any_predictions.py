"""Make the table of predictions from any table, as ``as_predictions()`` of the R package does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from placa.core.errors import PathNotFoundError
from placa.core.progress import SILENT, Progress
from placa.core.text import as_list
from placa.evaluation.errors import PairedColumnsError
from placa.evaluation.truth_levels import levels_of, numbers_of, read_truth
from placa.records.errors import DuplicateImageError, InvalidValueError, require_columns
from placa.records.predictions import COLUMNS, clean_identifiers, read_plain_parquet, refuse_values
from placa.sources.errors import LossyIdentifierError
from placa.sources.table.columns import COLUMNS as USUAL_NAMES
from placa.sources.tables import read_text_table
from placa.sources.tables.identifiers import has_lost_digits
from placa.sources.tables.words import UNKNOWN, fold

_IDENTIFIERS = ("image_id", "patient_id", "group_id")


class PredictionColumns(TypedDict, total=False):
    """The columns of a table of predictions, with the names of R's ``as_predictions()``."""

    truth: str | Sequence[str]
    """The truth; with several columns in `estimate`, one for all or one for each (default: ``truth``)."""
    estimate: str | Sequence[str]
    """The probabilities, 0 to 1; one column per finding in the wide form (default: ``probability``)."""
    image_id: str
    """The image (default: ``image_id``; without it, each row is an image)."""
    patient_id: str
    """The patient (default: ``patient_id``)."""
    group_id: str
    """Images that belong together (default: ``group_id``)."""
    finding: str
    """The finding, in the long form (default: ``finding``)."""
    split_column: str
    """The split (default: ``split``; without it, all rows are one set)."""
    event_level: str
    """The level of `truth` that is the finding: ``first``, ``second``, or its name."""


def read_any_table(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a table of predictions.

    Args:
        path: A parquet file, or a text table in any form that `read_text_table` reads.

    Returns:
        The table, and the metadata of predictions that placa wrote, otherwise empty.

    Raises:
        PathNotFoundError: The file does not exist.
        PlacaError: It cannot be read.
    """
    if not path.is_file():
        message = f"{path} does not exist. Pass a run, or a CSV or parquet file of predictions."
        raise PathNotFoundError(message, path=str(path))
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    if is_parquet:
        return read_plain_parquet(path)
    table = read_text_table(path)
    if table.rejected:
        where, reason = table.rejected[0]
        raise InvalidValueError(
            f"{len(table.rejected):,} of {len(table):,} rows cannot be read. The first is {where}: {reason}. Correct "
            "the file: results without these rows could be too good.",
            file=str(path),
            column=None,
            value=reason,
            rows=len(table.rejected),
        )
    frame = table.frame.astype("string")
    # read.csv() of R has the same missing values, and more words here are unknown, as in all tables of placa.
    return frame.apply(lambda column: column.mask(column.map(lambda cell: fold(str(cell)) in UNKNOWN))), {}


def as_predictions(
    data: pd.DataFrame, file: str = "the table", progress: Progress = SILENT, **columns: Any
) -> pd.DataFrame:
    """Make a table of predictions, one row per image and finding.

    Args:
        data: One row per image (wide form), or per image and finding (long form).
        file: The name of the table in messages.
        progress: Shows what follows from missing columns.
        columns: See `PredictionColumns`.

    Returns:
        A table with the columns of predictions.parquet, and ``fold`` and ``period`` if `data` has them.

    Raises:
        MissingColumnError: A column is missing.
        PairedColumnsError: The columns of truth and estimate differ in number.
        TruthLevelsError: The truth has no known meaning.
        InvalidValueError: A value is outside its range.
        LossyIdentifierError: Identifiers were stored as numbers and have lost digits.
        DuplicateImageError: An image has several rows of one finding.
    """
    data = data.rename(columns=str).reset_index(drop=True)
    given = {name: columns.get(name) for name in (*_IDENTIFIERS, "finding", "split_column")}
    truth, estimate = as_list(columns.get("truth")), as_list(columns.get("estimate"))
    _require_columns(data, [*filter(None, given.values()), *truth, *estimate], file)
    data = data.assign(**{role.removesuffix("_column"): data[name] for role, name in given.items() if name})
    data = _with_usual_names(data, {*filter(None, given.values()), *truth, *estimate}, progress)
    _tell_defaults(data, progress)
    if "image_id" not in data:
        data["image_id"] = [f"row {row}" for row in range(1, len(data) + 1)]
    rows = _bind_findings(data, truth, estimate, columns.get("event_level"), file, progress)
    if "split" not in rows or rows["split"].isna().all():
        rows["split"] = "test"
    return _typed(rows, file, progress)


def _require_columns(data: pd.DataFrame, names: Sequence[str], file: str) -> None:
    for name in names:
        option = {"truth": "--truth", "probability": "--estimate"}.get(name)
        remedy = f"Name the column with {option}." if option else "Use one of them."
        require_columns(data, [name], file, remedy)


def _with_usual_names(data: pd.DataFrame, named: set[str], progress: Progress) -> pd.DataFrame:
    """Return the table with ``Sex`` and ``Age`` as ``sex`` and ``age``, except where an argument has named them."""
    usual = {*_IDENTIFIERS, "split", "sex", "age", "view", "site"} - set(data)
    lower = [name.lower() for name in map(str, data)]
    once = {name: name.lower() for name in map(str, data) if lower.count(name.lower()) == 1}
    found = {name: role for name, role in once.items() if role in usual and name not in named}
    if found:
        progress.say(f"used as {', '.join(found.values())}: the columns {', '.join(found)}")
    return data.rename(columns=found)


def _tell_defaults(data: pd.DataFrame, progress: Progress) -> None:
    if not {"patient_id", "group_id"} & set(data.columns):
        usual = {name.replace("_", "") for name in USUAL_NAMES["patient"]}
        similar = [name for name in map(str, data) if fold(name).replace("_", "").replace(" ", "") in usual]
        hint = f" Is it {similar[0]!r}? Then pass --patient-id." if similar else ""
        progress.warn(
            "no column patient_id: each image is a cluster of its own. If patients have several images, intervals are "
            f"too narrow.{hint}"
        )
    if "split" not in data:
        progress.say("no column split: all rows are the test set. They cannot be compared with the training patients.")


def _bind_findings(
    data: pd.DataFrame,
    truth: list[str],
    estimate: list[str],
    event_level: str | None,
    file: str,
    progress: Progress,
) -> pd.DataFrame:
    """Return the long form: one row per image and finding."""
    if not (truth or estimate or event_level) and "finding" in data:
        _require_columns(data, ["truth", "probability"], file)
        return _read_pair(data, "truth", "probability", None, file, progress)
    estimate = [
        name
        for name in estimate or ["probability"]
        if not name.startswith(".pred_class") or pd.api.types.is_numeric_dtype(data[name])
    ]
    names = [name.removeprefix(".pred_") for name in estimate]
    if not truth:
        truth = names if len(estimate) > 1 and set(names) <= set(data.columns) else ["truth"]
    _require_columns(data, [*truth, *estimate], file)
    if len(truth) not in (1, len(estimate)):
        raise PairedColumnsError(
            f"The truth must be one column, or one for each estimate, got {len(truth)} ({', '.join(truth)}) and "
            f"{len(estimate)} ({', '.join(estimate)}).",
            truth=truth,
            estimate=estimate,
        )
    parts = []
    for of_truth, of_estimate, name in zip(
        truth * len(estimate) if len(truth) == 1 else truth, estimate, names, strict=True
    ):
        named = name in levels_of(data[of_truth]) and name != of_estimate
        level = name if event_level is None and named else event_level
        rows = _read_pair(data, of_truth, of_estimate, level, file, progress)
        if "finding" not in data:
            rows["finding"] = _name_of_finding(of_truth, of_estimate, name, level)
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)


def _read_pair(
    data: pd.DataFrame, truth: str, estimate: str, level: str | None, file: str, progress: Progress
) -> pd.DataFrame:
    """Return the table with the columns ``truth`` and ``probability`` of one finding."""
    labels = _in_range(read_truth(data[truth], level, truth, file, progress), truth, "truth", file)
    return data.assign(truth=labels, probability=_in_range(data[estimate], estimate, "probability", file))


def _name_of_finding(truth: str, estimate: str, name: str, level: str | None) -> str:
    if name not in (estimate, level):
        return name
    if truth != "truth":
        return truth
    return name if estimate != "probability" else "Finding"


def _typed(rows: pd.DataFrame, file: str, progress: Progress) -> pd.DataFrame:
    """Return the rows with the columns and types of predictions.parquet."""
    for name in (*_IDENTIFIERS, "split", "finding", "sex", "view", "site", "fold", "period"):
        if name in rows:
            rows[name] = _as_text(rows[name], name, file)
    if "score" in rows:
        rows["score"] = _in_range(rows["score"], "score", "score", file)
    if "age" in rows:
        rows["age"] = _read_age(rows["age"], progress)
    rows["truth"] = rows["truth"].astype("Int8")
    for name in COLUMNS:
        if name not in rows:
            real = name in ("score", "age")
            rows[name] = pd.Series(np.nan if real else pd.NA, rows.index, dtype="float64" if real else "string")
    rows["group_id"] = rows["group_id"].fillna(rows["patient_id"])
    for name in ("image_id", "finding"):
        if count := int(rows[name].isna().sum()):
            message = f"Column {name!r} of {file} must not be empty ({count:,} such rows). Complete it."
            raise InvalidValueError(message, file=file, column=name, value="", rows=count)
    twice = rows.duplicated(["image_id", "finding"]) & rows["truth"].notna()
    if twice.any():
        image = str(rows["image_id"][twice].iloc[0])
        raise DuplicateImageError(
            f"Image {image!r} of {file} has several rows of one finding ({int(twice.sum()):,} such rows). Average "
            "duplicated predictions, or name the column of the images with --image-id.",
            image_id=image,
        )
    return rows[[*COLUMNS, *(name for name in ("fold", "period") if name in rows)]]


def _as_text(column: pd.Series, name: str, file: str) -> pd.Series:
    if pd.api.types.is_float_dtype(column):
        # Identifiers that were read as doubles because one is missing.
        whole = column.dropna() % 1 == 0
        column = column.astype("Int64") if whole.all() and column.dropna().abs().lt(2**53).all() else column
    text = column.astype("string")
    if name not in _IDENTIFIERS:
        return text.mask(text.str.strip() == "")
    text = clean_identifiers(text)
    lossy = next((value for value in text.dropna().unique() if has_lost_digits(value)), None)
    if lossy is not None:
        raise LossyIdentifierError(
            f"Column {name!r} of {file} has identifiers such as {lossy!r}: they were saved as numbers and have lost "
            "digits, so different patients may have the same one. Save the column as text.",
            file=file,
            column=name,
            value=lossy,
        )
    return text.mask(text == "")


def _read_age(column: pd.Series, progress: Progress) -> pd.Series:
    """Return ages in years. Nobody may have asked for this column, so another value is missing, as in R."""
    age = numbers_of(column)
    age = age.where(age.between(0, 150))
    wrong = column.notna() & age.isna()
    if wrong.any():
        progress.warn(
            f"age must be a number of years from 0 to 150: {int(wrong.sum()):,} rows have another value, such as "
            f"{str(column[wrong].iloc[0])!r}, which is treated as missing"
        )
    return age


#: What the values of a column must be, and the remedy.
_RANGES = {
    "truth": ("0, 1 or empty", "Leave uncertain labels empty, or decide about them first."),
    "probability": ("a number from 0 to 1", "Convert percentages, logits or scores to probabilities first."),
    "score": ("finite", "Correct it."),
}


def _in_range(column: pd.Series, name: str, role: str, file: str) -> pd.Series:
    """Return a column as doubles, after checking that its values are those of its role."""
    numbers = numbers_of(column)
    blank = column.isna() | (column.astype("string").str.strip() == "")
    wrong = (numbers.isna() & ~blank) | numbers.isin([-np.inf, np.inf])
    if role == "probability":
        wrong |= (numbers < 0) | (numbers > 1)
    if role == "truth":
        wrong |= numbers.notna() & ~numbers.isin([0, 1])
    needed, remedy = _RANGES[role]
    refuse_values(column, wrong, name, needed, file, remedy)
    return numbers
