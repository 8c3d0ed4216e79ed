"""Change the recalibration of a trained model, without a change of its networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from placa.core.backend import load_keras
from placa.models.assembled import logits_of, recalibrated
from placa.models.calibration import Recalibration

#: What the layers of the earlier recalibration are called in the new model.
_BEFORE = "before"


@dataclass(frozen=True)
class UpdateMap:
    """The new map of one finding.

    Attributes:
        map: From logits to logits of the updated probability.
        from_score: Whether it starts from the score before recalibration.
    """

    map: Recalibration = field(default_factory=Recalibration)
    from_score: bool = False


def with_update(model: Any, maps: Sequence[UpdateMap]) -> Any:
    """Add a map of the probabilities to a model.

    Args:
        model: A model from `placa.models.assembled.with_probabilities` or `ensemble`. The layers of its recalibration
            are renamed.
        maps: One map per finding.

    Returns:
        A Keras model of the same form, whose layer ``recalibration`` has the updated logits.
    """
    keras = load_keras()
    members, before = logits_of(model), model.get_layer("recalibration").output
    for layer in model.layers:
        if layer.name.startswith(("recalibration", _BEFORE)):
            layer.name = f"{_BEFORE}_{layer.name}"
    findings = len(maps)
    from_score = np.diag([float(one.from_score) for one in maps])
    networks = members.shape[-1] // findings
    # The mean of the networks' logits is the logit of the score.
    parts = [(before, np.eye(findings) - from_score), (members, np.tile(from_score, (networks, 1)) / networks)]
    chosen = []
    for number, (tensor, kernel) in enumerate(parts, start=1):
        if kernel.any():
            choose = keras.layers.Dense(findings, use_bias=False, dtype="float32", name=_name(model, f"from{number}"))
            chosen.append(choose(tensor))
            choose.set_weights([kernel])
    source = chosen[0] if len(chosen) == 1 else keras.layers.Add(dtype="float32", name=_name(model, "from"))(chosen)
    logits = recalibrated(source, [[one.map for one in maps]])
    outputs = dict(model.output)
    outputs["probability"] = keras.layers.Activation("sigmoid", name="probability", dtype="float32")(logits)
    return keras.Model(model.input, outputs, name=model.name)


def _name(model: Any, name: str) -> str:
    """Return a name that no layer has, as a model can be updated again."""
    taken = {layer.name for layer in model.layers}
    number = 1
    while f"update{number}_{name}" in taken:
        number += 1
    return f"update{number}_{name}"
