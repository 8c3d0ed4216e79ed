"""Read the options of ``placa train`` from the command line, a TOML file, or the defaults, in that order."""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from placa.core.errors import unknown_name
from placa.core.files import explain_os_error
from placa.models.backbones import BACKBONES, backbone_named
from placa.training.errors import ConfigFileError, OptionValueError
from placa.training.options import CHOICES, EPOCHS, TEXTURE_CHANGES, TEXTURE_EPOCHS, TrainOptions

#: Type and help text of every option of `TrainOptions`.
_OPTIONS: dict[str, tuple[type, str]] = {
    "backbone": (str, f"network: {', '.join(BACKBONES)}"),
    "weights": (str, "initial weights: none, imagenet, a file of weights, or a run with the same backbone"),
    "seed": (int, "seed of weights, order and augmentation"),
    "folds": (int, "number of group-wise folds, pooled into one run, instead of the prepared splits"),
    "epochs": (
        int,
        f"maximum number of epochs (default: {EPOCHS}; {TEXTURE_EPOCHS} for small from 192 pixels on)",
    ),
    "head_epochs": (int, "number of epochs in which only the head is trained"),
    "patience": (int, "number of epochs with a clearly worse validation AUROC before training stops"),
    "batch_size": (int, "images per batch"),
    "learning_rate": (float, "highest learning rate of the schedule"),
    "warmup": (float, "fraction of the steps with an increasing learning rate"),
    "weight_decay": (float, "weight decay of AdamW"),
    "loss": (str, "loss"),
    "focal_gamma": (float, "gamma of the focal loss: how much less well classified images weigh"),
    "class_weights": (str, "weights of the two classes of a finding in the loss"),
    "label_smoothing": (float, "amount by which labels are moved towards one half"),
    "mixup": (float, "alpha of mixup, which blends pairs of images"),
    "ema": (float, "momentum of the moving average of the weights"),
    "mixed_precision": (str, "16-bit arithmetic"),
    "recalibration": (str, "method that maps scores to probabilities, fitted on validation"),
}
_AUGMENTATION: dict[str, str] = {
    "flip": "probability of a left-right flip",
    "rotation": "maximum angle, in degrees",
    "zoom": "relative change of scale",
    "shift": "fraction of the side, in each direction",
    "brightness": "fraction of the grey range",
    "contrast": "relative change about the mean of the image",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add every option of `TrainOptions` to a parser, without defaults, so that given options can be distinguished."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="TOML file with any of the options below; the command line takes precedence",
    )
    defaults = TrainOptions()
    for name, (kind, help_text) in _OPTIONS.items():
        default = getattr(defaults, name)
        # `TrainOptions` checks the choices with all other values.
        metavar = "|".join(CHOICES[name]) if name in CHOICES else {int: "N", float: "X", str: "NAME"}[kind]
        shown = "" if default is None else f" (default: {default})"
        parser.add_argument(_flag(name), type=kind, metavar=metavar, help=help_text + shown)
    parser.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="average over each image and its mirror image (default: yes)",
    )
    changes = parser.add_argument_group("augmentation", "random changes of training images")
    for name, help_text in _AUGMENTATION.items():
        default = f"{getattr(defaults.changes, name)}"
        if name in TEXTURE_CHANGES:
            default += f"; {TEXTURE_CHANGES[name]:g} for small from 192 pixels on"
        changes.add_argument(_flag(name), type=float, metavar="X", help=f"{help_text} (default: {default})")


def from_options(options: argparse.Namespace) -> TrainOptions:
    """Combine the options of the command line, the file and the defaults.

    Args:
        options: Parsed command line.

    Returns:
        The training options.

    Raises:
        PlacaError: The file cannot be read, or a name or value is invalid.
    """
    given = read_config(options.config) if options.config else {}
    changes = given.pop("augmentation", {})
    for into, names in ((given, (*_OPTIONS, "mirror")), (changes, _AUGMENTATION)):
        into.update({name: getattr(options, name) for name in names if getattr(options, name) is not None})
    if "backbone" in given:
        given["backbone"] = backbone_named(given["backbone"])
    return TrainOptions(**given, augmentation=changes)


def read_config(path: Path) -> dict[str, Any]:
    """Read a TOML file of options: the names of `TrainOptions`, and a table ``[augmentation]``.

    Args:
        path: The file.

    Returns:
        The options by name; ``augmentation``, if given, is a dict.

    Raises:
        ConfigFileError: The file is not valid TOML.
        UnknownNameError: An option is unknown.
        OptionValueError: A value has the wrong type.
        PlacaError: The file cannot be read.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise explain_os_error(error, path) from error
    except ValueError as error:
        raise ConfigFileError(
            f"{path} is not valid TOML ({error}). Correct the file.", file=str(path), reason=str(error)
        ) from error
    known = [one.name for one in fields(TrainOptions)]
    for name in content:
        if name not in known:
            raise unknown_name(f"training option (in {path})", name, known)
    changes = content.get("augmentation", {})
    if not isinstance(changes, dict):
        raise OptionValueError(
            f"`augmentation` in {path} must be a table, [augmentation], got {changes!r}.",
            option="augmentation",
            value=changes,
            file=str(path),
        )
    for name in changes:
        if name not in _AUGMENTATION:
            raise unknown_name(f"augmentation (in {path})", name, _AUGMENTATION)
    for name, value in content.items():
        wanted = _OPTIONS.get(name, (bool if name == "mirror" else dict,))[0]
        if wanted in (str, bool) and not isinstance(value, wanted):
            kind = "a string" if wanted is str else "true or false"
            raise OptionValueError(
                f"`{name}` in {path} must be {kind}, got {value!r}.", option=name, value=value, file=str(path)
            )
    return content


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
