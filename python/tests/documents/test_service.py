"""The web service of examples/service.py has the probabilities of the model, in several threads."""

from __future__ import annotations

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
