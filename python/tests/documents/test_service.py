"""The web services of the examples have the probabilities of the model."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from runpy import run_path

import pytest
from conftest import ROOT

from placa.inference.model import load_model


def test_a_service_predicts_requests(run: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi")
    client_of = pytest.importorskip("fastapi.testclient").TestClient
    monkeypatch.setenv("RUN", str(run))
    client = client_of(run_path(str(ROOT / "examples" / "service.py"))["app"])
    images = sorted((prepared / "images").glob("*.png"))[:6]
    with ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda image: client.post("/predict", content=image.read_bytes()).json(), images))
    expected = load_model(run).predict(images, progress=False).table
    assert [reply[0]["probability"] for reply in replies] == expected["probability"].tolist()
    assert client.post("/predict", content=b"no image").status_code == 422


def test_a_pinned_model_is_served_without_its_run(
    run: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("vetiver")
    client_of = pytest.importorskip("fastapi.testclient").TestClient
    monkeypatch.delenv("PIN", raising=False)
    example = run_path(str(ROOT / "examples" / "vetiver_model.py"))
    example["pin"](str(run), tmp_path / "pins" / "phantoms")
    client = client_of(example["service"](tmp_path / "pins" / "phantoms"))
    images = sorted((prepared / "images").glob("*.png"))[:2]
    reply = client.post("/predict", json=[{"image": base64.b64encode(path.read_bytes()).decode()} for path in images])
    expected = load_model(run).predict(images, progress=False).table
    assert [one["probability"] for one in reply.json()["predict"]] == expected["probability"].tolist()
    assert client.post("/predict", json=[{"image": "aGVsbG8="}]).status_code == 422


@pytest.mark.slow
def test_the_services_run_with_the_packages_that_they_need(tmp_path: Path) -> None:
    locks = [option for name in ("", "-dev") for option in ("-c", str(ROOT / f"requirements{name}.lock"))]
    pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(tmp_path / "site"), *locks, "vetiver", "httpx"]
    installed = subprocess.run(pip, capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"vetiver cannot be installed: {installed.stderr[-300:]}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT / "python")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout[-3000:]
