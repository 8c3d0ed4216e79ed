"""Networks by name, and the model file that a run keeps.

All of it is stock Keras, so that ``model.keras`` loads anywhere with ``safe_mode`` and without placa.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from placa.backend import load_keras
from placa.calibrate import Recalibration
from placa.errors import PlacaError, unknown_name
from placa.files import whole_file

#: The member of the model file that says what Keras has no place for: findings, labels, size, how files are read.
_CARD = "placa.json"


def build_small(size: int, findings: int) -> Any:
    """Build `small`, a convolutional network that trains in a minute on 2 cores.

    Args:
        size: Side of the input, in pixels.
        findings: How many logits to give.

    Returns:
        A Keras model from uint8 grey levels ``(n, size, size, 1)`` to logits ``(n, findings)``.
    """
    keras = load_keras()
    layers = keras.layers

    def convolve(x: Any, width: int, kernel: int, strides: int, name: str) -> Any:
        conv = layers.Conv2D(
            width,
            kernel,
            strides,
            "same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_conv",
        )
        # Keras' own momentum of 0.99 takes longer to settle than a small data set trains.
        return layers.ReLU(name=name)(layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(conv(x)))

    x = inputs = keras.Input((size, size, 1), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(x)
    # The stem halves the side at once: normalising and pooling at full size would be half of all the time.
    x = convolve(x, 16, 5, 2, "stem")
    for stage, width in enumerate((32, 64, 128), start=1):
        x = layers.MaxPooling2D(name=f"stage{stage}_pool")(x)
        x = convolve(x, width, 3, 1, f"stage{stage}_a")
        x = convolve(x, width, 3, 1, "features" if stage == 3 else f"stage{stage}_b")
    # The mean sees how much of the image looks so, the maximum whether any spot does.
    pooled = [layers.GlobalAveragePooling2D(name="mean")(x), layers.GlobalMaxPooling2D(name="maximum")(x)]
    x = layers.Dropout(0.2, name="dropout")(layers.Concatenate(name="pooled")(pooled))
    return keras.Model(inputs, layers.Dense(findings, name="logits")(x), name="small")


BACKBONES: dict[str, Callable[[int, int], Any]] = {"small": build_small}


def build(backbone: str, size: int, findings: int) -> Any:
    """Build a backbone by name.

    Raises:
        PlacaError: There is none of that name.
    """
    if backbone not in BACKBONES:
        raise unknown_name("backbone", backbone, BACKBONES)
    return BACKBONES[backbone](size, findings)


def with_mirror(network: Any) -> Any:
    """Average the logits of each image and of its mirror image.

    A network trained on flipped images answers both equally well, and errs on them a little differently.

    Args:
        network: From uint8 pixels ``(n, size, size, 1)`` to logits.

    Returns:
        A Keras model with the same weights, input and output.
    """
    keras = load_keras()
    pixels = keras.Input(network.input_shape[1:], dtype="uint8", name="pixels")
    both = [network(pixels), network(keras.ops.flip(pixels, axis=2))]
    return keras.Model(pixels, keras.layers.Average(name="mirrored_logits")(both), name=f"{network.name}_mirrored")


def with_probabilities(network: Any, recalibrations: list[Recalibration]) -> Any:
    """Put scores and recalibrated probabilities behind the logits of a network.

    Args:
        network: From uint8 pixels to logits ``(n, findings)``.
        recalibrations: One a finding, in order.

    Returns:
        A Keras model from uint8 pixels ``(n, size, size, 1)`` to ``{"score", "probability"}``, each ``(n, findings)``.
    """
    keras = load_keras()
    layers = keras.layers
    # A stock layer with one slope and one intercept a finding: nothing of placa is needed to load it.
    recalibrate = layers.EinsumDense(
        "nf,f->nf", output_shape=(len(recalibrations),), bias_axes="f", name="recalibration"
    )
    calibrated = recalibrate(network.output)
    recalibrate.set_weights(
        [
            np.array([one.slope for one in recalibrations], dtype=np.float32),
            np.array([one.intercept for one in recalibrations], dtype=np.float32),
        ]
    )
    outputs = {
        "score": layers.Activation("sigmoid", name="score")(network.output),
        "probability": layers.Activation("sigmoid", name="probability")(calibrated),
    }
    return keras.Model(network.input, outputs, name=f"placa_{network.name}")


def save_model(model: Any, path: Path, card: dict[str, Any]) -> None:
    """Write a model file, whole or not at all.

    Args:
        model: What `with_probabilities` returns.
        path: The ``.keras`` file to write.
        card: ``findings``, ``positive``, ``comparison``, ``size``, ``backbone``, ``reading`` (`placa.reading.Reading`
            as a dict, which models of before do not have) and its rule as ``resize``; kept as JSON inside.
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


def load_model(path: Path) -> tuple[Any, dict[str, Any]]:
    """Load a model file and the card inside it.

    Raises:
        PlacaError: The file is missing, damaged, or not one that placa wrote.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            card: dict[str, Any] = json.loads(archive.read(_CARD))
    except FileNotFoundError as error:
        raise PlacaError(f"{path} does not exist: a run has its model there; train it again.") from error
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise PlacaError(f"{path} is not a model that placa wrote, or is damaged: train it again.") from error
    keras = load_keras()
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True), card
    except (ValueError, OSError, KeyError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise PlacaError(
            f"{path} cannot be loaded by Keras {keras.__version__} ({reason}): train it again, or use the version "
            "that run.json names."
        ) from error
