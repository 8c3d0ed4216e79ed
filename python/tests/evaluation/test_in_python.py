"""The evaluation in Python has the numbers of R: estimates to 1e-9, limits within 0.005."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import RecordedProgress
from raising import raises

from placa.core.progress import show
from placa.dataset.errors import PatientInTwoSplitsError
from placa.evaluation.any_predictions import as_predictions
from placa.evaluation.errors import EmptySplitError, NeedsRError
from placa.evaluation.evaluate_in_r import ToEvaluate
from placa.evaluation.in_python.evaluate import evaluate_in_python

THRESHOLDS = (0.3, 0.7)
#: Key columns of each table; the tables with a point per row are compared in their order.
KEYS = {
    "discrimination": ["finding"],
    "operating_points": ["finding", "operating_point", "metric"],
    "calibration": ["finding", "bin"],
    "calibration_measures": ["finding", "measure"],
    "roc": [],
}
#: Columns that only R's bootstrap fills.
BY_R = ("clustered_", "average_precision_lower", "average_precision_upper")
R_CODE = """
suppressMessages(library(placa))
folder <- commandArgs(TRUE)[[1]]
d <- read.csv(file.path(folder, "rows.csv"))
at <- data.frame(finding = rep(unique(d$finding), each = 2), operating_point = c("low", "high"),
                 threshold = c(0.3, 0.7))
quiet <- function(table, name) {
  file <- file.path(folder, paste0(name, "-r.csv"))
  write.csv(suppressWarnings(suppressMessages(table)), file, row.names = FALSE, na = "")
}
quiet(discrimination(d, draws = 100), "discrimination")
quiet(operating_points(d, at, draws = 100), "operating_points")
quiet(calibration_bins(d), "calibration")
quiet(calibration_measures(d), "calibration_measures")
quiet(roc_points(d, corners = TRUE), "roc")
"""


def _cases() -> pd.DataFrame:
    """Return one finding per case: clustered, tied, perfect, rare, one class, edges of the scale, many sizes."""
    rng = np.random.default_rng(17)
    parts = []
    for case in ("clustered", "tied", "perfect", "rare", "one_class", "edges", "single", "inverse", "unknown_patients"):
        n = 30 if case == "rare" else 160
        patient = np.arange(n) if case == "single" else rng.integers(0, max(n // 4, 9), n)
        effect = rng.normal(size=patient.max() + 1)[patient]
        truth = (effect + rng.normal(size=n) > (1.2 if case == "rare" else 0.3)).astype(int)
        logit = effect + 1.5 * truth - 1 + 0.7 * rng.normal(size=n)
        probability = 1 / (1 + np.exp(-logit))
        if case == "tied":
            probability = probability.round(1).clip(0.1, 0.9)
        if case == "perfect":
            probability = 0.1 + 0.6 * truth + 0.2 * probability
        if case == "one_class":
            truth = np.zeros(n, dtype=int)
        if case == "edges":
            probability[:4], truth[:4] = [0, 1, 0, 1], [0, 1, 1, 0]
        if case == "inverse":
            probability = 1 - probability
        ids = np.where(case == "unknown_patients", None, [f"p{one}" for one in patient])
        parts.append(
            pd.DataFrame(
                {
                    "image_id": [f"i{i}" for i in range(n)],
                    "patient_id": ids,
                    "finding": case,
                    "truth": truth,
                    "probability": probability,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _given(predictions: pd.DataFrame, folder: Path) -> ToEvaluate:
    findings = predictions["finding"].unique()
    rows = [
        (finding, name, threshold, name == "low")
        for finding in findings
        for name, threshold in zip(("low", "high"), THRESHOLDS, strict=True)
    ]
    columns = ["finding", "operating_point", "threshold", "default"]
    return ToEvaluate(folder, predictions, pd.DataFrame(rows, columns=columns))


def test_estimates_and_limits_are_those_of_r(r: str, tmp_path: Path) -> None:
    cases = _cases()
    cases.to_csv(tmp_path / "rows.csv", index=False)
    ours = tmp_path / "python"
    ours.mkdir()
    evaluate_in_python(_given(as_predictions(cases), tmp_path), ours, show(False))
    command = [r, "--no-echo", "--no-save", "-e", R_CODE, "--args", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for name, keys in KEYS.items():
        python, by_r = pd.read_csv(ours / f"{name}.csv"), pd.read_csv(tmp_path / f"{name}-r.csv")
        if keys:
            by_r = python[keys].merge(by_r, on=keys, how="left", validate="one_to_one")
        assert len(python) == len(by_r) > 0
        for column in python.columns.drop("finding"):
            if column.startswith(BY_R) or not pd.api.types.is_numeric_dtype(python[column]):
                continue
            is_limit = column.endswith(("lower", "upper"))
            np.testing.assert_allclose(
                python[column].to_numpy(float),
                by_r[column].to_numpy(float),
                atol=0.005 if is_limit else 1e-9,
                rtol=0,
                err_msg=f"{name}, {column}",
            )


def test_what_would_be_too_good_or_is_missing_is_an_error(tmp_path: Path) -> None:
    def evaluate(data: pd.DataFrame, split: str = "test") -> None:
        given = _given(as_predictions(data), tmp_path)
        evaluate_in_python(ToEvaluate(tmp_path, given.predictions, given.thresholds, split), tmp_path, show(False))

    data = _cases().query("finding == 'clustered'").assign(split="test")
    data.loc[data.index[0], "split"] = "train"
    with raises(PatientInTwoSplitsError, unit="patient", splits=["test", "train"]):
        evaluate(data)
    with raises(EmptySplitError, split="validation", known=["test", "train"]):
        evaluate(data, "validation")
    with raises(NeedsRError, part="folds"):
        evaluate(data.assign(split="test", fold=[str(i % 2) for i in range(len(data))]))


def test_images_without_a_probability_are_left_out_with_a_warning(tmp_path: Path) -> None:
    data = _cases().query("finding == 'single'")
    data.loc[data.index[:3], "probability"] = np.nan
    told = RecordedProgress()
    evaluate_in_python(_given(as_predictions(data), tmp_path), tmp_path, told)
    assert len(told.warned) == 1 and "3" in told.warned[0]
    assert pd.read_csv(tmp_path / "discrimination.csv")["n_images"].tolist() == [157]
    with raises(EmptySplitError, split="test"):
        evaluate_in_python(_given(as_predictions(data.assign(probability=np.nan)), tmp_path), tmp_path, told)


@pytest.fixture
def no_r(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide R and rpy2."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("R_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "rpy2", None)


@pytest.mark.usefixtures("no_r")
def test_predictions_made_elsewhere_are_evaluated_and_reported_without_r(tmp_path: Path) -> None:
    from placa.records.evaluation import Summary
    from placa.records.files import read_record
    from placa.workflows.evaluate import evaluate, headline
    from placa.workflows.report import report

    file, told = tmp_path / "vendor.csv", RecordedProgress()
    _cases().query("finding == 'clustered'").to_csv(file, index=False)
    summary = evaluate(file, progress=told)
    folder = tmp_path / "vendor-evaluation"
    assert summary["computed_in"] == "python" == read_record(folder / "summary.json", Summary)["computed_in"]
    assert any("R was not found" in text for text in told.warned) and "Python" in headline(summary)[-1]
    found = summary["headline"]["clustered"]
    for language, mark, word in (("en", ".", "Sensitivity"), ("es", ",", "Sensibilidad")):
        text = report(folder, language, progress=False).read_text(encoding="utf-8")
        assert f"{found['auroc']:.3f}".replace(".", mark) in text and word in text and "Python" in text
