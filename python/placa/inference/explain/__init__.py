"""Where in its images a model sees a finding: Grad-CAM maps, overlays, and scores against lesion boxes.

A map says what the model used, not where the disease is; `placa.inference.explain.boxes` measures how often that is
the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from placa.core.errors import unknown_name
from placa.core.files import require_writable, whole_file, write_json
from placa.core.progress import SILENT, Progress
from placa.images.by_rule import file_name, list_files, read_file
from placa.images.read import ImageRejected
from placa.inference.errors import NoReadableImageError, NothingToExplainError, ThresholdRangeError
from placa.inference.explain.boxes import THRESHOLD, read_test_boxes, score, summarise
from placa.inference.explain.gradcam import GradCam
from placa.inference.explain.overlay import SIDE, Box, background, overlay
from placa.inference.predict import Predictor
from placa.records.reading import Reading

__all__ = ["Explainer", "Explanation", "explain_files"]


@dataclass(frozen=True)
class Explanation:
    """Why a model says what it says of one image.

    Attributes:
        path: The file.
        finding: What is explained.
        probability: Of the whole file, 0 to 1, as `placa.inference.predict` gives it.
        category: ``positive`` or ``negative`` at the default operating point.
        evidence: The Grad-CAM map at the model's own size, ``(size, size)``, in units of the logit; 0 where nothing
            speaks for the finding.
        grey: The image, in its own proportions, ``(height, width)``; of a volume, the explained square.
        square: Of a volume, which square is explained, counted from 1: that of the highest score. 1 for an image.
        squares: How many a file has; 1 for an image.
    """

    path: str
    finding: str
    probability: float
    category: str
    evidence: NDArray[np.float32]
    grey: NDArray[np.uint8]
    square: int
    squares: int


class Explainer:
    """A run's model, ready to explain any number of images.

    Args:
        predictor: The run's model.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self._gradcam = GradCam(predictor.model)

    def explain(self, path: str, findings: Sequence[str] | None = None) -> list[Explanation]:
        """Explain what the model says of one file.

        Args:
            path: An image, or a CT volume for a model of these.
            findings: Which; by default the one of the highest probability.

        Raises:
            PlacaError: The model knows no such finding.
            ImageRejected: The file cannot be read.
        """
        known, reading = self.predictor.findings, self.predictor.reading
        for name in findings or ():
            if name not in known:
                raise unknown_name("finding", name, known)
        table, rejected = self.predictor.predict([path])
        if rejected:
            raise ImageRejected(rejected[0][1])
        rows = table.set_index("finding")
        pixels = read_file(reading, path, self.predictor.size)
        logits = self._gradcam.logits(pixels)
        explained = []
        for name in findings or [str(rows["probability"].idxmax())]:
            number = known.index(name)
            best = int(logits[:, number].argmax())
            square = pixels[best : best + 1]
            explained.append(
                Explanation(
                    path=path,
                    finding=name,
                    probability=float(rows["probability"][name]),
                    category=str(rows["class"][name]),
                    evidence=self._gradcam.maps(square, number)[0],
                    grey=background(path) if reading.squares == 1 else _large(square[0]),
                    square=best + 1,
                    squares=reading.squares,
                )
            )
        return explained


