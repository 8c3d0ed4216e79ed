"""Train a network with ``fit`` of Keras, phase by phase, so that training can resume at any step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.backend import load_keras
from placa.core.language import number, translate
from placa.core.progress import Advance
from placa.models.networks import set_trainable
from placa.training.averaging import Average, values
from placa.training.checkpoint import Arrays, Checkpoint
from placa.training.devices import Devices
from placa.training.errors import DivergedError
from placa.training.monitor import Monitor, Validator
from placa.training.options import TrainOptions
from placa.training.phases import Phase, optimizer_of
from placa.training.state import TrainState, snapshot


@dataclass(eq=False)
class Learner:
    """Trainer of one network.

    Attributes:
        network: A network from uint8 pixels to logits.
        average: Moving average of the weights, whose network is validated and kept; or None.
        loss: Loss as a function of truth and logits.
        batches: Training batches, from `training_batches`.
        validator: Computes loss and AUROC on the validation images.
        logits: Function from a network to its validation logits, ``(n, findings)``.
        monitor: Training history and best weights.
        checkpoint: Checkpoint for the training state, or None.
        devices: Devices of the network.
        copy: Copy of the network on one device for validation, if the network is on several devices; or None.
        callbacks: Callbacks of the user, called after those of placa.
        last: Index of the last phase.
    """

    network: Any
    average: Average | None
    loss: Callable[[Any, Any], Any]
    batches: Any
    validator: Validator
    logits: Callable[[Any], NDArray[np.float64]]
    monitor: Monitor
    checkpoint: Checkpoint | None
    devices: Devices
    copy: Any = None
    callbacks: Sequence[Any] = ()
    last: int = field(default=0, init=False)

    def learn(self, phases: list[Phase], options: TrainOptions, state: TrainState, advance: Advance) -> TrainState:
        """Train from a state to the end.

        Args:
            phases: All phases.
            options: Training options.
            state: Initial state.
            advance: Advances the progress bar by epochs.

        Returns:
            The state after the last phase.

        Raises:
            DivergedError: The loss or the logits are not finite.
            PlacaError: The checkpoint cannot be written.
        """
        self.last = len(phases) - 1
        if state.epoch:
            advance(state.epoch)
        ready = None
        while state.phase < len(phases):
            phase = phases[state.phase]
            if ready is not phase:
                self._begin(phase, options)
                ready = phase
            # Keras overwrites the weights with the average at the end of a fit, so that they are always restored.
            state.restore("network", self.network.variables)
            state.restore("optimizer", self.network.optimizer.variables)
            if self.average is not None:
                self.average.first = state.arrays.get("first", [])
            state = self._run_fit(phase, state, options.patience, advance)
        return state

    def _begin(self, phase: Phase, options: TrainOptions) -> None:
        with self.devices.build_scope():
            set_trainable(self.network, phase.part)
            self.network.compile(optimizer_of(phase, len(self.batches), options), loss=self.loss)
            self.network.optimizer.build(self.network.trainable_variables)
        if self.average is not None:
            with self.devices.local_scope():
                self.average.begin(phase.part)

    def _run_fit(self, phase: Phase, state: TrainState, patience: int, advance: Advance) -> TrainState:
        """Call ``fit`` once: to the end of the phase, or of the epoch if it starts within one."""
        until = state.epoch + 1 if state.step else state.began + phase.epochs
        callback = _make_callback(self, phase, state, until, patience, advance)
        every = [callback, *self.callbacks]
        self.batches.done = state.step
        self.network.fit(
            self.batches, initial_epoch=state.epoch, epochs=until, verbose=0, shuffle=False, callbacks=every
        )
        self.batches.done = 0
        ended: TrainState = callback.ended
        return ended

    def save(self, state: TrainState) -> None:
        """Save a state in the checkpoint, if there is one."""
        if self.checkpoint is not None:
            self.checkpoint.save(*state.to_checkpoint(self.monitor))

    def due(self) -> bool:
        """Return whether a state must be saved now."""
        return self.checkpoint is not None and self.checkpoint.due()


def _make_callback(
    learner: Learner, phase: Phase, start: TrainState, until: int, patience: int, advance: Advance
) -> Any:
    """Create the Keras callback that validates each epoch, saves states, and stops early."""
    keras = load_keras()
    monitor, average = learner.monitor, learner.average
    started = time.perf_counter()

    class EpochCallback(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        # Losses are checked in another thread, so that the accelerator does not wait.
        async_safe = True
        ended = start
        _nonfinite: tuple[int, float] | None = None

        def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            first = epoch == start.epoch
            self._epoch, self._before = epoch, start.step if first else 0
            # Set at each epoch: Keras calls on_epoch_end once before the first epoch.
            learner.batches.epoch = epoch
            self._lap = time.perf_counter() - (start.lap if first else 0.0)
            if self._before:
                # The mean loss of the epoch includes the steps before the interruption.
                start.restore("loss", self.model.metrics_variables)

        def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            self._require_finite()
            if average is not None and not average.first:
                average.store_first(self.model)
            if batch and learner.due():
                held = {**snapshot(self.model), "loss": [values(one) for one in self.model.metrics_variables]}
                learner.save(self._state(held, epoch=self._epoch, step=self._before + batch))

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            loss = (logs or {})["loss"]
            if not math.isfinite(loss) and (self._nonfinite is None or batch < self._nonfinite[0]):
                self._nonfinite = batch, loss

        def _require_finite(self) -> None:
            if self._nonfinite is not None:
                batch, loss = self._nonfinite
                epoch, step = self._epoch + 1, self._before + batch + 1
                raise DivergedError(
                    f"The loss is {loss} in epoch {epoch} at step {step}. Try a lower --learning-rate.",
                    quantity="loss",
                    epoch=epoch,
                    step=step,
                )

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            self._require_finite()
            model = self.model
            with learner.devices.local_scope():
                validated = self._network_to_validate(model)
                logits = learner.logits(validated)
            if not np.isfinite(logits).all():
                raise DivergedError(
                    f"Validation logits are not finite in epoch {epoch + 1}. Try a lower --learning-rate.",
                    quantity="logits",
                    epoch=epoch + 1,
                    step=None,
                )
            row = {
                "epoch": epoch + 1,
                "loss": float((logs or {})["loss"]),
                **learner.validator.row(logits),
                "learning_rate": float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)),
                "seconds": round(time.perf_counter() - self._lap, 3),
            }
            # For the callbacks of the user.
            (logs or {}).update({name: row[name] for name in ("validation_loss", "validation_auroc")})
            monitor.add(row, learner.validator.error, lambda: [np.array(one) for one in validated.get_weights()])
            auroc = row["validation_auroc"]
            advance(1, remark=_remark(auroc, monitor.highest_auroc))
            over = monitor.stalled(start.began) >= patience or epoch + 1 == start.began + phase.epochs
            if over:
                self.model.stop_training = True
                self._end_phase(epoch)
            elif epoch + 1 == until or learner.due():
                self.ended = self._state(snapshot(model), epoch=epoch + 1)
                if learner.due():
                    learner.save(self.ended)

        def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
            # A callback of the user may stop a phase.
            if self.model.stop_training and self.ended.phase == start.phase:
                self._end_phase(self._epoch)

        def _end_phase(self, epoch: int) -> None:
            # The next phase has a new optimizer; after the last phase only the best weights are needed.
            arrays = {"network": snapshot(self.model)["network"]} if start.phase < learner.last else {}
            self.ended = self._state(arrays, start.phase + 1, epoch + 1, epoch + 1)
            learner.save(self.ended)

        def _network_to_validate(self, model: Any) -> Any:
            if average is not None:
                if not average.first:
                    average.store_first(model)
                average.update(model)
                return average.network
            if learner.copy is not None:
                learner.copy.set_weights(model.get_weights())
                return learner.copy
            return model

        def _state(
            self,
            held: Arrays,
            phase: int = start.phase,
            began: int = start.began,
            epoch: int = 0,
            step: int = 0,
        ) -> TrainState:
            first = average.first if average is not None and "optimizer" in held else []
            now = time.perf_counter()
            lap = now - self._lap if step else 0.0
            return TrainState(phase, began, epoch, step, start.seconds + now - started, lap, {**held, "first": first})

    return EpochCallback()


def _remark(auroc: float, highest: float) -> str:
    return translate("AUROC {auroc}, highest {highest}", auroc=number(auroc, 3), highest=number(highest, 3))
