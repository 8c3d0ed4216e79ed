import sys
from types import SimpleNamespace

import pytest
from raising import raises

from placa.core.backend import accelerator, device_names, load_keras
from placa.core.errors import UnknownNameError


def test_an_unknown_backend_is_an_error_before_keras_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_BACKEND", "tensroflow")
    with raises(UnknownNameError, name="tensroflow") as error:
        load_keras()
    assert error.value.values["known"][0] == "tensorflow" and "keras" not in sys.modules


@pytest.mark.parametrize(
    ("cuda", "mps", "name"), [(True, False, "cuda:0"), (False, True, "mps:0"), (False, False, None)]
)
def test_torch_has_one_device(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, name: str | None) -> None:
    keras = load_keras()
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    torch = SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: cuda),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert device_names() == [name or "cpu:0"]
    assert accelerator() == name
