"""Import Keras on demand, without its log messages."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from placa.core.errors import ForkedProcessError, KerasSettingError, MissingPackageError, require_known

#: The backends of Keras: those that train, the default first, and those that only predict.
TRAINING_BACKENDS = ("tensorflow", "jax", "torch")
BACKENDS = (*TRAINING_BACKENDS, "numpy", "openvino")
#: Only one thread imports Keras.
_IMPORT_LOCK = threading.RLock()
#: The process in which placa first used Keras.
_process: int | None = None


def load_keras() -> Any:
    """Import Keras. The import takes seconds, so only functions that need a network call this.

    Returns:
        The `keras` module, with the backend in ``KERAS_BACKEND``; by default TensorFlow, or else JAX or torch.

    Raises:
        UnknownNameError: ``KERAS_BACKEND`` names no backend.
        MissingPackageError: Keras or its backend cannot be imported.
        KerasSettingError: Keras was imported before with settings that placa's networks cannot use.
        ForkedProcessError: This process was forked from one that used Keras.
    """
    global _process
    require_unforked()
    with _IMPORT_LOCK:
        keras = _require_channels_last(sys.modules["keras"]) if "keras" in sys.modules else _import_keras()
        _process = os.getpid()
        return keras


def require_unforked() -> None:
    """Check that this process may use Keras: a forked process has the locks of its parent, but not its threads.

    Raises:
        ForkedProcessError: This process was forked from one that used Keras, and would wait forever.
    """
    if _process not in (None, os.getpid()):
        raise ForkedProcessError(
            "Keras cannot run in this process, because it was forked from one that used Keras. Start processes with "
            "multiprocessing.get_context('spawn'), or load models after the fork only.",
            parent=_process,
        )


def _import_keras() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # The backend in the user's keras.json has no effect, so that a run gives the same numbers for every user.
    backend = os.environ.setdefault("KERAS_BACKEND", _default_backend())
    require_known("backend in KERAS_BACKEND", backend, BACKENDS)
    try:
        with _quiet():
            import keras

            keras.config.set_image_data_format("channels_last")
            keras.config.set_floatx("float32")
            keras.config.set_epsilon(1e-7)
            # The first call that lists devices logs messages about CUDA on machines without a GPU.
            device_names()
        # TensorFlow warns when a process builds more than a few networks, as cross-validation does. In a notebook, its
        # import sets the level, too.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    except (ImportError, ValueError, AssertionError) as error:
        raise MissingPackageError(
            f"Cannot import Keras or its backend ({error}). Run make setup, or pip install 'placa[{backend}]'; placa "
            "doctor shows the cause.",
            package=getattr(error, "name", None) or "keras",
            reason=str(error),
        ) from error
    return keras


def device_names() -> list[str]:
    """Return the names of the devices that Keras uses, such as ``cpu:0`` or ``gpu:0``."""
    keras = sys.modules["keras"]
    if keras.backend.backend() != "torch":
        names: list[str] = keras.distribution.list_devices()
        return names
    # Keras lists no devices of torch, and uses one.
    torch = sys.modules["torch"]
    if torch.cuda.is_available():
        return ["cuda:0"]
    return ["mps:0" if torch.backends.mps.is_available() else "cpu:0"]


def _default_backend() -> str:
    """Return the first backend that is installed."""
    return next((name for name in TRAINING_BACKENDS if find_spec(name)), TRAINING_BACKENDS[0])


def _require_channels_last(keras: Any) -> Any:
    """Check the settings of a Keras that was imported before placa used it."""
    config = getattr(keras, "config", None)
    # Another thread may be importing Keras.
    if config is not None and config.image_data_format() != "channels_last":
        raise KerasSettingError(
            "Keras is set to images with channels first. Call keras.config.set_image_data_format('channels_last').",
            setting="image_data_format",
            value=str(config.image_data_format()),
        )
    return keras


@contextmanager
def _quiet() -> Iterator[None]:
    """Capture stderr, and write the captured text only if the block fails.

    TensorFlow logs a dozen lines before it reads its log settings, so the file descriptor is redirected.
    """
    sys.stderr.flush()
    try:
        stderr = os.dup(2)
    except OSError:
        # The process has no stderr, so there is nothing to capture.
        yield
        return
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(stderr, 2)
            captured.seek(0)
            os.write(2, captured.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def accelerator() -> str | None:
    """Return the names of the accelerators that Keras uses, separated by commas, or None without one."""
    load_keras()
    names = [name for name in device_names() if not name.lower().startswith("cpu")]
    return ", ".join(names) or None
