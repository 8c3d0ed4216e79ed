"""Networks: build them by name, assemble them to a model, save and load it.

Each name is imported at its first use (PEP 562): a prediction by ONNX Runtime builds no network.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from placa.models.backbones import BACKBONES as BACKBONES
    from placa.models.backbones import backbone_named as backbone_named
    from placa.models.networks import Part as Part
    from placa.models.networks import build as build
    from placa.models.networks import head_of as head_of
    from placa.models.networks import set_trainable as set_trainable
    from placa.models.weights import weights_fingerprint as weights_fingerprint

#: Each public name, and the module that defines it.
_PUBLIC = {
    "BACKBONES": "backbones",
    "backbone_named": "backbones",
    "Part": "networks",
    "build": "networks",
    "head_of": "networks",
    "set_trainable": "networks",
    "weights_fingerprint": "weights",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
