"""Build the vision transformers of foundation models from stock Keras layers: a run needs no other package."""

from __future__ import annotations

from typing import Any

from placa.core.backend import load_keras
from placa.models.applications import with_head
from placa.models.foundation.folder import VisionTransformer
from placa.models.foundation.network_input import FIXED, network_input
from placa.models.standardise import PLAIN, Standardisation

#: What the names of the layers of low-rank adapters end with.
ADAPTERS = ("_adapter_down", "_adapter_up")
#: Rank of the adapters of query and value.
RANK = 8


def build_transformer(
    model: VisionTransformer,
    size: int,
    findings: int,
    standardisation: Standardisation = PLAIN,
    input_size: int | None = None,
    adapters: bool = False,
) -> Any:
    """Build the network of a foundation model with random weights.

    The complete square is resized to the input of the network, bicubically and antialiased; nothing is cropped. The
    head receives the class token and the mean of the patches, both after the last normalisation.

    Args:
        model: The foundation model.
        size: Side of the squares, in pixels.
        findings: Number of logits.
        standardisation: What is done to the pixels before the first layer.
        input_size: Side of the input of the network, in pixels; by default its own.
        adapters: Whether query and value have low-rank adapters, which start at zero (LoRA, Hu et al. 2022,
            arXiv:2106.09685). They are layers of their own, so that nothing has to be merged or enabled again.

    Returns:
        A Keras model from uint8 grey levels ``(n, size, size, 1)`` to logits ``(n, findings)``. The layer ``features``
        has the patches as a plane ``(n, rows, columns, width)``.
    """
    keras = load_keras()
    layers = keras.layers
    side, prefix = model.side(input_size), 1 + model.registers
    across = side // model.patch
    pixels = keras.Input((size, size, 1), dtype="uint8", name="pixels")
    x = network_input(model, standardisation.apply(pixels), side)
    x = layers.Conv2D(model.width, model.patch, model.patch, name="patches")(x)
    x = layers.Reshape((across**2, model.width), name="patch_tokens")(x)
    # The class token, the registers and the positions are the bias: the tokens before the patches are zero.
    x = layers.ZeroPadding1D((prefix, 0), name="other_tokens")(x)
    shape = (prefix + across**2, model.width)
    x = layers.EinsumDense("btd,d->btd", shape, bias_axes="td", name=f"{FIXED}tokens")(x)
    turn = _rotation(model, shape[0]) if model.base is not None else None
    for number in range(model.layers):
        x = _block(model, x, f"block{number}", turn, adapters)
    x = layers.LayerNormalization(epsilon=model.epsilon, name="norm")(x)
    planes = layers.Cropping1D((prefix, 0), name="patch_features")(x)
    planes = layers.Reshape((across, across, model.width), name="features")(planes)
    mean = layers.GlobalAveragePooling2D(name="mean")(planes)
    return with_head(pixels, layers.Concatenate(name="pooled")([x[:, 0], mean]), findings, model.model_type)


def _block(model: VisionTransformer, x: Any, name: str, turn: Any, adapters: bool) -> Any:
    layers = load_keras().layers

    def normalised(x: Any, number: int) -> Any:
        return layers.LayerNormalization(epsilon=model.epsilon, name=f"{name}_norm{number}")(x)

    def scaled(x: Any, number: int) -> Any:
        return layers.EinsumDense("btd,d->btd", tuple(x.shape[1:]), name=f"{name}_scale{number}")(x)

    x = layers.Add(name=f"{name}_add1")([x, scaled(_attention(model, normalised(x, 1), name, turn, adapters), 1)])
    return layers.Add(name=f"{name}_add2")([x, scaled(_perceptron(model, normalised(x, 2), name), 2)])


def _attention(model: VisionTransformer, x: Any, name: str, turn: Any, adapters: bool) -> Any:
    keras = load_keras()
    layers, tokens, width = keras.layers, int(x.shape[1]), model.width

    def heads(part: str) -> Any:
        projected = layers.Dense(width, name=f"{name}_{part}")(x)
        if adapters and part != "key":
            down, up = (f"{name}_{part}{suffix}" for suffix in ADAPTERS)
            low = layers.Dense(RANK, use_bias=False, kernel_initializer="he_uniform", name=down)(x)
            change = layers.Dense(width, use_bias=False, kernel_initializer="zeros", name=up)(low)
            projected = layers.Add(name=f"{name}_{part}_adapted")([projected, change])
        return layers.Reshape((tokens, model.heads, width // model.heads), name=f"{name}_{part}_heads")(projected)

    query, key, value = heads("query"), heads("key"), heads("value")
    if turn is not None:
        query, key = turn(query), turn(key)
    x = keras.ops.dot_product_attention(query, key, value)
    x = layers.Reshape((tokens, width), name=f"{name}_attended")(x)
    return layers.Dense(width, name=f"{name}_output")(x)


def _rotation(model: VisionTransformer, tokens: int) -> Any:
    """Return the function that rotates queries and keys by their position (Su et al. 2024, arXiv:2104.09864)."""
    keras = load_keras()
    layers, size = keras.layers, model.width // model.heads

    def times(name: str) -> Any:
        return layers.EinsumDense("bthd,td->bthd", (tokens, model.heads, size), name=f"{FIXED}{name}")

    # The same two tables in all blocks.
    cosine, sine = times("cosine"), times("sine")
    return lambda x: cosine(x) + sine(keras.ops.roll(x, size // 2, axis=-1))


def _perceptron(model: VisionTransformer, x: Any, name: str) -> Any:
    layers = load_keras().layers
    up = layers.Dense(model.hidden, name=f"{name}_up")(x)
    if model.gated:
        gate = layers.Dense(model.hidden, activation=model.activation, name=f"{name}_gate")(x)
        up = layers.Multiply(name=f"{name}_gated")([gate, up])
    else:
        up = layers.Activation(model.activation, name=f"{name}_activation")(up)
    return layers.Dense(model.width, name=f"{name}_down")(up)
