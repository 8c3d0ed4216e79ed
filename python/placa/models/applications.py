"""Networks of `keras.applications` behind placa's own input and head."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from placa.core.backend import load_keras
from placa.models.backbones import ROWS, Scaling

#: What `preprocess_input` of each family does: ``(level / divisor - mean) / deviation`` for each of three channels.
_CONSTANTS: dict[Scaling, tuple[float, tuple[float, ...], tuple[float, ...]]] = {
    "torch": (255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    # Blue, green, red; a grey image is the same in any order, but its means are not.
    "caffe": (1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),
}

#: The nested network of Keras, whose output is what the head pools and what Grad-CAM explains at.
BODY = "features"


def build_application(name: str, size: int, findings: int) -> Any:
    """Build a network of `keras.applications` with random weights.

    A grey level is repeated for the three channels that its weights were learnt with, and scaled as they were.

    Args:
        name: A backbone's name whose row has an application.
        size: Side of the input, in pixels.
        findings: How many logits to give.

    Returns:
        A Keras model from uint8 grey levels ``(n, size, size, 1)`` to logits ``(n, findings)``, of layers that any
        Keras loads with ``safe_mode``; the network of Keras is its layer ``features``.
    """
    keras = load_keras()
    layers = keras.layers
    x = pixels = keras.Input((size, size, 1), dtype="uint8", name="pixels")
    x = layers.Concatenate(name="grey_to_colour")([x, x, x])
    x = scaled(x, ROWS[name].scaling)
    x = layers.GlobalAveragePooling2D(name="mean")(_body(name, size)(x))
    x = layers.Dropout(0.2, name="dropout")(x)
    # A loss in half precision overflows.
    logits = layers.Dense(findings, dtype="float32", name="logits")(x)
    return keras.Model(pixels, logits, name=name.replace("-", "_"))


def scaled(colour: Any, scaling: Scaling) -> Any:
    """Do what `preprocess_input` of a family does, in a layer of the model.

    Args:
        colour: Levels 0-255, ``(n, size, size, 3)``, red, green and blue alike.
        scaling: As a row of `placa.models.backbones.ROWS` says it.

    Returns:
        What the network of that family takes.
    """
    if scaling == "inside":
        return colour
    divisor, means, deviations = _CONSTANTS[scaling]
    rescale = load_keras().layers.Rescaling(
        [1 / (divisor * deviation) for deviation in deviations],
        [-mean / deviation for mean, deviation in zip(means, deviations, strict=True)],
        # Half precision is too coarse for levels around their mean; the next layer rounds what comes out.
        dtype="float32",
        name="rescale",
    )
    return rescale(colour)


def original(name: str, size: int, weights: str | None = None) -> Any:
    """Build a network as Keras itself does, without its head: what files of weights are made for.

    Args:
        name: A backbone's name whose row has an application.
        size: Side of the input, in pixels.
        weights: None, or ``imagenet``, which Keras may download.
    """
    make = getattr(load_keras().applications, str(ROWS[name].application))
    return make(include_top=False, weights=weights, input_shape=(size, size, 3))


def set_body(network: Any, arrays: list[NDArray[Any]]) -> None:
    """Give the body of a network the weights of what `original` builds.

    Args:
        network: What `build_application` made.
        arrays: In the order of `original`, and of its shapes but for axes of one, which stock layers have elsewhere.
    """
    body = network.get_layer(BODY)
    body.set_weights([array.reshape(weight.shape) for array, weight in zip(arrays, body.weights, strict=True)])


def _body(name: str, size: int) -> Any:
    keras = load_keras()
    made = original(name, size)
    planes = keras.models.clone_model(made, clone_function=_stock) if "convnext" in name else made
    for layer in planes.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # Keras' 0.99, and MobileNet's 0.999, take longer to settle than a small data set trains.
            layer.momentum = 0.9
    return keras.Model(planes.input, planes.output, name=BODY)


def _stock(layer: Any) -> Any:
    """A new layer that computes the same, of a public class and fast on a CPU."""
    layers, config = load_keras().layers, layer.get_config()
    if type(layer).__name__ == "LayerScale":
        # Keras keeps this class to itself: a model file would lean on where it lies inside.
        return layers.EinsumDense(
            "nhwc,c->nhwc",
            output_shape=tuple(layer.output.shape[1:]),
            kernel_initializer=load_keras().initializers.Constant(layer.init_values),
            dtype=layer.dtype_policy,
            name=layer.name,
        )
    if isinstance(layer, layers.Conv2D) and layer.groups == layer.filters:
        # TensorFlow compiles a grouped convolution anew at every call on a CPU.
        kept = ("name", "dtype", "kernel_size", "padding", "use_bias")
        return layers.DepthwiseConv2D(**{key: config[key] for key in kept})
    return type(layer).from_config(config)
