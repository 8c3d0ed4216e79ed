"""Read the results of ``evaluation/`` that the model card contains."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from placa.core.errors import PathNotFoundError
from placa.records.evaluation import ExternalHeadline, Headline, Summary
from placa.records.files import read_record
from placa.records.model import Thresholds

if TYPE_CHECKING:
    import pandas as pd

#: An estimate and the limits of its interval; NaN where unknown.
Estimate = tuple[float, float, float]


@dataclass(frozen=True)
class CardFigures:
    """The results of an evaluation for the model card.

    Attributes:
        split: The evaluated split.
        headline: For each finding ``auroc``, ``auroc_lower``, ``auroc_upper``, ``n_images``, ``n_positive`` and more,
            as in ``summary.json``.
        points: ``sensitivity`` and ``specificity`` of each finding at its default operating point.
        calibration: ``slope``, and ``ici`` if R computed it, of each finding after recalibration.
        compared: The columns whose groups were compared.
        differing: The subgroups that differ significantly from all other images, as ``(column, group)``; None if no
            group has enough images for a test.
        external: AUROC by finding and external validation.
        in_python: Whether Python computed the results, without R.
    """

    split: str
    headline: dict[str, Headline]
    points: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    calibration: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    compared: list[str] = field(default_factory=list)
    differing: list[tuple[str, str]] | None = None
    external: list[ExternalHeadline] = field(default_factory=list)
    in_python: bool = False


def read_card_figures(run: Path, thresholds: Thresholds) -> CardFigures | None:
    """Read the results of a run.

    Args:
        run: The run directory.
        thresholds: The content of its ``thresholds.json``.

    Returns:
        The results; None if the run is not evaluated. Missing parts of an evaluation are empty.

    Raises:
        PlacaError: ``summary.json`` is damaged or was edited (see `placa.records.files.read_record`).
    """
    try:
        summary = read_record(run / "evaluation" / "summary.json", Summary)
    except PathNotFoundError:
        return None
    folder = run / "evaluation"
    return CardFigures(
        summary["split"],
        summary["headline"],
        _read_points(folder, thresholds),
        _read_calibration(folder),
        *_read_groups(folder),
        summary.get("external", []),
        summary.get("computed_in") == "python",
    )


def _read_points(folder: Path, thresholds: Thresholds) -> dict[str, dict[str, Estimate]]:
    table = _read_table(folder / "operating_points.csv")
    if table is None:
        return {}
    default = {finding: stored["default"] for finding, stored in thresholds["findings"].items()}
    at_default = table[table["operating_point"] == table["finding"].map(default)]
    return _estimates(at_default, "metric", ("sensitivity", "specificity"))


def _read_calibration(folder: Path) -> dict[str, dict[str, Estimate]]:
    table = _read_table(folder / "calibration_measures.csv")
    if table is None:
        return {}
    wanted = ("slope", "ici") if "ici" in set(table["measure"]) else ("slope",)
    return _estimates(table[table["stage"] == "after"], "measure", wanted)


def _read_groups(folder: Path) -> tuple[list[str], list[tuple[str, str]] | None]:
    """Return the compared columns, and the groups that differ; None if nothing could be tested."""
    table = _read_table(folder / "subgroups.csv")
    if table is None or table.empty:
        return [], None
    columns = list(dict.fromkeys(map(str, table["column"])))
    if table["p_holm"].isna().all():
        return columns, None
    # Under-diagnosis is 1 − sensitivity: one of the two is enough.
    clear = (table["p_holm"] < 1 - table["confidence"]) & (table["metric"] != "sensitivity")
    pairs = table.loc[clear, ["column", "group"]].drop_duplicates()
    return columns, [(str(column), str(group)) for column, group in pairs.itertuples(index=False)]


def _estimates(table: pd.DataFrame, kind: str, wanted: tuple[str, ...]) -> dict[str, dict[str, Estimate]]:
    """Return the requested estimates by name, for each finding that has all of them."""
    found: dict[str, dict[str, Estimate]] = {}
    known = table[table[kind].isin(wanted) & table["estimate"].notna()]
    for row in known.to_dict("records"):
        estimate = (float(row["estimate"]), float(row["lower"]), float(row["upper"]))
        found.setdefault(str(row["finding"]), {})[str(row[kind])] = estimate
    return {finding: values for finding, values in found.items() if set(values) == set(wanted)}


def _read_table(path: Path) -> pd.DataFrame | None:
    from placa.records.table_files import read_results

    return read_results(path) if path.is_file() else None
