"""Load the initial weights of a network: of ImageNet, of a file, or of a run."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from placa.core.files import explain_os_error, explain_os_errors, fingerprint
from placa.models.applications import original, set_body
from placa.models.assembled import networks_in
from placa.models.backbones import BACKBONE_TABLE, same_backbone
from placa.models.errors import (
    EnsembleWeightsError,
    IncompleteWeightsError,
    MissingWeightsError,
    NoImagenetWeightsError,
    WeightsDownloadError,
    WeightsSuffixError,
    WrongWeightsError,
)
from placa.models.foundation.folder import is_foundation, read_foundation
from placa.models.foundation.weights import weight_files

#: Seconds without data after which a download fails; Keras has no timeout.
_TIMEOUT = 60.0


def weights_fingerprint(weights: str) -> str | None:
    """Compute the fingerprint of the initial weights.

    Args:
        weights: As for `placa.models.networks.build`.

    Returns:
        ``"sha256:…"`` of the file or files; None for ``none``, and for ``imagenet``, whose files Keras verifies.

    Raises:
        PlacaError: The file does not exist or cannot be read.
    """
    if weights in ("none", "imagenet"):
        return None
    paths = weight_files(read_foundation(weights).folder) if is_foundation(weights) else [_file(weights)]
    with explain_os_errors(paths[0]):
        return fingerprint(*paths)


def require_weights(name: str, weights: str) -> None:
    """Check that weights can belong to a backbone, before the network is built.

    Args:
        name: A canonical name from `backbone_named`.
        weights: As for `placa.models.networks.build`.

    Raises:
        NoImagenetWeightsError: The backbone has no ImageNet weights.
        MissingWeightsError: The file does not exist.
        WeightsSuffixError: The file has the wrong suffix.
    """
    if weights == "none":
        return
    if weights == "imagenet":
        if BACKBONE_TABLE[name].application is None:
            known = [other for other, row in BACKBONE_TABLE.items() if row.application]
            raise NoImagenetWeightsError(
                f"{name} has no ImageNet weights. Use --weights none, or one of these backbones: {', '.join(known)}.",
                backbone=name,
                known=known,
            )
        return
    path = _file(weights)
    takes = [".keras"] if BACKBONE_TABLE[name].application is None else [".keras", ".h5"]
    if path.suffix.lower() not in takes:
        raise WeightsSuffixError(
            f"{path} is not a file of weights for {name}. --weights needs a run directory or a file with suffix "
            f"{' or '.join(takes)}, got {repr(path.suffix) if path.suffix else 'no suffix'}.",
            file=str(path),
            backbone=name,
            suffix=path.suffix,
            expected=takes,
        )


def load_initial_weights(network: Any, name: str, weights: str) -> None:
    """Load weights into all layers of a network but its head.

    Args:
        network: A network with random weights (see `placa.models.networks.build`).
        name: Its canonical name, from `backbone_named`.
        weights: As for `placa.models.networks.build`.

    Raises:
        PlacaError: The weights cannot be downloaded or read, or belong to another network.
    """
    if weights == "none":
        return
    if weights == "imagenet":
        set_body(network, _downloaded(name, network.input_shape[1]))
        return
    path = _file(weights)
    if path.suffix.lower() == ".keras":
        _from_model(network, name, path)
    else:
        set_body(network, _from_keras(name, network.input_shape[1], path))
    if not all(np.isfinite(array).all() for array in network.get_weights()):
        raise IncompleteWeightsError(
            f"{path} lacks some weights of {name}, or some are NaN or infinite. Choose another file.",
            file=str(path),
            backbone=name,
        )


def _file(weights: str) -> Path:
    path = Path(weights).expanduser()
    if path.is_dir():
        path = path / "model.keras"
    if not path.is_file():
        raise MissingWeightsError(
            f"No file {path}. --weights accepts none, imagenet, a file of weights, or a run directory with "
            "model.keras.",
            file=str(path),
        )
    return path


def _downloaded(name: str, size: int) -> list[Any]:
    try:
        with _downloading():
            found: list[Any] = original(name, size, "imagenet").get_weights()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise explain_os_error(error, "the folder in which Keras keeps downloads (KERAS_HOME)") from error
        raise _no_download(name, error) from error
    except Exception as error:
        # Keras raises Exception where an address cannot be reached, and ValueError for a wrong checksum. It deletes
        # an incomplete file, or detects it by its checksum at the next download.
        raise _no_download(name, error) from error
    return found


def _no_download(name: str, error: Exception) -> WeightsDownloadError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return WeightsDownloadError(
        f"Keras cannot download the ImageNet weights of {name} ({reason}). Download the file on another machine and "
        "pass it with --weights FILE, or use --weights none.",
        backbone=name,
        reason=reason,
    )


@contextlib.contextmanager
def _downloading() -> Iterator[None]:
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        # Keras draws its progress bar on stdout, which is for results; its warning on the input size is irrelevant.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        socket.setdefaulttimeout(timeout)


def _from_keras(name: str, size: int, path: Path) -> list[Any]:
    network = original(name, size)
    # Keras only warns of weights that a file lacks: NaN marks those that were not loaded.
    network.set_weights([np.full(weight.shape, np.nan, np.float32) for weight in network.weights])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            network.load_weights(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split()).split(". ")[0].rstrip(".")
        raise WrongWeightsError(
            f"{path} does not contain the weights of {BACKBONE_TABLE[name].application} without its top ({reason}). "
            "Choose the file of this backbone with notop or no_top in its name, or the --backbone of this file.",
            file=str(path),
            backbone=name,
            reason=reason,
        ) from error
    found: list[Any] = network.get_weights()
    return found


def _from_model(network: Any, name: str, path: Path) -> None:
    from placa.models.files import load_model

    model, card = load_model(path)
    found = card["backbone"]
    if not same_backbone(found, name):
        raise WrongWeightsError(
            f"{path} contains the weights of {found}, and the backbone is {name}. Choose a run of {name}, or "
            f"--backbone {found}.",
            file=str(path),
            backbone=name,
            found=found,
        )
    networks = networks_in(model)
    if len(networks) != 1:
        raise EnsembleWeightsError(
            f"{path} is an ensemble of {len(networks)} networks; --weights needs a single one. Choose a run that was "
            "trained without --folds.",
            file=str(path),
            networks=len(networks),
        )
    saved = {layer.name: layer for layer in networks[0].layers}
    for layer in network.layers:
        if layer.name == "logits" or not layer.weights:
            continue
        arrays = saved[layer.name].get_weights() if layer.name in saved else []
        if [array.shape for array in arrays] != [tuple(weight.shape) for weight in layer.weights]:
            raise WrongWeightsError(
                f"{path} contains another version of {name}: layer {layer.name} has other shapes. Train that run "
                "again, or use --weights none.",
                file=str(path),
                backbone=name,
                layer=layer.name,
            )
        layer.set_weights(arrays)
