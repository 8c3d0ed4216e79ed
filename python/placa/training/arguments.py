"""The options of ``placa train``: from the command line, from a TOML file, or by default, in that order."""

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

#: Every option with the kind of its value and what it is; those of `TrainOptions`, then those of `Augmentation`.
_OPTIONS: dict[str, tuple[type, str]] = {
    "backbone": (str, f"the network: {', '.join(BACKBONES)}"),
    "weights": (str, "what the backbone starts from: none, imagenet, a file of weights, or a run of the same"),
    "seed": (int, "of weights, order and augmentation"),
    "folds": (int, "group-wise folds to train, pooled into one run, instead of the prepared splits"),
    "epochs": (
        int,
        f"most epochs (default: {EPOCHS}; {TEXTURE_EPOCHS} where small counts texture, from 192 pixels on)",
    ),
    "head_epochs": (int, "epochs in which the head alone learns"),
    "patience": (int, "epochs of a clearly worse validation AUROC before the end"),
    "batch_size": (int, "images a batch"),
    "learning_rate": (float, "the highest of the schedule"),
    "warmup": (float, "share of the steps in which the learning rate rises"),
    "weight_decay": (float, "of AdamW"),
    "loss": (str, "the loss"),
    "focal_gamma": (float, "how much less the focal loss counts what is already told well"),
    "class_weights": (str, "whether both classes of a finding count the same"),
    "label_smoothing": (float, "how far labels are drawn towards one half"),
    "mixup": (float, "alpha by which pairs of images are blended"),
    "ema": (float, "momentum of the moving average of the weights"),
    "mixed_precision": (str, "16-bit arithmetic"),
    "recalibration": (str, "from scores to probabilities, on validation"),
}
_AUGMENTATION: dict[str, str] = {
    "flip": "probability of a left-right flip",
    "rotation": "degrees to either side",
    "zoom": "relative change of scale",
    "shift": "share of the side, in each direction",
    "brightness": "share of the grey range",
    "contrast": "relative change about the image's mean",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add every option of `TrainOptions` to a parser; none has a default, so that what was typed can be told."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="a TOML file with any of the options below; typed ones come first"
    )
    defaults = TrainOptions()
    for name, (kind, help_text) in _OPTIONS.items():
        default = getattr(defaults, name)
        # Choices are checked with all the other values, in one place and in the same words.
        metavar = "|".join(CHOICES[name]) if name in CHOICES else {int: "N", float: "X", str: "NAME"}[kind]
        shown = "" if default is None else f" (default: {default})"
        parser.add_argument(_flag(name), type=kind, metavar=metavar, help=help_text + shown)
    parser.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="average over an image and its mirror image (default: yes)",
    )
    changes = parser.add_argument_group("augmentation", "how far training images are changed at random")
    for name, help_text in _AUGMENTATION.items():
        default = f"{getattr(defaults.changes, name)}"
        if name in TEXTURE_CHANGES:
            default += f"; {TEXTURE_CHANGES[name]:g} where small counts texture"
        changes.add_argument(_flag(name), type=float, metavar="X", help=f"{help_text} (default: {default})")


def from_options(options: argparse.Namespace) -> TrainOptions:
    """Say what was asked for: what was typed, else what the file says, else the default.

    Raises:
        PlacaError: The file cannot be read, or a name or value in it, or typed, is not one that there is.
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
        What it says; ``augmentation``, if there, is a dict.

    Raises:
        PlacaError: It is not there, no TOML, or names an option that there is not.
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
