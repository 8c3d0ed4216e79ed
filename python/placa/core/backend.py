"""Start Keras when it is needed, and quietly."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from placa.core.errors import MissingPackageError


def load_keras() -> Any:
    """Import Keras, which takes seconds: only what needs a network calls this.

    Returns:
        The `keras` module, on the backend that ``KERAS_BACKEND`` names, TensorFlow by default.

    Raises:
        MissingPackageError: Keras, or the backend wanted, cannot be imported.
    """
    if "keras" in sys.modules:
        return sys.modules["keras"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # It warns of every process that has more than a few networks, as folds do.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        with _quiet():
            import keras

            # The first look for devices has its own chatter about CUDA, on machines that have none.
            keras.distribution.list_devices()
    except ImportError as error:
        raise MissingPackageError(
            f"Keras or its backend cannot be imported ({error}): run make setup, or placa doctor to see why.",
            package=error.name or "keras",
            reason=str(error),
        ) from error
    return keras


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what is written to stderr, and let it out if the block fails.

    TensorFlow logs a dozen lines before it has read the settings that would silence it, so they are caught at the
    file descriptor.
    """
    sys.stderr.flush()
    try:
        stderr = os.dup(2)
    except OSError:
        # No stderr to speak of: nothing to hold back either.
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(stderr, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def accelerator() -> str | None:
    """The accelerators that Keras will use, in its own words, or None where there is none."""
    keras = load_keras()
    names = [name for name in keras.distribution.list_devices() if not name.lower().startswith("cpu")]
    return ", ".join(names) or None
