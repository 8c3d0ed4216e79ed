"""Build networks from a backbone of the user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from placa.core.backend import load_keras
from placa.models.applications import BODY, with_head
from placa.models.errors import OwnBackboneError
from placa.models.standardise import PLAIN, Standardisation

#: A Keras model from grey levels to features, or a function that builds one for a side in pixels.
OwnBackbone: TypeAlias = Callable[[int], Any]


def build_own(backbone: OwnBackbone | Any, size: int, findings: int, standardisation: Standardisation = PLAIN) -> Any:
    """Build a network from a backbone of the user.

    Args:
        backbone: A functional or sequential Keras model from grey levels 0-255, ``(n, size, size, 1)`` or, with three
            equal channels, ``(n, size, size, 3)``, to features ``(n, h, w, channels)`` or ``(n, channels)``; or a
            function from a side in pixels to such a model. Its weights are kept, and the model itself is not changed.
        size: Side of the input, in pixels.
        findings: Number of logits.
        standardisation: What is done to the pixels before the first layer.

    Returns:
        A Keras model as from `placa.models.networks.build`.

    Raises:
        OwnBackboneError: It is not such a model.
    """
    keras = load_keras()
    layers = keras.layers
    model = backbone if isinstance(backbone, keras.Model) else backbone(size)
    channels = _require_features(model, size)
    pixels = keras.Input((size, size, 1), dtype="uint8", name="pixels")
    x = standardisation.apply(pixels)
    if channels > 1:
        x = layers.Concatenate(name="grey_to_colour")([x] * channels)
    # A copy, so that each fold starts with the weights of the model.
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    x = keras.Model(copy.inputs[0], copy.outputs[0], name=BODY)(x)
    pooled = layers.GlobalAveragePooling2D if len(x.shape) == 4 else layers.Identity
    return with_head(pixels, pooled(name="mean")(x), findings, "own")


def _require_features(model: Any, size: int) -> int:
    """Check the input and the output of a model, and return the number of its channels."""
    if not isinstance(model, load_keras().Model) or not getattr(model, "inputs", None):
        raise _not_usable(f"it is {type(model).__name__}, not a functional or sequential Keras model")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise _not_usable(f"it has {len(model.inputs)} inputs and {len(model.outputs)} outputs, not one of each")
    shape, features = tuple(model.inputs[0].shape), tuple(model.outputs[0].shape)
    sides = all(side in (None, size) for side in shape[1:3])
    if len(shape) != 4 or shape[3] not in (1, 3) or not sides:
        raise _not_usable(
            f"its input has the shape {shape}, not (None, {size}, {size}, 1) or (None, {size}, {size}, 3)"
        )
    if len(features) not in (2, 4) or features[-1] is None:
        raise _not_usable(f"its output has the shape {features}, not (None, channels) or (None, h, w, channels)")
    return int(shape[3])


def _not_usable(reason: str) -> OwnBackboneError:
    return OwnBackboneError(
        "`backbone` must be a Keras model from images to features, or a function of their side that returns one: "
        f"{reason}. Pass a keras.Model without its last layers.",
        reason=reason,
    )
