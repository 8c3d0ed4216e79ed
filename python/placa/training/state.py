"""A moment of a training: everything from which it goes on to the bit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from placa.training.averaging import values
from placa.training.checkpoint import Arrays
from placa.training.errors import IncompatibleStateError
from placa.training.monitor import Watched


@dataclass
class Moment:
    """Where a training is, between two steps.

    Attributes:
        phase: Which phase it is in, from 0; as many as there are once it is over.
        began: Epochs before this phase.
        epoch: Epochs done.
        step: Steps done of the epoch after these.
        seconds: How long it took so far.
        lap: How long that epoch took so far, in seconds.
        arrays: What the variables hold: ``network`` (random generators of layers included), ``optimizer``, ``loss``
            (its mean over the epoch) and ``first`` (see `placa.training.averaging`). Lists that are not there, or
            empty, mean that what they are of starts anew.
    """

    phase: int = 0
    began: int = 0
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    lap: float = 0.0
    arrays: Arrays = field(default_factory=dict)

    def as_state(self, watched: Watched) -> tuple[dict[str, Any], Arrays]:
        """What a checkpoint keeps of it, and of what was watched so far."""
        numbers = ("phase", "began", "epoch", "step", "seconds", "lap")
        facts = {name: getattr(self, name) for name in numbers}
        return {"moment": facts, "watched": watched.as_facts()}, {**self.arrays, "best": watched.best_weights}

    @classmethod
    def restored(cls, facts: dict[str, Any], arrays: Arrays, watched: Watched) -> Moment:
        """Take it from a checkpoint, and fill in what was watched until then."""
        for name, value in facts["watched"].items():
            setattr(watched, name, value)
        watched.best_weights = arrays.pop("best", [])
        return cls(**facts["moment"], arrays=arrays)

    def give(self, name: str, variables: list[Any]) -> None:
        """Give variables what they held at this moment, if that is known.

        Raises:
            PlacaError: They are others.
        """
        held = self.arrays.get(name)
        if not held:
            return
        if [one.shape for one in held] != [tuple(variable.shape) for variable in variables]:
            raise IncompatibleStateError(
                f"The saved training state has other variables in its {name}; another version of placa or Keras wrote "
                "it. Start again with --overwrite.",
                part=name,
            )
        for variable, one in zip(variables, held, strict=True):
            variable.assign(one)


def held_by(model: Any) -> Arrays:
    """Copies of what a compiled network and its optimizer hold."""
    return {
        "network": [values(variable) for variable in model.variables],
        "optimizer": [values(variable) for variable in model.optimizer.variables],
    }
