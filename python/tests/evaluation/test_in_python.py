"""The evaluation in Python has the numbers of R: estimates to 1e-9, limits to 1e-6."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from conftest import RecordedProgress
from raising import raises

import placa
from placa.core.files import fingerprint
from placa.core.progress import show
from placa.dataset.errors import PatientInTwoSplitsError
from placa.evaluation.any_predictions import as_predictions
from placa.evaluation.errors import EmptySplitError, NeedsRError
from placa.evaluation.evaluate_in_r import ToEvaluate
from placa.evaluation.in_python.calibration import mean_loss
from placa.evaluation.in_python.evaluate import evaluate_in_python
from placa.evaluation.in_python.rows import by_finding, select_rows
from placa.records.evaluation import SUMMARY_SCHEMA, Summary
from placa.records.files import read_record

THRESHOLDS = (0.3, 0.7)
#: Key columns of each table; the tables with a point per row are compared in their order.
KEYS = {
    "discrimination": ["finding"],
    "operating_points": ["finding", "operating_point", "metric"],
    "calibration": ["finding", "bin"],
    "calibration_measures": ["finding", "measure"],
    "roc": [],
    "pr_bands": [],
}
#: Columns that only R's bootstrap fills.
BY_R = {
    "discrimination": [f"clustered_{part}" for part in ("std_error", "lower", "upper")]
    + ["average_precision_lower", "average_precision_upper"],
    "pr_bands": ["lower", "upper"],
}
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
quiet(pr_bands(d, draws = 100), "pr_bands")
"""


