"""Read how the network of a foundation model expects its input: the configuration files of the model hubs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placa.core.json_files import read_json
from placa.models.errors import PreprocessingError

#: Configuration files beside a network: of transformers, timm and open_clip.
CONFIGS = ("preprocessor_config.json", "config.json", "open_clip_config.json")


@dataclass(frozen=True)
class Preprocessing:
    """What is done to grey levels 0-255 before a network: ``(level * factor - mean) / deviation`` per channel.

    Attributes:
        mean, deviation: One number per channel.
        factor: Factor of the grey levels.
        size: Side of the input in pixels; None if the file does not state it.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    factor: float = 1 / 255
    size: int | None = None

    def __str__(self) -> str:
        mean, deviation = (",".join(f"{one:.6g}" for one in values) for values in (self.mean, self.deviation))
        return f"level * {self.factor:.6g}, mean {mean}, deviation {deviation}"


def read_preprocessing(path: Path) -> Preprocessing:
    """Read a configuration file.

    Args:
        path: ``preprocessor_config.json`` of transformers, ``config.json`` of timm, or ``open_clip_config.json``.

    Raises:
        PreprocessingError: The file has no mean and standard deviation, or two different sides.
        PlacaError: The file is missing or not JSON.
    """
    content = read_json(path, "Name another file with --preprocessor.")
    found = content if isinstance(content, dict) else {}
    try:
        return _parse(found)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise PreprocessingError(
            f"{path} has no mean and standard deviation of the input, or no square input ({error!r}). Name a "
            "preprocessor_config.json of transformers, a config.json of timm or an open_clip_config.json.",
            file=str(path),
            reason=str(error),
        ) from error


def find_preprocessing(network: Path) -> Preprocessing | None:
    """Read the configuration file beside a network, if there is one with mean and standard deviation."""
    for name in CONFIGS:
        if (network.parent / name).is_file():
            try:
                return read_preprocessing(network.parent / name)
            except PreprocessingError:
                # `config.json` of transformers describes the layers only.
                continue
    return None


def _parse(found: dict[str, Any]) -> Preprocessing:
    if "pretrained_cfg" in found:
        timm = found["pretrained_cfg"]
        return Preprocessing(_numbers(timm["mean"]), _numbers(timm["std"]), size=_side(timm["input_size"][1:]))
    if "preprocess_cfg" in found:
        clip = found["preprocess_cfg"]
        size = clip.get("size", found.get("model_cfg", {}).get("vision_cfg", {}).get("image_size"))
        return Preprocessing(_numbers(clip["mean"]), _numbers(clip["std"]), size=_side(size))
    cropped = found.get("do_center_crop", "crop_size" in found) and found.get("crop_size") is not None
    size = _side(found["crop_size"] if cropped else found.get("size"))
    factor = float(found.get("rescale_factor", 1 / 255)) if found.get("do_rescale", True) else 1.0
    if not found.get("do_normalize", True):
        return Preprocessing((0.0,), (1.0,), factor, size)
    return Preprocessing(_numbers(found["image_mean"]), _numbers(found["image_std"]), factor, size)


def _numbers(values: Any) -> tuple[float, ...]:
    numbers = tuple(float(one) for one in (values if isinstance(values, list) else [values]))
    if len(numbers) not in (1, 3):
        raise ValueError(f"{len(numbers)} channels")
    return numbers


def _side(size: Any) -> int | None:
    """Return the side of the input from the forms in which it is written; None if it is not fixed."""
    if isinstance(size, dict):
        size = [size[name] for name in ("height", "width", "shortest_edge") if name in size]
    sides = {int(one) for one in (size if isinstance(size, list) else [size]) if one is not None}
    if len(sides) > 1:
        raise ValueError(f"sides {sorted(sides)}")
    return sides.pop() if sides else None
