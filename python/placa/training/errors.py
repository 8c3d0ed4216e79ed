"""The errors of training, in one process or several."""

from __future__ import annotations

import importlib
import json
import re
from typing import Any

from placa.core.errors import InputError, MachineError, PlacaError


class ConfigFileError(InputError):
    """A file of options is not valid TOML. Values: ``file``, ``reason``."""


class OptionValueError(InputError):
    """An option has the wrong type or is out of range. Values: ``option``, ``value``; ``file`` if it is from a file.

    Of a choice also ``choices``; of a number ``least`` and ``most``, None for no bound, and ``inclusive``.
    """


class OwnAugmentationError(InputError):
    """A function of the user returns another kind of image. Values: ``type``, ``shape``."""


class BatchSizeError(InputError):
    """The processes cannot share a batch evenly. Values: ``batch_size``, ``processes``."""


class MissingClassError(InputError):
    """A finding has images of one class only. Values: ``split``, ``finding``, ``missing``, ``images``, ``findings``.

    ``missing`` is ``positive`` or ``negative``, ``images`` the size of the split, ``findings`` all that lack a class.
    """


class NotExclusiveError(InputError):
    """Findings cannot exclude each other. Values: ``findings``, ``images`` (the number with several findings)."""


class FoldCountError(InputError):
    """There are too few patients or groups for so many folds. Values: ``folds``, ``most``, ``groups``."""


class DivergedError(InputError):
    """The loss or the logits are not finite. Values: ``quantity``, ``epoch``, ``step`` (None for logits)."""


class DamagedStateError(InputError):
    """A saved training state is damaged. Values: ``file``, ``reason``."""


class IncompatibleStateError(InputError):
    """A saved training state has variables of other shapes. Values: ``part``."""


class UnfinishedTrainingError(InputError):
    """An interrupted training of the same run exists. Values: ``run``."""


class ChangedTrainingError(InputError):
    """An interrupted training has other options or data. Values: ``changed``, ``[before, now]`` by name."""


class TrainingInterruptedError(MachineError):
    """Training cannot write its files, and its state is kept. Values: ``run``, ``state``, ``reason``."""


class ProcessOptionsError(InputError):
    """``--processes`` or ``--process-id`` is given without the other. Values: ``given``, ``missing``."""


class ProcessIdError(InputError):
    """The number of a process is out of range. Values: ``process``, ``processes``."""


class AddressError(InputError):
    """An address of a process is not ``HOST`` or ``HOST:PORT``. Values: ``address``."""


class SlurmVariablesError(InputError):
    """SLURM's environment variables contradict each other. Values: ``variables``, text by name."""


class LauncherVariablesError(InputError):
    """The variables of torchrun or Open MPI are incomplete or contradict each other. Values: ``variables``."""


class NodeListError(InputError):
    """A SLURM node list cannot be expanded. Values: ``nodes``."""


class UnknownHostError(InputError):
    """A host name cannot be resolved. Values: ``host``."""


class ForeignAddressError(InputError):
    """The address of process 0 is not one of this machine. Values: ``host``."""


class PortUnavailableError(MachineError):
    """Process 0 cannot listen on its port. Values: ``port``, ``reason``."""


class UnreachableProcessError(MachineError):
    """Process 0 cannot be reached. Values: ``address``, ``seconds``, ``reason``."""


class MissingProcessError(MachineError):
    """Some processes did not connect in time. Values: ``missing``, ``processes``, ``address``, ``seconds``."""


class ProcessMismatchError(InputError):
    """Two processes are started differently. Values: ``process``, ``name``, ``expected``, ``received``."""


class ProcessesNotConnectedError(MachineError):
    """JAX connects another number of processes than are to train. Values: ``processes``, ``connected``."""


class ProcessLostError(MachineError):
    """Another process of the group has ended. Values: ``reason``; ``process`` if it is process 0."""


class TrainingKilledError(MachineError):
    """The process that trains was killed. Values: ``signal``."""


class StateNotSharedError(InputError):
    """A process does not see the training state of process 0. Values: ``process``, ``state``."""


class WeightsDifferError(MachineError):
    """Processes end with other weights than process 0. Values: ``processes``."""


class BackendError(InputError):
    """The Keras backend cannot train in several processes. Values: ``backend``, ``expected``."""


def error_to_json(error: PlacaError) -> dict[str, Any]:
    """Convert an error for JSON, so that another process can raise it."""
    values = json.loads(json.dumps(error.values, default=str))
    return {"module": type(error).__module__, "class": type(error).__name__, "message": str(error), "values": values}


def error_from_json(content: dict[str, Any]) -> PlacaError:
    """Create an error from the result of `error_to_json`.

    Args:
        content: The message of another process.

    Returns:
        An error of the same class, or a `MachineError` if placa has no such class.
    """
    message, values = str(content.get("message")), content.get("values")
    kind: Any = None
    if re.fullmatch(r"placa(\.\w+)+", str(content.get("module"))):
        try:
            kind = getattr(importlib.import_module(content["module"]), str(content.get("class")), None)
        except ImportError:
            kind = None
    known = isinstance(kind, type) and issubclass(kind, PlacaError)
    error: PlacaError = (kind if known else MachineError)(message, **(values if isinstance(values, dict) else {}))
    return error
