"""Grad-CAM (Selvaraju et al. 2017, ICCV, doi:10.1109/ICCV.2017.74): where in an image the evidence for a finding lies.

For a finding with logit y and the maps A of the last layer that still has a plane, the map is
``relu(sum_k mean(dy/dA_k) * A_k)``. Where the model asks one network several times, as it does for the mirror image or
in an ensemble, the maps of all calls are one stack, each turned back the way the image lies.
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

#: What a network may call the layer to explain at; where none does, it is the last one with a plane.
FEATURES = "features"


class GradCam:
    """A model made ready for explaining.

    Args:
        model: From uint8 pixels ``(n, size, size, 1)`` to probabilities, with the logits of these at its layer
            ``recalibration`` (see `placa.models.assembled.with_probabilities`).

    Raises:
        PlacaError: No layer of it has a plane of features.
    """

    def __init__(self, model: Any) -> None:
        keras = load_keras()
        # After recalibration: should that turn a logit round, the map still speaks for the probability.
        self._network = keras.Model(model.input, model.get_layer("recalibration").output)
        self._layers = feature_layers(self._network)
        if not self._layers:
            raise NoFeatureMapError(
                "The model has no layer with a plane of features, which Grad-CAM needs: use another one.",
                model=str(model.name),
                layers=[str(layer.name) for layer in model.layers],
            )
        self._size = int(model.input_shape[1])
        self._mirrored = self._find_mirrored()

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Say the recalibrated logits of squares ``(n, size, size)``; shape ``(n, findings)``."""
        said = self._network(_tensor(pixels), training=False)
        return _numbers(said).astype(np.float64)

    def maps(self, pixels: NDArray[np.uint8], finding: int) -> NDArray[np.float32]:
        """Explain one finding.

        Args:
            pixels: Grey levels ``(n, size, size)``.
            finding: Which of the model's findings, counted from 0.

        Returns:
            The maps, enlarged bilinearly to the input, shape ``(n, size, size)``: 0 where nothing speaks for the
            finding, and else in units of the logit, so that maps of one model can be compared.
        """
        features = self._features(pixels)
        gradients = _gradients(lambda changes: self._changed(pixels, finding, changes), features)
        evidence = np.zeros((len(pixels), self._size, self._size), dtype=np.float32)
        for plane, gradient, mirrored in zip(features, gradients, self._mirrored, strict=True):
            weights = _numbers(gradient).mean(axis=(1, 2), keepdims=True)
            one = (weights * _numbers(plane)).sum(axis=-1)
            one = one[:, :, ::-1] if mirrored else one
            evidence += np.stack([_enlarged(square, self._size) for square in one])
        return np.maximum(evidence, 0)

    def _features(self, pixels: NDArray[np.uint8]) -> list[Any]:
        seen: list[Any] = []

        def look(plane: Any) -> Any:
            seen.append(plane)
            return plane

        with _hooked(self._layers, look):
            self._network(_tensor(pixels), training=False)
        return seen

    def _changed(self, pixels: NDArray[np.uint8], finding: int, changes: Sequence[Any]) -> Any:
        """The sum of a finding's logits, with `changes` added to the features."""
        keras = load_keras()
        following = iter(changes)
        with _hooked(self._layers, lambda plane: plane + next(following)):
            said = self._network(_tensor(pixels), training=False)
        return keras.ops.sum(said[:, finding])

    def _find_mirrored(self) -> list[bool]:
        """Which of the calls of the feature layers saw the image mirrored, found by looking.

        A model file does not say so in any way that Keras promises to keep. But the networks inside it are given
        images, and a picture shows which way it lies.
        """
        picture = np.random.default_rng(0).integers(0, 256, (1, self._size, self._size, 1), dtype=np.uint8)
        lying = [False]
        mirrored: list[bool] = []

        def watch(call: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(call)
            def called(*inputs: Any, **options: Any) -> Any:
                lying.append(_lies_mirrored(inputs, picture, lying[-1]))
                try:
                    return call(*inputs, **options)
                finally:
                    lying.pop()

            return called

        def note(plane: Any) -> Any:
            mirrored.append(lying[-1])
            return plane

        inner = [model for model in _models_in(self._network) if model not in self._layers]
        with _wrapped(inner, watch), _hooked(self._layers, note):
            self._network(_tensor(picture[..., 0]), training=False)
        return mirrored


def feature_layers(model: Any) -> list[Any]:
    """Find the layers to explain a model at: the last one with a plane, in each network that the model is made of.

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
    # One pixel is no plane: squeeze-and-excitation blocks and some heads have such.
    return len(shape) == 4 and None not in shape[1:3] and shape[1] * shape[2] > 1


def _models_in(model: Any) -> list[Any]:
    """The models inside a model, at any depth, each once."""
    keras = load_keras()
    found: dict[int, Any] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found.update({id(one): one for one in (layer, *_models_in(layer))})
    return list(found.values())


def _lies_mirrored(inputs: Any, picture: NDArray[np.uint8], outside: bool) -> bool:
    """Whether a model is given `picture` mirrored; where it is given no image, it is as it is outside."""
    for given in load_keras().tree.flatten(inputs):
        if tuple(getattr(given, "shape", ())) == picture.shape:
            grey = _numbers(given)
            if np.array_equal(grey, picture):
                return False
            if np.array_equal(grey, picture[:, :, ::-1]):
                return True
    return outside


@contextmanager
def _hooked(layers: Sequence[Any], change: Callable[[Any], Any]) -> Iterator[None]:
    """Let `change` stand between these layers and what follows them, in models of any nesting."""

    def around(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def called(*inputs: Any, **options: Any) -> Any:
            return change(call(*inputs, **options))

        return called

    with _wrapped(layers, around):
        yield


@contextmanager
def _wrapped(layers: Sequence[Any], around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    for layer in layers:
        layer.call = around(layer.call)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _gradients(function: Callable[[list[Any]], Any], like: Sequence[Any]) -> list[Any]:
    """The gradient of `function` at zeros of the shapes of `like`.

    Keras has no call for gradients, so this is the one place that names its backends.
    """
    keras = load_keras()
    backend = keras.backend.backend()
    zeros = [keras.ops.zeros_like(one) for one in like]
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
        f"Grad-CAM needs gradients, which Keras' backend {backend} has not: use tensorflow, jax or torch.",
        backend=backend,
        supported=["tensorflow", "jax", "torch"],
    )


def _tensor(pixels: NDArray[np.uint8]) -> Any:
    return load_keras().ops.convert_to_tensor(np.ascontiguousarray(pixels)[..., None])


def _numbers(tensor: Any) -> NDArray[np.float32]:
    keras = load_keras()
    numbers: NDArray[np.float32] = keras.ops.convert_to_numpy(
        keras.ops.cast(keras.ops.stop_gradient(tensor), "float32")
    )
    return numbers


def _enlarged(plane: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
