"""Options of `placa train`: from the command line, a TOML file or defaults; and their errors."""

import argparse
import re
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from raising import raises

from placa.core.errors import PathNotFoundError, PlacaError, UnknownNameError
from placa.training.arguments import add_arguments, from_options, read_config
from placa.training.augment import Augmentation
from placa.training.errors import ConfigFileError, OptionValueError
from placa.training.options import TrainOptions


def _parsed(*typed: str) -> TrainOptions:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return from_options(parser.parse_args(typed))


def test_without_options_the_defaults_are_used() -> None:
    assert _parsed() == TrainOptions()


def test_every_option_can_be_given_on_the_command_line_and_in_a_file(tmp_path: Path) -> None:
    wanted = TrainOptions(
        backbone="hf:dino",
        tuning="full",
        input_size=224,
        weights="hf:dino",
        hidden=64,
        seed=3,
        epochs=7,
        head_epochs=2,
        patience=4,
        batch_size=8,
        learning_rate=0.5,
        warmup=0.25,
        weight_decay=0.125,
        loss="focal",
        classes="exclusive",
        focal_gamma=1.5,
        class_weights="none",
        label_smoothing=0.0625,
        mixup=0.75,
        ema=0.875,
        mixed_precision="off",
        augmentation=Augmentation(0.25, 5.5, 0.5, 0.5, 0.75, 0.25, 0.5, 0.125, 0.0625, 0.75, 0.25, 0.125),
        resist="border,views",
        unit="study",
        mirror=False,
        recalibration="isotonic",
        folds=4,
    )
    flat = {**asdict(wanted), **asdict(wanted.augmentation)}
    # Callbacks are for scripts only.
    del flat["augmentation"], flat["callbacks"]
    assert all(flat[one.name] != one.default for one in fields(TrainOptions) if one.name in flat), (
        "every option differs from its default"
    )
    typed = [
        text for name, value in flat.items() if name != "mirror" for text in ("--" + name.replace("_", "-"), str(value))
    ]
    assert _parsed(*typed, "--no-mirror").suited(96) == wanted
    lines = [
        f"{name} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for name, value in flat.items()
    ]
    plain, changes = lines[: -len(fields(Augmentation))], lines[-len(fields(Augmentation)) :]
    file = tmp_path / "options.toml"
    file.write_text("\n".join([*plain, "[augmentation]", *changes]))
    assert _parsed("--config", str(file)).suited(96) == wanted


def test_a_backbone_can_have_its_name_in_keras() -> None:
    assert _parsed("--backbone", "EfficientNetV2B0").backbone == "efficientnet-v2-b0"
    with raises(UnknownNameError, name="resnet") as caught:
        _parsed("--backbone", "resnet")
    assert caught.value.values["known"][0] == "resnet50"


def test_the_command_line_overrides_the_file_and_the_file_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text("seed = 5\nepochs = 9\n[augmentation]\nzoom = 0.5\nshift = 0.5\n")
    options = _parsed("--config", str(file), "--seed", "6", "--zoom", "0.25")
    assert (options.seed, options.epochs, options.patience) == (6, 9, TrainOptions().patience)
    assert options.changes == Augmentation(zoom=0.25, shift=0.5)


def test_unset_options_depend_on_the_network() -> None:
    assert TrainOptions().suited(96) == TrainOptions(epochs=60, batch_size=32, augmentation=Augmentation())
    texture = TrainOptions().suited(256)
    assert texture.epochs == 20
    # Augmentations that smooth fine detail are disabled.
    assert texture.augmentation == Augmentation(rotation=0, zoom=0, brightness=0, contrast=0)
    assert TrainOptions(backbone="densenet121").suited(256).augmentation == Augmentation()
    # Options that are set are not changed.
    options = _parsed("--zoom", "0.25", "--epochs", "7").suited(256)
    assert (options.epochs, options.changes.zoom, options.changes.rotation) == (7, 0.25, 0)
    whole = TrainOptions(augmentation=Augmentation(zoom=0.25))
    assert whole.suited(256).augmentation == Augmentation(zoom=0.25)


def test_the_example_file_has_every_option_with_its_default() -> None:
    file = Path(__file__).parents[3] / "examples" / "options.toml"
    assert _parsed("--config", str(file)).suited(96) == TrainOptions().suited(96)
    assert _parsed("--config", str(file)).suited(256) == TrainOptions().suited(256)
    words = file.read_text()
    for one in (*fields(TrainOptions), *fields(Augmentation)):
        # Callbacks are for scripts only.
        assert one.name == "callbacks" or re.search(rf"^(# |\[)?{one.name}( = |\])", words, re.MULTILINE), one.name


@pytest.mark.parametrize(
    ("content", "error", "values"),
    [
        ("epochs = ", ConfigFileError, {"file": "options.toml"}),
        ("epoch = 3", UnknownNameError, {"name": "epoch"}),
        ("[augmentation]\nzom = 1.0", UnknownNameError, {"name": "zom"}),
        ("augmentation = 3", OptionValueError, {"option": "augmentation", "value": 3, "file": "options.toml"}),
        ("backbone = 3", OptionValueError, {"option": "backbone", "value": 3, "file": "options.toml"}),
        ('mirror = "yes"', OptionValueError, {"option": "mirror", "value": "yes", "file": "options.toml"}),
        ('epochs = "many"', OptionValueError, {"option": "epochs", "value": "many", "least": 1}),
        ("epochs = 2.5", OptionValueError, {"option": "epochs", "value": 2.5, "least": 1}),
        ("epochs = true", OptionValueError, {"option": "epochs", "value": True, "least": 1}),
        ("mixup = nan", OptionValueError, {"option": "mixup", "least": 0, "most": None, "inclusive": True}),
    ],
)
def test_an_invalid_options_file_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, error: type[PlacaError], values: dict[str, object]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("options.toml").write_text(content)
    with raises(error, **values) as caught:
        _parsed("--config", "options.toml")
    if error is UnknownNameError:
        assert caught.value.values["known"][0] == {"epoch": "epochs", "zom": "zoom"}[str(values["name"])]


def test_a_missing_options_file_is_an_error(tmp_path: Path) -> None:
    with raises(PathNotFoundError, path=str(tmp_path / "options.toml")):
        read_config(tmp_path / "options.toml")


@pytest.mark.parametrize(
    ("option", "value", "limits"),
    [
        ("seed", -1, {"least": 0, "most": 2**32 - 1, "inclusive": True}),
        ("epochs", 0, {"least": 1, "most": None, "inclusive": True}),
        ("learning_rate", 0.0, {"least": 0, "most": None, "inclusive": False}),
        ("learning_rate", float("inf"), {"least": 0, "most": None, "inclusive": False}),
        ("label_smoothing", 1.5, {"least": 0, "most": 1, "inclusive": True}),
        ("loss", "hinge", {"choices": ["cross-entropy", "focal"]}),
        ("folds", 1, {"least": 2}),
        ("ema", 1.0, {"most": 1, "inclusive": False}),
        ("head_epochs", 61, {"most": 60, "inclusive": True}),
    ],
)
def test_values_out_of_range_are_errors(option: str, value: object, limits: dict[str, object]) -> None:
    with raises(OptionValueError, option=option, value=value, **limits):
        TrainOptions(**{option: value})


def test_an_augmentation_out_of_range_is_an_error() -> None:
    with raises(OptionValueError, option="flip", value=2, least=0, most=1, inclusive=True):
        TrainOptions(augmentation=Augmentation(flip=2))
