"""The pictures of the report: input images of the network, augmented images, and Grad-CAM overlays.

Arguments and results are paths and plain lists, so that a Python chunk can pass them to R. The path of a picture that
cannot be made is ``""``; the rest of the report is still rendered.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placa.core.errors import PlacaError
from placa.core.processes import command, environment
from placa.dataset.prepared import read_prepared

#: JPEG quality. Overlays and noisy images would be large as PNG, and a report must stay below 5 MB.
_QUALITY = 85
#: Files of `start_maps` beside its pictures: the arguments, the result, and stderr.
_ARGUMENTS, _RESULT, _LOG = "maps-asked.json", "maps.json", "maps.log"


def save_radiographs(prepared: str | None, images: Sequence[str], folder: str, largest: int = 256) -> list[str]:
    """Write images of a prepared data set as files.

    Args:
        prepared: A directory that ``placa prepare`` wrote, or None if it no longer exists.
        images: The ``image_id`` of each image to write; for a CT volume, its middle square.
        folder: The directory for the files.
        largest: Longest side of a file, in pixels; images are reduced, never enlarged.

    Returns:
        The path of each image's file, in the order of `images`; ``""`` for an image that the data set does not contain,
        and for all images if the data set does not exist or cannot be read.
    """
    stacks = _read_stacks(prepared, images)
    if stacks is None:
        return ["" for _ in images]
    target = _create(folder)
    return [
        "" if stack is None else _save(_reduce(stack[len(stack) // 2], largest), target / f"film-{number:03d}.png")
        for number, stack in enumerate(stacks)
    ]


def save_augmented(
    prepared: str | None, images: Sequence[str], augmentation: dict[str, float], seed: int, folder: str, times: int = 3
) -> list[str]:
    """Write each image unchanged, followed by `times` random augmentations of it.

    Args:
        prepared: A directory that ``placa prepare`` wrote, or None.
        images: The ``image_id`` of each image.
        augmentation: The amounts of augmentation, by their names in ``run.json``.
        seed: Seed of the augmentations.
        folder: The directory for the files.
        times: Number of augmented images per image.

    Returns:
        The paths, ``times + 1`` per image; empty if there are no images, or if the amounts were written by a version of
        placa with other augmentations.
    """
    from placa.training.augment import Augmentation

    stacks = _read_stacks(prepared, images)
    if stacks is None:
        return []
    try:
        augment = Augmentation(**augmentation)
    except TypeError:
        return []
    random = np.random.default_rng(seed)
    target = _create(folder)
    files = []
    for number, stack in enumerate(stacks):
        if stack is None:
            continue
        square = stack[len(stack) // 2]
        augmented = augment.apply(np.repeat(square[None], times, axis=0), random)
        files += [
            _save(_reduce(pixels, 192), target / f"augmented-{number}-{i}.jpg")
            for i, pixels in enumerate([square, *augmented])
        ]
    return files


def save_maps(
    prepared: str | None, run: str, images: Sequence[str], findings: Sequence[str], folder: str, side: int = 224
) -> dict[str, Any]:
    """Write each image beside its Grad-CAM overlay (see `placa.inference.explain.gradcam`) as one picture.

    Args:
        prepared: A directory that ``placa prepare`` wrote, or None.
        run: The run whose model is explained.
        images: The ``image_id`` of each image; for a CT volume, the square with the highest score is shown.
        findings: The finding to explain, one per image.
        folder: The directory for the files.
        side: Side of the image and of the overlay, in pixels.

    Returns:
        ``files``, the path of each picture or ``""``; ``mapped``, whether the pictures have overlays; ``reason``, why
        not. Without overlays the pictures are the images alone. With overlays, all have one scale: ``highest`` is the
        evidence of its strongest colour, in logit units, and ``scale`` the path of a colour bar from 0 to it.
    """
    stacks = _read_stacks(prepared, images)
    if stacks is None:
        return {"files": ["" for _ in images], "mapped": False, "reason": ""}
    target = _create(folder)
    try:
        maps = _evidence(run, stacks, findings)
    # Any failure of the model (another version of Keras, too little memory) leaves the report without overlays.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return {"files": save_radiographs(prepared, images, folder, side), "mapped": False, "reason": reason}
    highest = max((float(one[1].max()) for one in maps if one is not None), default=0.0)
    files = []
    for number, explained in enumerate(maps):
        if explained is None:
            files.append("")
            continue
        files.append(_save(_side_by_side(*explained, side, highest), target / f"map-{number:03d}.jpg"))
    scale = _save(_colour_bar(), target / "scale.png")
    return {"files": files, "mapped": True, "reason": "", "highest": highest, "scale": scale}


def start_maps(
    prepared: str | None, run: str, images: Sequence[str], findings: Sequence[str], folder: str, side: int = 224
) -> subprocess.Popen[bytes]:
    """Start `save_maps` in a separate process, so that Keras computes the maps while R draws its figures.

    The arguments are those of `save_maps`. `finish_maps` returns the result.
    """
    arguments = {"prepared": prepared, "run": run, "images": list(images), "findings": list(findings), "side": side}
    (_create(folder) / _ARGUMENTS).write_text(json.dumps({**arguments, "folder": folder}), encoding="utf-8")
    with (Path(folder) / _LOG).open("wb") as log:
        return subprocess.Popen(
            command("pictures", folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=environment(),
        )


def finish_maps(begun: subprocess.Popen[bytes], folder: str) -> dict[str, Any]:
    """Wait for the process that `start_maps` started.

    Args:
        begun: The process.
        folder: The directory given to `start_maps`.

    Returns:
        The result of `save_maps`. If the process failed, the images alone, and the reason.
    """
    code = begun.wait()
    file = Path(folder) / _RESULT
    if code == 0 and file.is_file():
        result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return result
    arguments = json.loads((Path(folder) / _ARGUMENTS).read_text(encoding="utf-8"))
    files = save_radiographs(arguments["prepared"], arguments["images"], folder, arguments["side"])
    log = (Path(folder) / _LOG).read_text(encoding="utf-8", errors="replace").split("\n")
    reason = next((line for line in reversed(log) if line.strip()), f"the process ended with exit code {code}")
    return {"files": files, "mapped": False, "reason": reason}


def _read_stacks(prepared: str | None, images: Iterable[str]) -> list[NDArray[np.uint8] | None] | None:
    """Return the squares of each image, ``(squares, size, size)``, or None if the data set lacks it.

    Returns None if there is no data set, or if it cannot be read.
    """
    from placa.records.reading import collapse

    if not prepared:
        return None
    try:
        found = read_prepared(Path(prepared))
    except PlacaError:
        return None
    squares = found.reading.squares
    names = collapse(found.manifest, found.reading)["image_id"]
    first = {str(name): row * squares for row, name in enumerate(names)}
    rows = [first.get(str(image)) for image in images]
    return [None if row is None else np.asarray(found.pixels[row : row + squares]) for row in rows]


def _evidence(
    run: str, stacks: Sequence[NDArray[np.uint8] | None], findings: Sequence[str]
) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]] | None]:
    """Return the explained square of each image and its map."""
    from placa.inference.explain.gradcam import GradCam
    from placa.inference.predict import load_predictor

    predictor = load_predictor(Path(run))
    gradcam = GradCam(predictor.model)
    explained: list[tuple[NDArray[np.uint8], NDArray[np.float32]] | None] = [None] * len(stacks)
    # The maps of all images with the same finding are computed together.
    for finding in dict.fromkeys(findings):
        number = predictor.findings.index(finding)
        chosen = [(i, stack) for i, stack in enumerate(stacks) if findings[i] == finding and stack is not None]
        squares = []
        for _, stack in chosen:
            best = int(gradcam.logits(stack)[:, number].argmax()) if len(stack) > 1 else 0
            squares.append(stack[best])
        if not squares:
            continue
        for (i, _), square, evidence in zip(chosen, squares, gradcam.maps(np.stack(squares), number), strict=True):
            explained[i] = (square, evidence)
    return explained


def _colour_bar() -> Image.Image:
    """Return the colours of the maps on a mid grey, from no evidence to the strongest."""
    from placa.inference.explain.overlay import overlay

    evidence = np.linspace(0, 1, 240, dtype=np.float32)[None].repeat(16, axis=0)
    return overlay(np.full(evidence.shape, 128, dtype=np.uint8), evidence)


def _side_by_side(square: NDArray[np.uint8], evidence: NDArray[np.float32], side: int, highest: float) -> Image.Image:
    from placa.inference.explain.overlay import overlay

    radiograph = Image.fromarray(square).resize((side, side), Image.Resampling.BICUBIC)
    picture = Image.new("RGB", (2 * side + 2, side), (13, 15, 17))
    picture.paste(radiograph.convert("RGB"), (0, 0))
    picture.paste(overlay(np.asarray(radiograph), evidence, highest=highest), (side + 2, 0))
    return picture


def _reduce(pixels: NDArray[np.uint8], largest: int) -> Image.Image:
    radiograph = Image.fromarray(pixels)
    radiograph.thumbnail((largest, largest))
    return radiograph


def _create(folder: str) -> Path:
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    return target


def _save(picture: Image.Image, file: Path) -> str:
    if file.suffix == ".jpg":
        picture.save(file, quality=_QUALITY, optimize=True)
    else:
        picture.save(file, optimize=True)
    return file.as_posix()


if __name__ == "__main__":
    _arguments = json.loads((Path(sys.argv[1]) / _ARGUMENTS).read_text(encoding="utf-8"))
    (Path(sys.argv[1]) / _RESULT).write_text(json.dumps(save_maps(**_arguments)), encoding="utf-8")
