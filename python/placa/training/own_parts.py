"""Describe parts of a training that a script provides: a backbone, a loss, an augmentation, callbacks."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from placa.models.own_backbone import OwnBackbone
from placa.records.run_facts import OwnKind, OwnPart

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A loss as a function of truth and logits, both ``(n, findings)``, to losses ``(n,)``; or a loss of Keras.
OwnLoss: TypeAlias = Callable[[Any, Any], Any]
#: A function that changes one training image, uint8 ``(size, size)``, with a random generator.
OwnAugmentation: TypeAlias = "Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]"
#: The word before the names of parts in records.
OWN = "own"


def own_parts(backbone: OwnBackbone | str, loss: OwnLoss | str, augmentation: Any) -> dict[str, OwnPart]:
    """Describe the parts that a script passes as callables.

    Returns:
        The name of each part and the digest of its source.
    """
    given: dict[OwnKind, Any] = {"backbone": backbone, "loss": loss, "augmentation": augmentation}
    return {part: describe(part, value) for part, value in given.items() if callable(value)}


def describe(part: OwnKind, value: Any) -> OwnPart:
    """Describe a function, an object or a Keras model by its name and the digest of its source.

    The digest of a model is that of its layers and weights, and that of another object that of its class. It is None if
    the source is unknown. It does not include what the source refers to.
    """
    source = _of_model(value) if hasattr(value, "get_weights") and hasattr(value, "layers") else _of_source(value)
    digest = None if source is None else f"sha256:{hashlib.sha256(source).hexdigest()}"
    return {"part": part, "name": _name(value), "source": digest}


def _name(value: Any) -> str:
    while isinstance(value, functools.partial):
        value = value.func
    if hasattr(value, "get_weights"):
        return str(value.name)
    return str(getattr(value, "__name__", type(value).__name__))


def _of_source(value: Any) -> bytes | None:
    if isinstance(value, functools.partial):
        function = _of_source(value.func)
        return None if function is None else function + repr((value.args, value.keywords)).encode()
    try:
        return inspect.getsource(value if inspect.isroutine(value) or inspect.isclass(value) else type(value)).encode()
    except (OSError, TypeError):
        # Typed at a prompt.
        code = getattr(value, "__code__", None)
        return None if code is None else code.co_code + repr((code.co_consts, code.co_names)).encode()


def _of_model(model: Any) -> bytes:
    import numpy as np

    layers = [(type(layer).__name__, _without_names(layer.get_config())) for layer in model.layers]
    content = json.dumps(layers, sort_keys=True, default=str).encode()
    return content + b"".join(np.ascontiguousarray(array).tobytes() for array in model.get_weights())


def _without_names(config: Any) -> Any:
    """Remove names, which Keras numbers anew in each session."""
    if isinstance(config, dict):
        return {key: _without_names(value) for key, value in config.items() if "name" not in key}
    return [_without_names(one) for one in config] if isinstance(config, list | tuple) else config
