"""What R calls through reticulate: paths and scalars in, plain lists out, which every reticulate can convert."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from placa.images.by_rule import list_files
from placa.images.read import ImageRejected
from placa.records.reading import Reading
from placa.records.run import require_run

if TYPE_CHECKING:
    from placa.inference.explain import Explainer


def find_as_list(run: str, places: list[str]) -> list[str]:
    """List the files that a run's model would read, for R: files as they are given, folders with what is in them.

    Raises:
        PlacaError: `run` is no run, a place does not exist, or there is no such file in all of them.
    """
    # From run.json: R lists files before the model is loaded.
    reading = Reading.from_dict(require_run(Path(run))["data"].get("reading"))
    return [str(path) for path in list_files(reading, places)]


def predict_as_lists(run: str, images: list[str]) -> dict[str, list[Any]]:
    """Predict for R: paths in, plain lists out.

    Args:
        run: The run directory.
        images: Image files and folders of them.

    Returns:
        ``image``, ``finding``, ``probability``, ``score`` and ``class``, one entry an image and finding, and
        ``rejected_image`` and ``rejected_reason`` of those that could not be read.

    Raises:
        PlacaError: `run` is no run, or an image does not exist.
    """
    from placa.inference.predict import loaded

    predictor = loaded(Path(run))
    table, rejected = predictor.predict([str(path) for path in list_files(predictor.reading, images)])
    return {
        "image": table["path"].tolist(),
        "finding": table["finding"].tolist(),
        "probability": table["probability"].tolist(),
        "score": table["score"].tolist(),
        "class": table["class"].tolist(),
        "rejected_image": [path for path, _ in rejected],
        "rejected_reason": [reason for _, reason in rejected],
    }


_EXPLAINERS: dict[int, Explainer] = {}


def explain_as_lists(run: str, image: str, finding: str | None = None) -> dict[str, Any]:
    """Explain one file for R: a path in, plain lists out.

    Args:
        run: The run directory.
        image: An image, or a CT volume for a model of these.
        finding: Which; by default the one of the highest probability.

    Returns:
        ``finding``, ``probability``, ``class``, ``square`` and ``squares``; ``map`` with ``size`` and ``pixels`` with
        ``width`` and ``height``, both row by row from the top left; or ``rejected`` alone, the reason why the file
        cannot be read.

    Raises:
        PlacaError: `run` is no run, or its model knows no such finding.
    """
    from placa.inference.explain import Explainer
    from placa.inference.predict import loaded

    predictor = loaded(Path(run))
    if id(predictor) not in _EXPLAINERS:
        _EXPLAINERS.clear()
        _EXPLAINERS[id(predictor)] = Explainer(predictor)
    try:
        one = _EXPLAINERS[id(predictor)].explain(image, [finding] if finding else None)[0]
    except ImageRejected as reason:
        return {"rejected": str(reason)}
    height, width = one.grey.shape
    return {
        "finding": one.finding,
        "probability": one.probability,
        "class": one.category,
        "square": one.square,
        "squares": one.squares,
        "size": int(one.evidence.shape[0]),
        "map": [float(value) for value in one.evidence.ravel()],
        "width": int(width),
        "height": int(height),
        "pixels": [int(value) for value in one.grey.ravel()],
    }


def read_as_lists(path: str) -> dict[str, Any]:
    """Read a table as plain lists, which any reticulate can turn into a data frame.

    Args:
        path: A parquet file, predictions or any other flat table, or the run directory whose predictions are meant.

    Returns:
        ``columns``: for each column a list of one type, with ``""``, 0 or False where a value is missing; ``missing``:
        for each column which values those are; ``kinds``: what each is in R (``character``, ``integer``, ``double``,
        ``logical``, ``factor``, by number from 1, ``date``, in days, ``time``, in seconds, both since 1970);
        ``levels``: those of each factor; ``metadata``: JSON, empty where there is none.
    """
    file = Path(path)
    table = pq.read_table(file / "predictions.parquet" if file.is_dir() else file)
    lists: dict[str, Any] = {"columns": {}, "missing": {}, "kinds": {}, "levels": {}}
    for name, column in zip(table.column_names, table.columns, strict=True):
        lists["missing"][name] = column.is_null().to_pylist()
        if pa.types.is_dictionary(column.type) and pa.types.is_string(column.type.value_type):
            factor = column.unify_dictionaries().combine_chunks()
            lists["levels"][name] = factor.dictionary.to_pylist()
            lists["kinds"][name], values = "factor", pc.add(factor.indices.cast(pa.int32()), 1)
        else:
            lists["kinds"][name], values = _kind_in_r(column)
        empty = "" if pa.types.is_string(values.type) else 0
        lists["columns"][name] = values.fill_null(pa.scalar(empty).cast(values.type)).to_pylist()
    lists["metadata"] = (table.schema.metadata or {}).get(b"placa", b"").decode()
    return lists


def _kind_in_r(column: Any) -> tuple[str, Any]:
    kind = column.type
    if pa.types.is_null(kind) or pa.types.is_boolean(kind):
        return "logical", column.cast(pa.bool_())
    if pa.types.is_integer(kind):
        ends = pc.min_max(column).as_py().values()
        fits = all(end is None or abs(end) < 2**31 for end in ends)
        return ("integer", column.cast(pa.int32())) if fits else ("double", column.cast(pa.float64(), safe=False))
    if pa.types.is_floating(kind):
        return "double", column.cast(pa.float64())
    if pa.types.is_date(kind):
        return "date", column.cast(pa.date32()).cast(pa.int32())
    if pa.types.is_timestamp(kind):
        microseconds = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
        return "time", pc.divide(microseconds.cast(pa.float64(), safe=False), 1e6)
    return "character", column.cast(pa.string())
