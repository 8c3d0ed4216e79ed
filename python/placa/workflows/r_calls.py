"""Define the functions that R calls through reticulate, with paths and scalars as input and plain lists as output."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placa.core.text import show_controls
from placa.images.by_rule import list_files, short_names
from placa.images.read import ImageRejected, refuse_name
from placa.records.reading import Reading
from placa.records.run import require_run

if TYPE_CHECKING:
    from placa.inference.explain import Explainer
    from placa.inference.predict import Predictor
    from placa.sources.dicom.patient_key import PatientKey


def find_as_lists(run: str, places: list[str]) -> dict[str, list[str]]:
    """List the files that the model of a run can read, for R: files as given, and the files in folders.

    Args:
        run: The run directory.
        places: Files and folders.

    Returns:
        ``files``, the paths of files; ``rejected_image`` and ``rejected_reason``, of files whose names R cannot store;
        and ``skipped`` and ``skipped_reason``, of files and folders that are skipped.

    Raises:
        PlacaError: `run` is not a run, a path does not exist, or no file is found.
    """
    # From run.json: R lists files before the model is loaded.
    reading = Reading.from_record(require_run(Path(run))["data"].get("reading"))
    listing = list_files(reading, places)
    files: list[str] = []
    rejected: list[tuple[str, str]] = []
    for path in map(str, listing):
        try:
            refuse_name(path)
            files.append(path)
        except ImageRejected as reason:
            rejected.append((show_controls(path), str(reason)))
    return {
        "files": files,
        "rejected_image": [path for path, _ in rejected],
        "rejected_reason": [reason for _, reason in rejected],
        "skipped": [show_controls(path) for path, _ in listing.reasons],
        "skipped_reason": [reason for _, reason in listing.reasons],
    }


def predict_as_lists(run: str, images: list[str]) -> dict[str, list[Any]]:
    """Predict images for R.

    Args:
        run: The run directory.
        images: Image files and folders of them.

    Returns:
        ``image``, ``finding``, ``probability``, ``score``, ``class``, and ``typicality`` and ``outside`` if the model
        has them, one entry per image and finding; and ``rejected_image`` and ``rejected_reason``, one entry per
        rejected image.

    Raises:
        PlacaError: `run` is not a run, or an image does not exist.
    """
    from placa.inference.predict import load_predictor

    predictor = load_predictor(Path(run))
    predictions = predictor.predict_files([str(path) for path in list_files(predictor.reading, images)])
    columns = predictions.columns()
    return {
        "image": columns["path"],
        **{name: values for name, values in columns.items() if name not in ("image_id", "path")},
        "rejected_image": [path for path, _ in predictions.rejected],
        "rejected_reason": [reason for _, reason in predictions.rejected],
    }


def name_as_list(run: str, paths: list[str]) -> list[str]:
    """Return the image ID of each path, for R: that of ``placa predict --out``, without directories.

    Args:
        run: The run directory.
        paths: Distinct paths of files.
    """
    from placa.inference.public_ids import public_ids

    @cache
    def key() -> PatientKey:
        # Imported for DICOM files only: the sources load pandas.
        from placa.sources.dicom.patient_key import read_patient_key

        return read_patient_key(None)

    reading = Reading.from_record(require_run(Path(run))["data"].get("reading"))
    names = dict(zip(paths, short_names(reading, paths), strict=True))
    ids = public_ids(paths, names, key)
    return [ids[path] for path in paths]


def predict_table_as_lists(run: str, files: list[str]) -> dict[str, list[Any]]:
    """Predict the rows of files of embeddings, for R.

    Args:
        run: A run that was trained on embeddings.
        files: Parquet files of embeddings, and folders of them.

    Returns:
        ``image``, one entry per row, and ``probability``, one per row and finding.

    Raises:
        PlacaError: The embeddings were made in another way than those of the run, or a file is invalid.
    """
    from placa.inference.embedded import predict_table
    from placa.inference.predict import load_predictor

    predictor = load_predictor(Path(run))
    table = predict_table(predictor, files)
    images = table["image_id"].iloc[:: len(predictor.findings)]
    return {"image": images.tolist(), "probability": table["probability"].tolist()}


def predict_vectors_as_lists(run: str, file: str) -> dict[str, list[float]]:
    """Predict embeddings for R.

    Args:
        run: A run that was trained on embeddings.
        file: Numbers of 64 bits, little-endian, row by row.

    Returns:
        ``probability``, one entry per row and finding.
    """
    import numpy as np

    from placa.inference.embedded import predict_vectors, require_embeddings
    from placa.inference.predict import load_predictor

    predictor = load_predictor(Path(run))
    vectors = np.fromfile(file, "<f8").reshape(-1, require_embeddings(predictor)["length"]).astype(np.float32)
    return {"probability": predict_vectors(predictor, vectors).probability.ravel().tolist()}


@lru_cache(maxsize=1)
def _explainer(predictor: Predictor) -> Explainer:
    from placa.inference.explain import Explainer

    return Explainer(predictor)


def explain_as_lists(run: str, image: str, finding: str | None = None) -> dict[str, Any]:
    """Explain the prediction for one file, for R.

    Args:
        run: The run directory.
        image: An image, or a CT volume for a model of CT volumes.
        finding: The finding; by default the one with the highest probability.

    Returns:
        ``finding``, ``probability``, ``class``, ``square`` and ``squares``; ``map`` with ``size`` and ``pixels`` with
        ``width`` and ``height``, both row by row from the top left; or only ``rejected``, the reason why the file is
        rejected.

    Raises:
        PlacaError: `run` is not a run, or its model does not have the finding.
    """
    from placa.inference.predict import load_predictor

    try:
        one = _explainer(load_predictor(Path(run))).explain(image, [finding] if finding else None)[0]
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
    """Read a table as plain lists, which every version of reticulate can convert to a data frame.

    Args:
        path: A parquet file, or a run directory for its predictions.

    Returns:
        ``columns``: one list per column, with ``""``, 0 or False for missing values; ``missing``: one list of booleans
        per column; ``kinds``: the type of each column in R (``character``, ``integer``, ``double``, ``logical``,
        ``date``, in days, ``time``, in seconds, both since 1970); ``left_out``: the names of columns without such a
        type; ``metadata``: JSON, or an empty string.
    """
    # Imported here, because a prediction does not need it.
    import pyarrow as pa

    from placa.records.column_types import plain_columns
    from placa.records.parquet_files import read_parquet

    file = Path(path)
    table = read_parquet(file / "predictions.parquet" if file.is_dir() else file)
    plain, left_out = plain_columns(table)
    lists: dict[str, Any] = {"columns": {}, "missing": {}, "kinds": {}, "left_out": left_out}
    for name, column in zip(plain.column_names, plain.columns, strict=True):
        lists["missing"][name] = column.is_null().to_pylist()
        lists["kinds"][name], values = _kind_in_r(column)
        empty = "" if pa.types.is_string(values.type) else 0
        lists["columns"][name] = values.fill_null(pa.scalar(empty).cast(values.type)).to_pylist()
    lists["metadata"] = (table.schema.metadata or {}).get(b"placa", b"").decode("utf-8", errors="replace")
    return lists


def _kind_in_r(column: Any) -> tuple[str, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    from placa.records.column_types import largest_integer

    kind = column.type
    if pa.types.is_null(kind) or pa.types.is_boolean(kind):
        return "logical", column.cast(pa.bool_())
    if pa.types.is_integer(kind):
        fits = largest_integer(column) < 2**31
        return ("integer", column.cast(pa.int32())) if fits else ("double", column.cast(pa.float64(), safe=False))
    if pa.types.is_floating(kind):
        return "double", column.cast(pa.float64())
    if pa.types.is_date(kind):
        return "date", column.cast(pa.date32()).cast(pa.int32())
    if pa.types.is_timestamp(kind):
        microseconds = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
        return "time", pc.divide(microseconds.cast(pa.float64(), safe=False), 1e6)
    return "character", column
