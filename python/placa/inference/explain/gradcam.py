"""Grad-CAM (Selvaraju et al. 2017, ICCV, doi:10.1109/ICCV.2017.74): the evidence for a finding at each pixel.

For a finding with logit y and the feature maps A of the last convolutional layer, the map is
``relu(sum_k mean(dy/dA_k) * A_k)``. If the model calls a network several times, as for the mirrored image or in an
ensemble, the feature maps of all calls are summed, after those of mirrored images are flipped back.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placa.core.backend import load_keras
from placa.inference.errors import BackendWithoutGradientsError, NoFeatureMapError

#: Name of the layer to explain at; without a layer of this name, it is the last one with a spatial feature map.
FEATURES = "features"


class GradCam:
    """Compute Grad-CAM maps of a model.

    Args:
        model: A Keras model from uint8 pixels ``(n, size, size, 1)`` to probabilities, whose layer ``recalibration``
            returns their logits (see `placa.models.assembled.with_probabilities`).

    Raises:
        NoFeatureMapError: No layer of the model has a spatial feature map.
    """

    def __init__(self, model: Any) -> None:
        keras = load_keras()
        # The logits after recalibration: if its slope is negative, the map still explains the probability.
        self._network = keras.Model(model.input, model.get_layer("recalibration").output)
        self._layers = feature_layers(self._network)
        if not self._layers:
            raise NoFeatureMapError(
                f"Grad-CAM needs a layer with a spatial feature map, and the model {model.name!r} has none. Use a "
                "convolutional model.",
                model=str(model.name),
                layers=[str(layer.name) for layer in model.layers],
            )
        self._size = int(model.input_shape[1])
        self._mirrored = self._find_mirrored()

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Compute the recalibrated logits of squares.

        Args:
            pixels: Grey levels ``(n, size, size)``.

        Returns:
            Logits, shape ``(n, findings)``.
        """
        return _to_numpy(self._network(_to_tensor(pixels), training=False)).astype(np.float64)

    def maps(self, pixels: NDArray[np.uint8], finding: int) -> NDArray[np.float32]:
        """Compute the maps of one finding.

        Args:
            pixels: Grey levels ``(n, size, size)``.
            finding: Index of the finding, from 0.

        Returns:
            The maps, resized bilinearly to the input, shape ``(n, size, size)``, in units of the logit, so that maps of
            one model can be compared; 0 where there is no evidence for the finding.
        """
        features = self._features(pixels)
        gradients = _gradients(lambda changes: self._changed(pixels, finding, changes), features)
        evidence = np.zeros((len(pixels), self._size, self._size), dtype=np.float32)
        for plane, gradient, mirrored in zip(features, gradients, self._mirrored, strict=True):
            weights = _to_numpy(gradient).mean(axis=(1, 2), keepdims=True)
            weighted = (weights * _to_numpy(plane)).sum(axis=-1)
            weighted = weighted[:, :, ::-1] if mirrored else weighted
            evidence += np.stack([_resize(square, self._size) for square in weighted])
        return np.maximum(evidence, 0)

    def _features(self, pixels: NDArray[np.uint8]) -> list[Any]:
        features: list[Any] = []

        def record(plane: Any) -> Any:
            features.append(plane)
            return plane

        with _changed_outputs(self._layers, record):
            self._network(_to_tensor(pixels), training=False)
        return features

    def _changed(self, pixels: NDArray[np.uint8], finding: int, changes: Sequence[Any]) -> Any:
        """Return the sum of a finding's logits, with `changes` added to the features."""
        keras = load_keras()
        following = iter(changes)
        with _changed_outputs(self._layers, lambda plane: plane + next(following)):
            logits = self._network(_to_tensor(pixels), training=False)
        return keras.ops.sum(logits[:, finding])

    def _find_mirrored(self) -> list[bool]:
        """Find which calls of the feature layers receive the mirrored image.

        Keras has no stable way to read this from a model file. So a random image is passed through the model, and the
        inputs of the networks inside it are compared with that image and its mirror image.
        """
        image = np.random.default_rng(0).integers(0, 256, (1, self._size, self._size, 1), dtype=np.uint8)
        stack = [False]
        mirrored: list[bool] = []

        def track(call: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(call)
            def tracked(*inputs: Any, **options: Any) -> Any:
                stack.append(_is_mirrored(inputs, image, stack[-1]))
                try:
                    return call(*inputs, **options)
                finally:
                    stack.pop()

            return tracked

        def record(plane: Any) -> Any:
            mirrored.append(stack[-1])
            return plane

        inner = [model for model in _models_in(self._network) if model not in self._layers]
        with _wrapped_calls(inner, track), _changed_outputs(self._layers, record):
            self._network(_to_tensor(image[..., 0]), training=False)
        return mirrored


def feature_layers(model: Any) -> list[Any]:
    """Find the layers to explain a model at: in each nested network, the last one with a spatial feature map.

    Args:
        model: A Keras model, whose layers may be models.
    """
    keras = load_keras()
    planes = [layer for layer in model.layers if _has_plane(layer)]
    named = [layer for layer in planes if layer.name == FEATURES]
    if named:
        return named
    inner = [layer for layer in model.layers if isinstance(layer, keras.Model) and layer not in planes]
    nested = [found for layer in inner for found in feature_layers(layer)]
    return nested or [layer for layer in planes[-1:] if not isinstance(layer, keras.layers.InputLayer)]


def _has_plane(layer: Any) -> bool:
    try:
        shape = tuple(layer.output.shape)
    except (AttributeError, ValueError):
        return False
    # A plane has more than one pixel; squeeze-and-excitation blocks and some heads have 1 x 1 maps.
    return len(shape) == 4 and None not in shape[1:3] and shape[1] * shape[2] > 1


def _models_in(model: Any) -> list[Any]:
    """Return the models inside a model, at any depth, each once."""
    keras = load_keras()
    found: dict[int, Any] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found.update({id(one): one for one in (layer, *_models_in(layer))})
    return list(found.values())


def _is_mirrored(inputs: Any, image: NDArray[np.uint8], outer: bool) -> bool:
    """Return whether a model receives `image` mirrored; `outer`, of the enclosing model, if it receives no image."""
    for tensor in load_keras().tree.flatten(inputs):
        if tuple(getattr(tensor, "shape", ())) == image.shape:
            grey = _to_numpy(tensor)
            if np.array_equal(grey, image):
                return False
            if np.array_equal(grey, image[:, :, ::-1]):
                return True
    return outer


@contextmanager
def _changed_outputs(layers: Sequence[Any], change: Callable[[Any], Any]) -> Iterator[None]:
    """Apply `change` to the outputs of these layers, in models of any nesting."""

    def wrap(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def changed(*inputs: Any, **options: Any) -> Any:
            return change(call(*inputs, **options))

        return changed

    with _wrapped_calls(layers, wrap):
        yield


@contextmanager
def _wrapped_calls(layers: Sequence[Any], wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Replace the ``call`` of layers by ``wrap(call)`` within the context."""
    for layer in layers:
        layer.call = wrap(layer.call)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _gradients(function: Callable[[list[Any]], Any], like: Sequence[Any]) -> list[Any]:
    """Return the gradients of `function` at zeros of the shapes of `like`.

    Keras has no function for gradients that works with every backend.
    """
    keras = load_keras()
    backend = keras.backend.backend()
    zeros = [keras.ops.zeros_like(tensor) for tensor in like]
    if backend == "tensorflow":
        with importlib.import_module("tensorflow").GradientTape() as tape:
            tape.watch(zeros)
            value = function(zeros)
        return list(tape.gradient(value, zeros))
    if backend == "jax":
        return list(importlib.import_module("jax").grad(function)(zeros))
    if backend == "torch":
        zeros = [zero.detach().requires_grad_() for zero in zeros]
        return list(importlib.import_module("torch").autograd.grad(function(zeros), zeros))
    raise BackendWithoutGradientsError(
        f"Grad-CAM needs gradients, which the Keras backend {backend} does not compute. Set KERAS_BACKEND to "
        "tensorflow, jax or torch.",
        backend=backend,
        supported=["tensorflow", "jax", "torch"],
    )


def _to_tensor(pixels: NDArray[np.uint8]) -> Any:
    return load_keras().ops.convert_to_tensor(np.ascontiguousarray(pixels)[..., None])


def _to_numpy(tensor: Any) -> NDArray[np.float32]:
    keras = load_keras()
    numbers: NDArray[np.float32] = keras.ops.convert_to_numpy(
        keras.ops.cast(keras.ops.stop_gradient(tensor), "float32")
    )
    return numbers


def _resize(plane: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