def _large(square: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(square).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def explain_files(
    run: Path,
    images: Iterable[str | os.PathLike[str]],
    out: Path,
    finding: str | None = None,
    boxes: Path | None = None,
    threshold: float = THRESHOLD,
    progress: Progress = SILENT,
) -> tuple[pd.DataFrame, list[tuple[str, str]], dict[str, Any] | None]:
    """Explain files with a run's model, and write what comes of it.

    In `out`, for each image and finding, are ``IMAGE.FINDING.png``, the overlay, whose colours are relative to the
    map's own maximum, and ``IMAGE.FINDING.npy``, the raw map: float32 of the model's size, in units of the logit.
    ``explain.csv`` lists them; ``boxes.csv`` and ``boxes.json`` hold the scores against boxes.

    Args:
        run: The run directory.
        images: Image files (or CT volumes, for a model of these) and folders of them.
        out: The directory to write to; files of the same names are replaced.
        finding: Which to explain; by default, for each image, the one of the highest probability.
        boxes: A prepared data set whose test images with lesion boxes are explained too, for the findings of the
            boxes, and scored (see `placa.inference.explain.boxes`).
        threshold: Share of its maximum from which a map counts as marked, above 0 to 1.
        progress: Where to show what goes on.

    Returns:
        The table that ``explain.csv`` holds, ``(path, reason)`` of each image that could not be read, and the summary
        of the scores, or None without `boxes`.

    Raises:
        PlacaError: `run` is no run, the model knows no such finding, a place does not exist, there are no boxes, or
            not one image could be read.
    """
    from placa.records.run import require_run

    if not 0 < threshold <= 1:
        raise ThresholdRangeError(
            f"The threshold is a share of a map's maximum, above 0 to 1. Received: {threshold:g}.", threshold=threshold
        )
    facts = require_run(run)
    data = facts["data"]
    if finding is not None and finding not in data["findings"]:
        raise unknown_name("finding", finding, data["findings"])
    named = list(images)
    if not named and boxes is None:
        raise NothingToExplainError(
            "Nothing was named to explain: name image files or folders, or a prepared set with --boxes.", run=str(run)
        )
    paths = [str(path) for path in list_files(Reading.from_dict(data.get("reading")), named)] if named else []
    lesions: dict[tuple[str, str], list[Box]] = {}
    if boxes is not None:
        lesions, source = read_test_boxes(boxes, [finding] if finding else data["findings"])
        if source["fingerprint"] != data["fingerprint"]:
            progress.warn(f"{boxes} is not what the run was trained on: the model may have learnt from its test images")
        elif facts.get("folds"):
            progress.warn("the model is an ensemble of folds that learnt from these images: its maps fit them too well")
    wanted: dict[str, list[str] | None] = dict.fromkeys(paths, [finding] if finding else None)
    for path, name in lesions:
        wanted[path] = [*(wanted.get(path) or ()), *([] if name in (wanted.get(path) or ()) else [name])]
    require_writable(out)
    explainer = Explainer(Predictor(run))
    names = _names(list(wanted), explainer.predictor.reading)
    rows: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    rejected: list[tuple[str, str]] = []
    with progress.bar("explaining", len(wanted)) as advance:
        for path, findings in wanted.items():
            try:
                explained = explainer.explain(path, findings)
            except ImageRejected as reason:
                rejected.append((path, str(reason)))
                explained = []
            for one in explained:
                drawn = lesions.get((path, one.finding), [])
                rows.append(_write(out, names[path], one, drawn))
                if drawn:
                    scores.append({"path": path, "finding": one.finding, **score(one.evidence, drawn, threshold)})
            advance()
    if not rows:
        raise NoReadableImageError(
            f"None of the {len(wanted)} images could be read; the first, {rejected[0][0]}: {rejected[0][1]}.",
            images=len(wanted),
            path=rejected[0][0],
            reason=rejected[0][1],
        )
    table = pd.DataFrame(rows)
    _write_csv(table, out / "explain.csv")
    summary = None
    if scores:
        of_boxes = pd.DataFrame(scores)
        _write_csv(of_boxes, out / "boxes.csv")
        summary = summarise(of_boxes, threshold)
        write_json(out / "boxes.json", summary)
    return table, rejected, summary


def _write(out: Path, name: str, one: Explanation, boxes: Sequence[Box]) -> dict[str, Any]:
    stem = f"{name}.{_safe(one.finding)}"
    with whole_file(out / f"{stem}.png") as partial:
        overlay(one.grey, one.evidence, boxes).save(partial, format="PNG")
    with whole_file(out / f"{stem}.npy") as partial, partial.open("wb") as file:
        np.save(file, one.evidence)
    row, column = np.unravel_index(int(one.evidence.argmax()), one.evidence.shape)
    return {
        "path": one.path,
        "finding": one.finding,
        "probability": one.probability,
        "class": one.category,
        "square": one.square,
        "squares": one.squares,
        # Where the map is highest, as shares of width and height.
        "peak_x": (float(column) + 0.5) / one.evidence.shape[1],
        "peak_y": (float(row) + 0.5) / one.evidence.shape[0],
        "peak": float(one.evidence.max()),
        "overlay": f"{stem}.png",
        "map": f"{stem}.npy",
    }


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    with whole_file(path) as partial:
        table.to_csv(partial, index=False)


def _names(paths: Sequence[str], reading: Reading) -> dict[str, str]:
    """A file name for each image, its own without the ending; those that several have are numbered."""
    taken: set[str] = set()
    names: dict[str, str] = {}
    for path in paths:
        own = _safe(Path(path).stem if reading.squares == 1 else file_name(reading, path))
        name, number = own, 1
        while name.lower() in taken:
            number += 1
            name = f"{own}-{number}"
        taken.add(name.lower())
        names[path] = name
    return names


def _safe(name: str) -> str:
    return re.sub(r"[^\w.\-]+", "_", name)
