"""Import Keras on demand, without its log messages."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from placa.core.errors import KerasSettingError, MissingPackageError


def load_keras() -> Any:
    """Import Keras. The import takes seconds, so only functions that need a network call this.

    Returns:
        The `keras` module, with the backend in ``KERAS_BACKEND``, TensorFlow by default.

    Raises:
        MissingPackageError: Keras or its backend cannot be imported.
        KerasSettingError: Keras was imported before with settings that placa's networks cannot use.
    """
    if "keras" in sys.modules:
        return _require_channels_last(sys.modules["keras"])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # The backend in the user's keras.json has no effect, so that a run gives the same numbers for every user.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # TensorFlow warns when a process builds more than a few networks, as cross-validation does.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        with _quiet():
            import keras

            keras.config.set_image_data_format("channels_last")
            keras.config.set_floatx("float32")
            keras.config.set_epsilon(1e-7)
            # The first call that lists devices logs messages about CUDA on machines without a GPU.
            keras.distribution.list_devices()
    except (ImportError, ValueError, AssertionError) as error:
        raise MissingPackageError(
            f"Cannot import Keras or its backend ({error}). Run make setup; placa doctor shows the cause.",
            package=getattr(error, "name", None) or "keras",
            reason=str(error),
        ) from error
    return keras


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
    keras = load_keras()
    names = [name for name in keras.distribution.list_devices() if not name.lower().startswith("cpu")]
    return ", ".join(names) or None
