"""The moving average of a network's weights (EMA): what validation sees and the run keeps, where it is asked for."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from placa.core.backend import load_keras
from placa.models import set_trainable

#: Most batches from which the statistics of batch normalisation are taken for averaged weights.
_BATCHES = 50


class Average:
    """A second network of the same kind, into which the average of the weights that learn is written.

    The optimizer itself keeps the average (Polyak and Juditsky 1992, with exponential weights), as part of its state.
    That average starts at the weights after the first step; their share is taken out again, as Adam does for its
    moments (Kingma and Ba 2015), or a high momentum would leave a short training with nearly random weights.

    Averaged weights have other activations than the weights that learnt, so the moving statistics of batch
    normalisation are brought up to them by running training batches through (Izmailov et al. 2018, section 3.2).

    Args:
        network: The second network.
        momentum: Of the average, above 0 and below 1.
        batches: Training batches, of which the first ones are run through, the same at every epoch.
    """

    def __init__(self, network: Any, momentum: float, batches: Any) -> None:
        self.network = network
        self.first: list[NDArray[Any]] = []
        self._momentum = momentum
        self._batches = batches
        self._settling: Any = None

    def begin(self, part: Literal["head", "all"]) -> None:
        """Begin a phase, in which that part learns."""
        set_trainable(self.network, part)
        self.first = []
        self._settling = None
        if part == "all" and any(variable.name == "moving_mean" for variable in self.network.variables):
            self._settling = _as_in_training(self.network)

    def note_first(self, model: Any) -> None:
        """Keep the weights after the first step of a phase; to be called before every step until they are there."""
        # The first step need not count: loss scaling drops one whose gradients overflow.
        if not self.first and _steps(model) == 1:
            self.first = [values(variable) for variable in model.trainable_variables]

    def take(self, model: Any) -> None:
        """Write the average as it is now.

        Args:
            model: The network that learns, compiled with an optimizer that keeps the average.
        """
        self.network.set_weights(model.get_weights())
        steps = _steps(model)
        if not steps:
            return
        averages = _averages(model)
        if steps > 1 and self.first:
            share = self._momentum ** (steps - 1)
            averages = [
                (average - np.float32(share) * first) / np.float32(1 - share)
                for average, first in zip(averages, self.first, strict=True)
            ]
        for variable, average in zip(self.network.trainable_variables, averages, strict=True):
            variable.assign(average)
        if self._settling is not None:
            for batch in range(min(_BATCHES, len(self._batches))):
                self._settling.predict_on_batch(self._batches[batch][0])


def _averages(model: Any) -> list[NDArray[Any]]:
    """The optimizer's averages of the weights that learn."""
    # It gives them to the very variables that it learns with, which may lie on several devices.
    learning = model.trainable_variables
    held = [values(one) for one in learning]
    model.optimizer.finalize_variable_values(learning)
    averages = [values(one) for one in learning]
    for variable, one in zip(learning, held, strict=True):
        variable.assign(one)
    return averages


def _as_in_training(network: Any) -> Any:
    """A model that runs a network as in training: its statistics move, and its weights do not."""
    keras = load_keras()

    class AsInTraining(keras.Model):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def call(self, pixels: Any) -> Any:
            # Said here and not in a functional model, for predicting would overrule that.
            return self.network(pixels, training=True)

    return AsInTraining()


def values(variable: Any) -> NDArray[Any]:
    """A copy of what a Keras variable holds: backends reuse the memory of what they hand out."""
    return np.array(load_keras().ops.convert_to_numpy(variable))


def _steps(model: Any) -> int:
    return int(values(model.optimizer.iterations))
