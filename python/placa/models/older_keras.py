"""Rewrite the configuration in a model file so that older versions of Keras can load it."""

from __future__ import annotations

import inspect
import json
import zipfile
from pathlib import Path
from typing import Any

from placa.core.backend import load_keras

#: The member of a Keras file with the configuration of the model.
_CONFIG = "config.json"
#: Trained weights replace the initial ones, so an initializer without arguments is enough.
_INITIALIZER: dict[str, Any] = {
    "module": "keras.initializers",
    "class_name": "Zeros",
    "config": {},
    "registered_name": None,
}


def write_for_older_keras(source: Path, target: Path) -> None:
    """Copy a Keras file with a configuration that older versions of Keras can load.

    Keras stores every argument of a layer, and an older version rejects the arguments that it does not know. Three
    kinds are left out: those of initializers, the names of operations, and options that are off, as by default.

    Args:
        source: A ``.keras`` file.
        target: The file to write.
    """
    with zipfile.ZipFile(source) as read, zipfile.ZipFile(target, "w") as written:
        for member in read.infolist():
            content = read.read(member)
            if member.filename == _CONFIG:
                content = json.dumps(_reduced(json.loads(content))).encode()
            written.writestr(member, content)


def _reduced(value: Any) -> Any:
    if isinstance(value, list):
        return [_reduced(one) for one in value]
    if not isinstance(value, dict):
        return value
    module = str(value.get("module"))
    if module == "keras.initializers":
        return _INITIALIZER
    if "class_name" in value and isinstance(value.get("config"), dict):
        config = value["config"]
        if module.startswith("keras.src.ops."):
            config = {name: one for name, one in config.items() if name != "name"}
        elif module == "keras.layers":
            config = _without_off(getattr(load_keras().layers, value["class_name"]), config)
        value = {**value, "config": config}
    return {name: _reduced(one) for name, one in value.items()}


def _without_off(layer: type, config: dict[str, Any]) -> dict[str, Any]:
    """Leave out the options of a layer that are off, as by default, and what only matters if they are on."""
    defaults: dict[str, Any] = {}
    for base in layer.__mro__:
        for name, one in inspect.signature(base.__init__).parameters.items():  # type: ignore[misc]
            defaults.setdefault(name, one.default)
    # Layers take this one without naming it.
    defaults["quantization_config"] = None
    off = {name for name, one in config.items() if one in (None, False) and defaults.get(name, ...) is one}
    if "renorm" in off:
        off.add("renorm_momentum")
    return {name: one for name, one in config.items() if name not in off}
