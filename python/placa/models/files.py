"""The model file that a run keeps: Keras' own, with a card inside that says what Keras has no place for.

All of it is stock Keras, so that ``model.keras`` loads anywhere with ``safe_mode`` and without placa.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from placa.core.backend import load_keras
from placa.core.files import whole_file
from placa.models.errors import DamagedModelError, MissingModelError, UnloadableModelError

#: The member of the model file that says what Keras has no place for: findings, labels, size, how files are read.
_CARD = "placa.json"


def save_model(model: Any, path: Path, card: dict[str, Any]) -> None:
    """Write a model file, whole or not at all.

    Args:
        model: What `with_probabilities` returns.
        path: The ``.keras`` file to write.
        card: ``findings``, ``positive``, ``comparison``, ``size``, ``backbone``, ``reading``
            (`placa.records.reading.Reading` as a dict, which models of before do not have) and its rule as ``resize``;
            kept as JSON inside.
    """
    with whole_file(path.with_suffix(".keras")) as partial:
        # Keras insists on the ending of the name.
        draft = partial.with_name(partial.name + ".keras")
        try:
            model.save(draft)
            with zipfile.ZipFile(draft, "a") as archive:
                archive.writestr(_CARD, json.dumps(card, indent=2, ensure_ascii=False))
            draft.replace(partial)
        finally:
            draft.unlink(missing_ok=True)


def read_card(path: Path) -> dict[str, Any]:
    """Read the card inside a model file, for which Keras is not needed.

    Raises:
        PlacaError: The file is missing, damaged, or not one that placa wrote.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            card: dict[str, Any] = json.loads(archive.read(_CARD))
    except FileNotFoundError as error:
        raise MissingModelError(f"No model file at {path}. Train the run again.", file=str(path)) from error
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise DamagedModelError(
            f"{path} is damaged, or placa did not write it. Train the run again.", file=str(path)
        ) from error
    return card


def load_model(path: Path) -> tuple[Any, dict[str, Any]]:
    """Load a model file and the card inside it.

    Raises:
        PlacaError: The file is missing, damaged, or not one that placa wrote.
    """
    card = read_card(path)
    keras = load_keras()
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True), card
    except (ValueError, OSError, KeyError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UnloadableModelError(
            f"Keras {keras.__version__} cannot load {path} ({reason}). Install the Keras version in run.json, or "
            "train the run again.",
            file=str(path),
            keras=str(keras.__version__),
            reason=reason,
        ) from error
