"""The pictures of the report: images as the network sees them, as training changes them, and where evidence lies.

Paths and plain lists in and out, so that a Python chunk can hand the answer to any R. A picture that cannot be made is
``""``, for a report is more than its pictures.
"""

from __future__ import annotations

import json
import os
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
from placa.dataset.prepared import Prepared, read_prepared

#: Of JPEG; overlays and films of noise would be large as PNG, and a report is to stay below 5 MB.
_QUALITY = 85
#: Beside the pictures of `begin_maps`: what was asked, what was answered, and what was complained of.
_ASKED, _ANSWER, _LOG = "maps-asked.json", "maps.json", "maps.log"
#: Where `placa report` keeps the LD_LIBRARY_PATH that it was called with.
LIBRARIES = "PLACA_LD_LIBRARY_PATH"


def save_films(prepared: str | None, images: Sequence[str], folder: str, largest: int = 256) -> list[str]:
    """Write images of a prepared data set as files.

    Args:
        prepared: The directory that ``placa prepare`` wrote, or None where it is no longer there.
        images: The ``image_id`` of each image to write; of a CT volume the middle square is taken.
        folder: Where the files go.
        largest: Longest side of a file, in pixels; a larger cache is made smaller, never larger.

    Returns:
        The path of each image's file, in the order of `images`; ``""`` where the set does not hold the image,
        which is so for all where there is no set, or none that can be read.
    """
    films = _Films.opened(prepared)
    if films is None:
        return ["" for _ in images]
    target = _made(folder)
    return [
        "" if stack is None else _save(_sized(stack[len(stack) // 2], largest), target / f"film-{number:03d}.png")
        for number, stack in enumerate(films.stacks(images))
    ]


def save_augmented(
    prepared: str | None, images: Sequence[str], augmentation: dict[str, float], seed: int, folder: str, times: int = 3
) -> list[str]:
    """Write images as training changes them: each as it is, then changed at random `times` times.

    Args:
        prepared: The directory that ``placa prepare`` wrote, or None.
        images: The ``image_id`` of each image.
        augmentation: The amounts, by their names in ``run.json``.
        seed: Of the changes.
        folder: Where the files go.
        times: How many changed ones follow each image.

    Returns:
        The paths, ``times + 1`` an image; empty where there is nothing to show, or the amounts are of a version of
        placa that this one does not know.
    """
    from placa.training.augment import Augmentation

    films = _Films.opened(prepared)
    if films is None:
        return []
    try:
        change = Augmentation(**augmentation)
    except TypeError:
        return []
    random = np.random.default_rng(seed)
    target = _made(folder)
    files = []
    for number, stack in enumerate(films.stacks(images)):
        if stack is None:
            continue
        square = stack[len(stack) // 2]
        changed = change.apply(np.repeat(square[None], times, axis=0), random)
        files += [
            _save(_sized(pixels, 192), target / f"augmented-{number}-{i}.jpg")
            for i, pixels in enumerate([square, *changed])
        ]
    return files


def save_maps(
    prepared: str | None, run: str, images: Sequence[str], findings: Sequence[str], folder: str, side: int = 224
) -> dict[str, Any]:
    """Write each image beside its Grad-CAM overlay (see `placa.inference.explain.gradcam`), two squares in one picture.

    Args:
        prepared: The directory that ``placa prepare`` wrote, or None.
        run: The run whose model is asked.
        images: The ``image_id`` of each image; of a CT volume, the square of the highest score is shown.
        findings: Which finding is explained, one an image.
        folder: Where the files go.
        side: Of one square of the picture, in pixels.

    Returns:
        ``files``, the path of each picture or ``""``; ``mapped``, whether there are overlays; ``reason``, why there are
        none. Without them the pictures are the images alone.
    """
    films = _Films.opened(prepared)
    if films is None:
        return {"files": ["" for _ in images], "mapped": False, "reason": ""}
    target = _made(folder)
    stacks = films.stacks(images)
    try:
        maps = _evidence(run, stacks, findings)
    # Whatever keeps a model from being asked (another Keras, no memory) must not keep the report from being written.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return {"files": save_films(prepared, images, folder, side), "mapped": False, "reason": reason}
    files = []
    for number, explained in enumerate(maps):
        if explained is None:
            files.append("")
            continue
        files.append(_save(_beside(*explained, side), target / f"map-{number:03d}.jpg"))
    return {"files": files, "mapped": True, "reason": ""}


def begin_maps(
    prepared: str | None, run: str, images: Sequence[str], findings: Sequence[str], folder: str, side: int = 224
) -> subprocess.Popen[bytes]:
    """Begin `save_maps` in a process of its own: Keras starts and the network is asked while R draws its figures.

    Takes what `save_maps` takes; its answer comes from `finish_maps`.
    """
    asked = {"prepared": prepared, "run": run, "images": list(images), "findings": list(findings), "side": side}
    (_made(folder) / _ASKED).write_text(json.dumps({**asked, "folder": folder}), encoding="utf-8")
    # R tells its processes where its own libraries lie, among them another Python's; `placa report` keeps what was
    # there before.
    libraries = {name: value for name, value in environment().items() if name != "LD_LIBRARY_PATH"}
    if os.environ.get(LIBRARIES):
        libraries["LD_LIBRARY_PATH"] = os.environ[LIBRARIES]
    with (Path(folder) / _LOG).open("wb") as log:
        return subprocess.Popen(
            command("pictures", folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=libraries,
        )


def finish_maps(begun: subprocess.Popen[bytes], folder: str) -> dict[str, Any]:
    """Wait for what `begin_maps` began.

    Args:
        begun: The process.
        folder: As it was given to `begin_maps`.

    Returns:
        What `save_maps` returns; where the process ended without an answer, the images alone, and why.
    """
    code = begun.wait()
    answer = Path(folder) / _ANSWER
    if code == 0 and answer.is_file():
        told: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return told
    asked = json.loads((Path(folder) / _ASKED).read_text(encoding="utf-8"))
    files = save_films(asked["prepared"], asked["images"], folder, asked["side"])
    said = (Path(folder) / _LOG).read_text(encoding="utf-8", errors="replace").split("\n")
    reason = next((line for line in reversed(said) if line.strip()), f"its process ended with code {code}")
    return {"files": files, "mapped": False, "reason": reason}


class _Films:
    """The pixels of a prepared set, by the name of a file."""

    def __init__(self, prepared: Prepared) -> None:
        from placa.records.reading import collapse

        self._squares = prepared.reading.squares
        self._pixels = prepared.pixels
        names = collapse(prepared.manifest, prepared.reading)["image_id"]
        self._rows = {str(name): row * self._squares for row, name in enumerate(names)}

    @classmethod
    def opened(cls, prepared: str | None) -> _Films | None:
        try:
            return cls(read_prepared(Path(prepared))) if prepared else None
        except PlacaError:
            return None

    def stacks(self, images: Iterable[str]) -> list[NDArray[np.uint8] | None]:
        """Of each image its squares, ``(squares, size, size)``, or None."""
        rows = [self._rows.get(str(image)) for image in images]
        return [None if row is None else np.asarray(self._pixels[row : row + self._squares]) for row in rows]


def _evidence(
    run: str, stacks: Sequence[NDArray[np.uint8] | None], findings: Sequence[str]
) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]] | None]:
    """Of each image the square that is explained, and its map."""
    from placa.inference.explain.gradcam import GradCam
    from placa.inference.predict import loaded

    predictor = loaded(Path(run))
    gradcam = GradCam(predictor.model)
    found: list[tuple[NDArray[np.uint8], NDArray[np.float32]] | None] = [None] * len(stacks)
    # All images of one finding together: a model is asked once a finding, not once an image.
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
            found[i] = (square, evidence)
    return found


def _beside(square: NDArray[np.uint8], evidence: NDArray[np.float32], side: int) -> Image.Image:
    from placa.inference.explain.overlay import overlay

    film = Image.fromarray(square).resize((side, side), Image.Resampling.BICUBIC)
    picture = Image.new("RGB", (2 * side + 2, side), (13, 15, 17))
    picture.paste(film.convert("RGB"), (0, 0))
    picture.paste(overlay(np.asarray(film), evidence), (side + 2, 0))
    return picture


def _sized(pixels: NDArray[np.uint8], largest: int) -> Image.Image:
    film = Image.fromarray(pixels)
    film.thumbnail((largest, largest))
    return film


def _made(folder: str) -> Path:
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
    _asked = json.loads((Path(sys.argv[1]) / _ASKED).read_text(encoding="utf-8"))
    (Path(sys.argv[1]) / _ANSWER).write_text(json.dumps(save_maps(**_asked)), encoding="utf-8")
