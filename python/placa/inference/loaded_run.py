"""A run's model and its training metadata, loaded once."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from placa.records.errors import InvalidRecordError
from placa.records.files import read_record
from placa.records.model import Thresholds
from placa.records.reading import Reading
from placa.records.run import require_files, require_model, require_run


class LoadedRun:
    """Load a run. Its model is loaded once, at first use, for any number of images.

    Args:
        run: The run directory.

    Raises:
        PlacaError: `run` is not a complete run, or its model is damaged or is not the one that ``run.json`` names.
    """

    def __init__(self, run: str | Path) -> None:
        from placa.models.files import read_card

        run = Path(run)
        self.run = run
        self.facts = require_run(run)
        require_model(run, self.facts)
        self.fingerprint: str = self.facts["model"]["fingerprint"]
        self.card = read_card(run / "model.keras")
        self.findings: list[str] = self.card["findings"]
        self.size: int = self.card["size"]
        self.reading = Reading.from_record(self.card["reading"])
        self.thresholds = read_record(run / "thresholds.json", Thresholds)["findings"]
        missing = [finding for finding in self.findings if finding not in self.thresholds]
        if missing:
            path = str(run / "thresholds.json")
            raise InvalidRecordError(
                f"{path} has no thresholds of {missing[0]}, which the model predicts. Copy the complete run again, or "
                "train it again.",
                path=path,
                problem=missing[0],
            )
        require_files(run, self.facts, "thresholds.json")

    @cached_property
    def model(self) -> Any:
        """The Keras model. Raises a `PlacaError` if it cannot be loaded."""
        from placa.models.files import load_model

        return load_model(self.run / "model.keras")[0]

    def add_path_and_class(self, table: pd.DataFrame, paths: pd.Series) -> pd.DataFrame:
        """Add the columns ``path`` and ``class`` to a table of predictions.

        Args:
            table: Predictions, one row per image and finding; changed in place.
            paths: The path of each image, in the order of the table.
        """
        table["path"] = paths.repeat(len(self.findings)).to_numpy()
        table["class"] = self.classify(table)
        return table

    def classify(self, table: pd.DataFrame) -> pd.Series:
        """Classify each row as ``positive`` or ``negative`` at the finding's default operating point."""
        points = {name: one["points"][one["default"]] for name, one in self.thresholds.items()}
        above = table["probability"] >= table["finding"].map(points)
        return above.map({True: "positive", False: "negative"})


_RunT = TypeVar("_RunT", bound=LoadedRun)
_LOADED: dict[tuple[type[LoadedRun], str, int], LoadedRun] = {}


def load_once(kind: type[_RunT], run: str | Path) -> _RunT:
    """Load a run, or return the run loaded before if its model file is unchanged.

    R calls this once per batch.

    Args:
        kind: `LoadedRun` or a subclass.
        run: The run directory.

    Raises:
        PlacaError: `run` is not a run, or its model cannot be loaded.
    """
    run = Path(run)
    require_run(run)
    key = (kind, os.path.abspath(run), os.stat(run / "model.keras").st_mtime_ns)
    if key not in _LOADED:
        _LOADED.clear()
        _LOADED[key] = kind(run)
    loaded = _LOADED[key]
    assert isinstance(loaded, kind)
    return loaded
