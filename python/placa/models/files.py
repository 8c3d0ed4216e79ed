"""Write and read the model file of a run, a Keras file with one more member for metadata.

The file has stock Keras layers only, so that ``model.keras`` loads with ``safe_mode`` and without placa.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from placa.core import limits
from placa.core.backend import load_keras
from placa.core.errors import FileTooLargeError
from placa.core.faults import machine_fault
from placa.core.files import ZIP_ERRORS, atomic_file, explain_os_error, is_full
from placa.models.errors import DamagedModelError, MissingModelError, UnloadableModelError
from placa.models.older_keras import write_for_older_keras
from placa.records.files import parse_record
from placa.records.model import ModelFacts

#: The member of the model file with metadata: findings, labels, size, how files are read.
_CARD = "placa.json"


def save_model(model: Any, path: Path, card: ModelFacts) -> None:
    """Write a model file atomically: to a temporary path, then renamed.

    Args:
        model: A model from `with_probabilities` or `ensemble`.
        path: The ``.keras`` file to write.
        card: What the model is, stored as JSON.
    """
    with atomic_file(path.with_suffix(".keras")) as partial:
        # Keras needs the suffix .keras.
        draft = partial.with_name(partial.name + ".keras")
        try:
            model.save(draft)
            write_for_older_keras(draft, partial)
            with zipfile.ZipFile(partial, "a") as archive:
                archive.writestr(_CARD, json.dumps(card, indent=2, ensure_ascii=False))
        finally:
            draft.unlink(missing_ok=True)


def read_card(path: Path) -> ModelFacts:
    """Read the metadata of a model file, without Keras.

    Raises:
        MissingModelError: The file does not exist.
        DamagedModelError: The file is damaged, or placa did not write it.
        FileTooLargeError: It is larger than any model when decompressed.
        SchemaVersionError, InvalidRecordError: Another version of placa wrote the metadata, or they are damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _require_size(path, archive)
            text = archive.read(_CARD).decode("utf-8")
    except FileNotFoundError as error:
        raise MissingModelError(f"No model file at {path}. Train the run again.", file=str(path)) from error
    except (*ZIP_ERRORS, OSError) as error:
        if isinstance(error, OSError) and machine_fault(error):
            raise explain_os_error(error, path) from error
        raise damaged_model(path) from error
    return parse_record(text, f"{path} ({_CARD})", ModelFacts)


def damaged_model(path: Path) -> DamagedModelError:
    """Return the error of a damaged model file."""
    return DamagedModelError(f"{path} is damaged, or placa did not write it. Train the run again.", file=str(path))


def _require_size(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse a model file by the sizes that it states; its members cannot have more bytes than these."""
    size = sum(member.file_size for member in archive.infolist())
    if size > limits.MAX_BYTES or archive.getinfo(_CARD).file_size > limits.MAX_RECORD_BYTES:
        raise FileTooLargeError(
            f"{path} has {size:,} bytes when decompressed, and the limit is {limits.MAX_BYTES:,}. Train the run again.",
            path=str(path),
            bytes=size,
        )


def load_model(path: Path) -> tuple[Any, ModelFacts]:
    """Load a model file and its metadata.

    Raises:
        MissingModelError: The file does not exist.
        DamagedModelError: The file is damaged, or placa did not write it.
        UnloadableModelError: The installed Keras cannot load the file.
    """
    card = read_card(path)
    keras = load_keras()
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True), card
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and (is_full(error) or machine_fault(error)):
            # Keras unpacks the weights into the temporary directory.
            raise explain_os_error(error, error.filename or tempfile.gettempdir()) from error
        # Keras and h5py raise any exception for a damaged file. The last line is the cause; the lines before it name
        # the layers around it.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = lines[-1].removeprefix("Exception encountered: ").rstrip(".")
        raise UnloadableModelError(
            f"Keras {keras.__version__} cannot load {path} ({reason}). Install the Keras version in run.json, or "
            "train the run again.",
            file=str(path),
            keras=str(keras.__version__),
            reason=reason,
        ) from error