def _cases() -> pd.DataFrame:
    """Return one finding per case: clustered, tied, perfect, rare, one class, edges of the scale, many sizes."""
    rng = np.random.default_rng(17)
    parts = []
    for case, n, patients in (
        *(("clustered", 160, 40), ("tied", 160, 40), ("perfect", 160, 40), ("rare", 30, 9), ("one_class", 160, 40)),
        *(("edges", 160, 40), ("single", 160, 0), ("inverse", 160, 40), ("unknown_patients", 160, 40)),
        *(("two_classes_of_few", 14, 4), ("one_patient", 30, 1), ("constant", 40, 20), ("pair", 2, 0)),
        *(("one_positive", 25, 12), ("all_positive", 20, 8), ("one_large_patient", 90, 30), ("too_sure", 60, 20)),
        *(
            ("certain", 24, 12),
            ("wrong", 24, 12),
            ("groups", 60, 20),
            ("two_patients_each", 8, 4),
            ("two_values", 50, 20),
        ),
    ):
        patient = rng.integers(0, patients, n) if patients else np.arange(n)
        effect = rng.normal(size=n)[patient]
        truth = (effect + rng.normal(size=n) > (1.2 if case == "rare" else 0.3)).astype(int)
        logit = effect + 1.5 * truth - 1 + 0.7 * rng.normal(size=n)
        if case == "one_large_patient":
            patient[:50] = 0
        if case == "too_sure":
            logit = 6 * logit
        probability = 1 / (1 + np.exp(-logit))
        if case == "tied":
            probability = probability.round(1).clip(0.1, 0.9)
        if case == "perfect":
            probability = 0.1 + 0.6 * truth + 0.2 * probability
        if case in ("one_class", "all_positive"):
            truth = np.full(n, int(case == "all_positive"))
        if case == "one_positive":
            truth = (np.arange(n) == 3).astype(int)
        if case == "edges":
            probability[:4], truth[:4] = [0, 1, 0, 1], [0, 1, 1, 0]
        if case == "inverse":
            probability = 1 - probability
        if case == "two_values":
            probability = np.where(probability > 0.5, 0.6, 0.3)
        if case == "constant":
            probability = np.full(n, 0.3)
        if case == "pair":
            truth, probability = np.array([0, 1]), np.array([0.2, 0.7])
        if case == "two_patients_each":
            patient = np.arange(n) // 2
            truth = patient % 2
        if case in ("certain", "wrong"):
            truth = np.arange(n) % 2
            probability = truth if case == "certain" else 1 - truth
        ids = np.where(case == "unknown_patients", None, [f"p{one}" for one in patient])
        groups = np.full(n, None)
        if case == "groups":
            # Groups of two patients each; some images have no group, some no patient, some neither.
            groups[:40], ids[30:50] = [f"g{one // 2}" for one in patient[:40]], None
        parts.append(
            pd.DataFrame(
                {
                    "image_id": [f"i{i}" for i in range(n)],
                    "patient_id": ids,
                    "group_id": groups,
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
        assert list(python) == list(by_r)
        if keys:
            by_r = python[keys].merge(by_r, on=keys, how="left", validate="one_to_one")
        assert len(python) == len(by_r) > 0
        for column in python:
            if column in BY_R.get(name, []):
                assert python[column].isna().all()
            elif not pd.api.types.is_numeric_dtype(python[column]):
                assert python[column].fillna("").tolist() == by_r[column].fillna("").tolist()
            else:
                np.testing.assert_allclose(
                    python[column].to_numpy(float),
                    by_r[column].to_numpy(float),
                    atol=1e-6 if column.endswith(("lower", "upper")) else 1e-9,
                    rtol=0,
                    err_msg=f"{name}, {column}",
                )
    # Two measures that only tools/recompute-report computes in Python.
    by_r = pd.read_csv(tmp_path / "calibration_measures-r.csv").set_index(["measure", "finding"])
    for one in by_finding(select_rows(as_predictions(cases), "test", lambda _: None)):
        p = one.probability
        with np.errstate(divide="ignore"):
            losses = {"log_loss": (-np.log(p), -np.log1p(-p)), "brier_scaled": ((1 - p) ** 2, p**2)}
        for measure in losses if 0 < one.truth.mean() < 1 else ("log_loss",):
            found = mean_loss(one.truth, p, losses[measure], one.cluster, 0.95, scaled=measure == "brier_scaled")
            wanted = by_r.loc[(measure, one.finding), ["estimate", "lower", "upper"]].astype(float)
            np.testing.assert_allclose(found, wanted, atol=1e-6, rtol=0, err_msg=f"{measure}, {one.finding}")


def _evaluate(data: pd.DataFrame, folder: Path, split: str = "test", **more: Any) -> None:
    given = _given(as_predictions(data), folder)
    evaluate_in_python(ToEvaluate(folder, given.predictions, given.thresholds, split, **more), folder, show(False))


def test_what_would_be_too_good_or_is_missing_is_an_error(tmp_path: Path) -> None:
    data = _cases().query("finding == 'clustered'").assign(split="test")
    data.loc[data.index[0], "split"] = "train"
    with raises(PatientInTwoSplitsError, unit="patient", splits=["test", "train"], count=1):
        _evaluate(data, tmp_path)
    with raises(EmptySplitError, split="validation", known=["test", "train"]):
        _evaluate(data, tmp_path, "validation")
    with raises(NeedsRError, part="folds"):
        _evaluate(data.assign(split="test", fold=[str(i % 2) for i in range(len(data))]), tmp_path)
    with raises(NeedsRError, part="prevalence"):
        _evaluate(data, tmp_path, prevalence=0.1)
    with raises(NeedsRError, part="readers"):
        _evaluate(data, tmp_path, readers="ratings.csv")


def test_the_summary_has_the_labels_and_the_headlines(tmp_path: Path) -> None:
    data = _cases().query("finding in ['clustered', 'one_class']").assign(split="test")
    data.loc[data["finding"] == "one_class", "patient_id"] = data["patient_id"].where(data["patient_id"] != "p1")
    other = data[:4].assign(image_id=list("abcd"), patient_id="other", split="train")
    unknown = data[:5].assign(finding="unlabelled", truth=np.nan)
    data.loc[data.index[-1], ["image_id", "truth"]] = ["alone", np.nan]
    given = _given(as_predictions(pd.concat([data, other, unknown])), tmp_path)
    model = "sha256:" + "0f" * 32
    facts = {"label_source": "read again", "label_subset": ["a", "b"], "model_fingerprint": model}
    given.predictions.attrs["placa"] = facts
    evaluate_in_python(given, tmp_path, show(False))
    summary = read_record(tmp_path / "summary.json", Summary)
    labels = {"source": "read again", "subset": ["a", "b"], "n_images": 161, "n_labelled": 160}
    assert summary["labels"] == {**labels, "unlabelled_findings": ["unlabelled"]}
    assert (summary["split"], summary["computed_in"], summary["compared_with"]) == ("test", "python", ["train"])
    assert (summary["draws"], summary["seed"], summary["r_version"]) == (0, 0, "")
    assert summary["engine"] == f"scikit-learn {sklearn.__version__}"
    assert summary["placa_version"] == placa.__version__ and summary["schema_version"] == SUMMARY_SCHEMA
    assert summary["patients_known"] is True and summary["model_fingerprint"] == model
    files = sorted(f"{name}.csv" for name in KEYS)
    assert summary["files"] == [*files, "summary.json"]
    assert (tmp_path / "roc.csv").read_text().splitlines()[1] == "clustered,test,Inf,0.0,1.0"
    assert summary["fingerprints"] == {name: fingerprint(tmp_path / name) for name in files}
    table = pd.read_csv(tmp_path / "discrimination.csv").set_index("finding")
    for finding, found in summary["headline"].items():
        row = table.loc[finding]
        assert (found["method"], found["confidence"]) == ("score", 0.95)
        assert (found["n_images"], found["n_positive"]) == (row["n_images"], row["n_positive"])
        assert found["n_patients"] == (None if finding == "one_class" else row["n_patients"])
        for name in ("auroc", "auroc_lower", "auroc_upper"):
            assert found[name] is None if finding == "one_class" else found[name] == pytest.approx(row[name], abs=1e-9)
    given.predictions.attrs["placa"] = {"label_source": 3, "label_subset": "a", "model_fingerprint": "sha256:0f"}
    anonymous = given.predictions.assign(patient_id=pd.NA, group_id=pd.NA)
    anonymous = anonymous[anonymous["split"] == "test"]
    evaluate_in_python(ToEvaluate(tmp_path, anonymous, given.thresholds), tmp_path, show(False))
    summary = read_record(tmp_path / "summary.json", Summary)
    assert (summary["labels"]["source"], summary["labels"]["subset"]) == (None, None)
    assert "model_fingerprint" not in summary and summary["patients_known"] is False
    assert summary["compared_with"] == []


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
