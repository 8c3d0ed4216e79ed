"""A small run evaluated by R, its report by each renderer in each language, and helpers for pages."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import once
from r_tables import without_figures
from record_fixtures import good_record
from report_audits import make_audit
from report_pages import Page

from placa.core.errors import PlacaError
from placa.core.files import fingerprint
from placa.core.json_files import write_json
from placa.dataset.splits import assign_splits
from placa.records.manifest import complete, write_manifest
from placa.records.predictions import tidy, write_predictions
from placa.records.source import SplitFacts, compared_with
from placa.reporting import renderers
from placa.reporting.render import render_report
from placa.reporting.renderers import choose_renderer, find_quarto
from placa.workflows.evaluate import evaluate

ROOT = Path(__file__).parents[3]
REPORTS = ROOT / "reports"

FOURTEEN = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis", "Hernia")
FOURTEEN += ("Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax")


def make_run(
    root: Path,
    name: str = "small",
    seed: int = 0,
    images: int = 240,
    size: int = 48,
    findings: tuple[str, ...] = ("Pneumonia",),
) -> Path:
    """Write a run and its prepared data set from synthetic images and probabilities correlated with the labels.

    No network is trained: `model.keras` is a placeholder, and the report states that it cannot be loaded.
    """
    random = np.random.default_rng(seed)
    patients = random.integers(0, images // 2, images)
    truths = random.integers(0, 2, (images, len(findings)))
    truth = truths[:, 0]
    table = pd.DataFrame(
        {
            "image_id": [f"image_{i:03d}" for i in range(images)],
            "path": [f"image_{i:03d}.png" for i in range(images)],
            "patient_id": patients.astype(str),
            **{finding: truths[:, i] for i, finding in enumerate(findings)},
            "sex": random.choice(["F", "M"], images),
            "age": random.integers(20, 90, images).astype(float),
            "view": random.choice(["PA", "AP"], images),
        }
    )
    named = list(findings)
    manifest = complete(table, named)
    manifest["split"] = assign_splits(manifest, named[:1], seed)
    prepared = root / "data" / "prepared" / name
    prepared.mkdir(parents=True)
    split: SplitFacts = {"given": None, "unit": "patient", "seed": seed, "fractions": [0.7, 0.15, 0.15]}
    write_manifest(manifest, prepared / "manifest.parquet", split)
    x, y = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
    lung = np.exp(-((abs(x) - 0.45) ** 2) / 0.05 - y**2 / 0.4)
    spot = np.exp(-((x - 0.4) ** 2 + (y - 0.3) ** 2) / 0.02)
    radiographs = 190 - 130 * lung + 70 * spot * truth[:, None, None] + random.normal(0, 9, (images, size, size))
    np.save(prepared / f"pixels-{size}.npy", radiographs.clip(0, 255).astype("uint8"))
    write_json(prepared / "source.json", {**good_record("source"), "findings": named, "image_size": size})

    run = root / "runs" / name
    run.mkdir(parents=True)
    logit = random.normal(0, 1, truths.shape) + 2.4 * truths - 1.2
    predictions = tidy(manifest, named, 1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(-1.6 * logit)))
    about = {"findings": named, "positive_alone": False, "comparison": compared_with("No Finding")}
    write_predictions(predictions, run / "predictions.parquet", {**about, "label_source": "drawn"})
    points = {"youden": 0.5, "sensitivity_95": 0.2, "specificity_95": 0.8}
    point = {"default": "youden", "points": points, "chosen": True, "reason": None}
    chosen = dict.fromkeys(findings, point)
    write_json(run / "thresholds.json", {"schema_version": 2, "chosen_on": "validation", "findings": chosen})
    epochs = np.arange(1, 13)
    history = {
        "epoch": epochs,
        "loss": 0.7 * 0.9**epochs,
        "validation_loss": 0.7 * 0.93**epochs,
        "validation_auroc": 0.9 - 0.4 * 0.7**epochs,
        "learning_rate": 1e-3,
        "seconds": 1.0,
    }
    pd.DataFrame(history).to_csv(run / "history.csv", index=False)
    (run / "model.keras").write_bytes(b"a stand-in")
    # A second reader of 60 % of the images, who disagrees with 10 % of the labels.
    read = np.flatnonzero(random.random(images) < 0.6)
    second = np.where(random.random(len(read)) < 0.1, 1 - truth[read], truth[read])
    seen = {"image_id": table["image_id"].to_numpy()[read], "finding": findings[0], "label_source": "a *second* reader"}
    pd.DataFrame({**seen, "subset": None, "truth": second}).to_parquet(run / "labels.parquet", index=False)
    counts = {split: int((manifest["split"] == split).sum()) for split in ("train", "validation", "test")}
    positives = {
        finding: {split: int((manifest.loc[manifest["split"] == split, finding] == 1).sum()) for split in counts}
        for finding in findings
    }
    platt = {"method": "platt", "chosen": True, "reason": None, "slope": 1.0, "intercept": 0.0}
    whole = good_record("run")
    write_json(
        run / "run.json",
        {
            **whole,
            "placa_version": "0.1.0",
            "name": name,
            "created": f"2026-01-0{seed + 1}T00:00:00+00:00",
            "data": {
                **whole["data"],
                **about,
                "prepared": f"data/prepared/{name}",
                "kind": "nih",
                "fingerprint": "sha256:" + "ab" * 32,
                "label_source": "drawn_by *a* test",
                "image_size": size,
                "images": counts,
                "found": images + 3,
                "rejected": 3,
                "missing": 0,
                "patients": {split: int(of["patient_id"].nunique()) for split, of in manifest.groupby("split")},
                "split": split,
                "positives": positives,
                "source_options": {
                    "root": "some where/nih",
                    "positive": ["Pneumonia"],
                    "negative": "No Finding",
                    "only": True,
                    "table": None,
                    "size": size,
                    "seed": seed,
                    "fractions": [0.6, 0.2, 0.2],
                },
                "audit": make_audit(findings[:3]),
            },
            "training": {
                **whole["training"],
                "backbone": "small",
                "seed": seed,
                "epochs": 20,
                "epochs_run": 12,
                "best_epoch": 12,
                "best_validation_auroc": float(np.round(history["validation_auroc"][-1], 6)),
                "learning_rate": 0.001,
                "augmentation": {"flip": 0.5, "rotation": 10.0},
                "folds": 0,
                "loss_weights": {finding: {"negative": 0.9, "positive": 1.1} for finding in findings},
                "parameters": 292817,
                "seconds": 12.0,
            },
            "calibration": {"method": "platt", "findings": dict.fromkeys(findings, platt)},
            "folds": None,
            "model": {"file": "model.keras", "fingerprint": fingerprint(run / "model.keras")},
            "versions": {"python": "3.11.7", "keras": "3.15.1"},
            "machine": {**whole["machine"], "platform": "Linux", "cores": 2, "gpu": None},
        },
    )
    return run


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a project directory with two evaluated runs; `small` is the newer one."""
    try:
        choose_renderer("rmarkdown")
    except PlacaError as error:
        pytest.skip(str(error))

    def make(root: Path) -> None:
        make_run(root, "older", seed=0)
        make_run(root, "small", seed=1)
        evaluate(root / "runs" / "small", bridge="rscript")
        with without_figures():
            evaluate(root / "runs" / "older", bridge="rscript")

    # Tests write their pages into it, so each worker has a copy.
    return Path(shutil.copytree(once(tmp_path_factory, "project", make), tmp_path_factory.mktemp("copy") / "project"))


