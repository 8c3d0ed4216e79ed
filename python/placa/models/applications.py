"""Networks of `keras.applications` with the input and head of placa."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from placa.core.backend import load_keras
from placa.models.backbones import BACKBONE_TABLE, Scaling
from placa.models.standardise import PLAIN, Standardisation

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: `preprocess_input` of each family: ``(level / divisor - mean) / deviation`` for each of three channels.
_CONSTANTS: dict[Scaling, tuple[float, tuple[float, ...], tuple[float, ...]]] = {
    "torch": (255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    # In the order blue, green, red: the grey channels are equal, but the means differ.
    "caffe": (1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),
}

#: Name of the nested Keras network. The head pools its output, and Grad-CAM is computed there.
BODY = "features"


def build_application(name: str, size: int, findings: int, standardisation: Standardisation = PLAIN) -> Any:
    """Build a network of `keras.applications` with random weights.

    The grey channel is repeated to three channels and scaled as in the training of the original weights.

    Args:
        name: A backbone with an application in `placa.models.backbones.BACKBONE_TABLE`.
        size: Side of the input, in pixels.
        findings: Number of logits.
        standardisation: What is done to the pixels before the first layer.

    Returns:
        A Keras model from uint8 grey levels ``(n, size, size, 1)`` to logits ``(n, findings)``. All layers load with
        ``safe_mode``; the layer ``features`` is the network of Keras.
    """
    keras = load_keras()
    layers = keras.layers
    pixels = keras.Input((size, size, 1), dtype="uint8", name="pixels")
    x = standardisation.apply(pixels)
    x = layers.Concatenate(name="grey_to_colour")([x, x, x])
    x = scaled(x, BACKBONE_TABLE[name].scaling)
    mean = layers.GlobalAveragePooling2D(name="mean")(build_body(name, size)(x))
    return with_head(pixels, mean, findings, name.replace("-", "_"))


def with_head(pixels: Any, features: Any, findings: int, name: str) -> Any:
    """Return the model from `pixels` to one logit per finding: dropout and a linear layer after ``(n, features)``."""
    layers = load_keras().layers
    x = layers.Dropout(0.2, name="dropout")(features)
    # The loss overflows in half precision.
    logits = layers.Dense(findings, dtype="float32", name="logits")(x)
    return load_keras().Model(pixels, logits, name=name)


def scaled(colour: Any, scaling: Scaling) -> Any:
    """Apply the `preprocess_input` of a family as a layer of the model.

    Args:
        colour: Levels 0-255, ``(n, size, size, 3)``, with three equal channels.
        scaling: The scaling of the backbone in `placa.models.backbones.BACKBONE_TABLE`.

    Returns:
        The input of a network of that family.
    """
    if scaling == "inside":
        return colour
    divisor, means, deviations = _CONSTANTS[scaling]
    rescale = load_keras().layers.Rescaling(
        [1 / (divisor * deviation) for deviation in deviations],
        [-mean / deviation for mean, deviation in zip(means, deviations, strict=True)],
        # Half precision is too coarse here; the next layer rounds the result.
        dtype="float32",
        name="rescale",
    )
    return rescale(colour)


def original(name: str, size: int, weights: str | None = None, channels: int = 3) -> Any:
    """Build a network of `keras.applications` without its top, the architecture of files of weights.

    Args:
        name: A backbone with an application in `placa.models.backbones.BACKBONE_TABLE`.
        size: Side of the input, in pixels.
        weights: None, or ``imagenet``, which Keras downloads if needed.
        channels: Channels of the input.
    """
    make = getattr(load_keras().applications, str(BACKBONE_TABLE[name].application))
    return make(include_top=False, weights=weights, input_shape=(size, size, channels))


def set_body(network: Any, arrays: list[NDArray[Any]]) -> None:
    """Copy the weights of a network from `original` into the body of a network.

    Args:
        network: A network from `build_application`.
        arrays: The weights, in the order of `original`. Axes of length 1 may be in other places.
    """
    body = network.get_layer(BODY)
    body.set_weights([array.reshape(weight.shape) for array, weight in zip(arrays, body.weights, strict=True)])


def build_body(name: str, size: int, channels: int = 3) -> Any:
    """Build the nested network ``features`` with random weights (see `original`)."""
    keras = load_keras()
    made = original(name, size, channels=channels)
    planes = keras.models.clone_model(made, clone_function=_stock) if "convnext" in name else made
    for layer in planes.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # The defaults of 0.99 and 0.999 (MobileNet) converge too slowly for a small data set.
            layer.momentum = 0.9
    return keras.Model(planes.input, planes.output, name=BODY)


def _stock(layer: Any) -> Any:
    """Replace a layer by an equivalent one of a public class that is fast on a CPU."""
    layers, config = load_keras().layers, layer.get_config()
    if type(layer).__name__ == "LayerScale":
        # This class is private in Keras: a model file would depend on its module path.
        return layers.EinsumDense(
            "nhwc,c->nhwc",
            output_shape=tuple(layer.output.shape[1:]),
            kernel_initializer=load_keras().initializers.Constant(layer.init_values),
            dtype=layer.dtype_policy,
            name=layer.name,
        )
    if isinstance(layer, layers.Conv2D) and layer.groups == layer.filters:
        # TensorFlow recompiles a grouped convolution at every call on a CPU.
        kept = ("name", "dtype", "kernel_size", "padding", "use_bias")
        return layers.DepthwiseConv2D(**{key: config[key] for key in kept})
    return type(layer).from_config(config)
