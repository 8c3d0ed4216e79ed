"""Read the options of ``placa train`` from the command line, a TOML file, or the defaults, in that order."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

from placa.core.errors import require_known
from placa.core.files import explain_os_error
from placa.models.backbones import backbone_named
from placa.training.augment import Augmentation
from placa.training.errors import ConfigFileError, OptionValueError
from placa.training.option import default_text, options_of
from placa.training.options import TrainOptions, augmentation_default

_METAVARS = {int: "N", float: "X", str: "NAME"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add every option of `TrainOptions` to a parser, without defaults, so that given options can be distinguished."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="TOML file with any of the options below; the command line takes precedence",
    )
    for name, one in options_of(TrainOptions).items():
        text = f"{one.meaning} (default: {default_text(TrainOptions, name)})"
        if one.kind is bool:
            parser.add_argument(_flag(name), action=argparse.BooleanOptionalAction, default=None, help=text)
        else:
            # `TrainOptions` checks the choices with all other values.
            metavar = "|".join(one.choices) or _METAVARS[one.kind]
            parser.add_argument(_flag(name), type=one.kind, metavar=metavar, help=text)
    changes = parser.add_argument_group("augmentation", "random changes of training images")
    for name, one in options_of(Augmentation).items():
        text = f"{one.meaning} (default: {augmentation_default(name)})"
        changes.add_argument(_flag(name), type=one.kind, metavar=_METAVARS[one.kind], help=text)


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
    for into, names in ((given, options_of(TrainOptions)), (changes, options_of(Augmentation))):
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
        content = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise explain_os_error(error, path) from error
    except ValueError as error:
        message = f"{path} is not valid TOML ({error}). Correct the file."
        raise ConfigFileError(message, file=str(path), reason=str(error)) from error
    known = options_of(TrainOptions)
    for name in content:
        require_known(f"training option (in {path})", name, (*known, "augmentation"))
    changes = content.get("augmentation", {})
    if not isinstance(changes, dict):
        raise OptionValueError(
            f"`augmentation` in {path} must be a table, [augmentation], got {changes!r}.",
            option="augmentation",
            value=changes,
            file=str(path),
        )
    for name in changes:
        require_known(f"augmentation (in {path})", name, options_of(Augmentation))
    for name, value in content.items():
        wanted = known[name].kind if name in known else dict
        if wanted in (str, bool) and not isinstance(value, wanted):
            kind = "a string" if wanted is str else "true or false"
            message = f"`{name}` in {path} must be {kind}, got {value!r}."
            raise OptionValueError(message, option=name, value=value, file=str(path))
    return content


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