def run_r_script(r: str, script: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run an R script that writes ``texts.json`` in `folder`, its first argument; return the content.

    The script can use the internal functions of the R package. A warning of R is a failure, because the report cannot
    show it.
    """
    file = folder / "script.R"
    file.write_text('attach(asNamespace("placa"), warn.conflicts = FALSE)\n' + script)
    command = [r, "--no-echo", "--no-save", "--no-restore", "-f", str(file), "--args", str(folder)]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not re.search("[Ww]arning", done.stderr), done.stderr
    found: dict[str, Any] = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    return found


def render(project: Path, lang: str, renderer: str) -> Path:
    # The C locale, as in a minimal container, must not change letters such as é.
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        for name in ("LC_ALL", "LC_CTYPE", "LANG"):
            patch.delenv(name, raising=False)
        out = project / f"{renderer}.{lang}.html"
        return render_report(Path("runs/small"), lang, renderer=renderer, out=out)


def need_quarto() -> str:
    quarto = find_quarto()
    version = renderers.quarto_version(quarto) if quarto else None
    if not quarto or not version or version < renderers.OLDEST_QUARTO:
        pytest.skip("Quarto 1.4 or newer is not installed")
    return quarto


def need_typst() -> None:
    """Skip the test without Quarto, or if this Quarto has no Typst."""
    done = subprocess.run([need_quarto(), "typst", "--version"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this Quarto has no Typst, which writes the PDF")


@pytest.fixture(scope="session")
def english(project: Path) -> Path:
    return render(project, "en", "rmarkdown")


@pytest.fixture(scope="session")
def spanish(project: Path) -> Path:
    return render(project, "es", "rmarkdown")


@pytest.fixture(scope="session")
def spanish_by_quarto(project: Path) -> Path:
    need_quarto()
    return render(project, "es", "quarto")


@pytest.fixture(scope="session")
def english_by_quarto(project: Path) -> Path:
    """Run `quarto render` in the root of the project, which uses the newest run."""
    quarto = need_quarto()
    for source in (REPORTS, ROOT / "_quarto.yml"):
        copy = project / source.name
        shutil.copytree(source, copy) if source.is_dir() else shutil.copyfile(source, copy)
    (project / "README.md").write_text("# Not a report\n")
    environment = {**os.environ, "RETICULATE_PYTHON": sys.executable, "PYTHONPATH": str(ROOT / "python")}
    done = subprocess.run([quarto, "render"], cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stderr, done.stderr
    # Quarto warns about a reference without a target.
    assert "Unable to resolve" not in done.stderr and "not found" not in done.stderr, done.stderr
    assert not list(project.rglob("README.html"))
    assert (project / "_site" / "reports" / "model-card.html").is_file()
    return project / "_site" / "reports" / "evaluation.html"


#: A page takes ten seconds; texts, cards and parts of the report are tested in both languages without `slow`.
SLOW_PAGES = (pytest.param(name, marks=pytest.mark.slow) for name in ("spanish", "spanish_by_quarto"))


@pytest.fixture(params=("english", "english_by_quarto", *SLOW_PAGES))
def page(request: pytest.FixtureRequest) -> Page:
    return Page(request.getfixturevalue(request.param))
