"""Explain predictions with Grad-CAM maps and overlays, and score the maps against lesion boxes.

A map shows which pixels the model used, which need not be where the disease is. `placa.inference.explain.boxes`
measures how often the two agree.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from placa.core.errors import OutOfRangeError, require_known
from placa.core.files import atomic_file, require_writable
from placa.core.json_files import write_json
from placa.core.progress import SILENT, Progress
from placa.images.by_rule import list_files, read_file
from placa.images.listing import Listing
from placa.images.read import ImageRejected
from placa.inference.embedded import require_pixels
from placa.inference.errors import NothingToExplainError
from placa.inference.explain.boxes import THRESHOLD, read_test_boxes, score, summarise
from placa.inference.explain.gradcam import GradCam
from placa.inference.explain.overlay import SIDE, Box, background, overlay
from placa.inference.predict import Predictor, no_readable_image
from placa.inference.public_ids import image_ids, names_of_maps, safe_name
from placa.records.table_files import write_text_table
from placa.sources.dicom.patient_key import read_patient_key

__all__ = ["Explainer", "Explanation", "explain_files"]


@dataclass(frozen=True)
class Explanation:
    """The explanation of one finding in one image.

    Attributes:
        path: The file.
        finding: The explained finding.
        probability: Probability of the file, 0 to 1, as from `placa.inference.predict`.
        category: ``positive`` or ``negative`` at the default operating point.
        evidence: The Grad-CAM map at the model's size, ``(size, size)``, in units of the logit; 0 where there is no
            evidence for the finding.
        grey: The image with its own aspect ratio, ``(height, width)``; for a volume, the explained square.
        square: For a volume, the index of the explained square, from 1: the one with the highest score. 1 for an image.
        squares: Number of squares per file; 1 for an image.
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
    """Explain any number of images with a run's model.

    Args:
        predictor: The run's model.
    """

    def __init__(self, predictor: Predictor) -> None:
        require_pixels(predictor, "map")
        self.predictor = predictor
        self._gradcam = GradCam(predictor.model)

    def explain(self, path: str, findings: Sequence[str] | None = None) -> list[Explanation]:
        """Explain the prediction for one file.

        Args:
            path: An image, or a CT volume if the model reads volumes.
            findings: The findings to explain; by default the one with the highest probability.

        Raises:
            UnknownNameError: The model does not predict a finding.
            ImageRejected: The file cannot be read.
        """
        known, reading = self.predictor.findings, self.predictor.reading
        for name in findings or ():
            require_known("finding", name, known)
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
                    grey=background(path, window=reading.window) if reading.squares == 1 else _large(square[0]),
                    square=best + 1,
                    squares=reading.squares,
                )
            )
        return explained


def _large(square: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(square).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def explain_files(
    run: str | Path,
    images: Iterable[str | os.PathLike[str]],
    out: str | Path,
    finding: str | None = None,
    boxes: str | Path | None = None,
    threshold: float = THRESHOLD,
    progress: Progress = SILENT,
    *,
    paths: bool = False,
    key: Path | None = None,
) -> tuple[pd.DataFrame, list[tuple[str, str]], dict[str, Any] | None]:
    """Explain files with a run's model, and write maps, overlays and scores to a directory.

    For each image and finding, `out` contains ``IMAGE.FINDING.png``, the overlay, with colours relative to the maximum
    of the map, and ``IMAGE.FINDING.npy``, the map: float32 at the model's size, in units of the logit. ``explain.csv``
    lists them; ``boxes.csv`` and ``boxes.json`` contain the scores against boxes.

    Args:
        run: The run directory.
        images: Image files (or CT volumes, if the model reads volumes) and folders of them.
        out: The directory to write to; files with the same names are replaced.
        finding: The finding to explain; by default, for each image, the one with the highest probability.
        boxes: A prepared data set whose test images with lesion boxes are also explained, for the findings of the
            boxes, and scored (see `placa.inference.explain.boxes`).
        threshold: Share of the map's maximum from which a pixel counts as marked, in (0, 1].
        progress: Shows the progress bar and warnings.
        paths: Whether ``explain.csv`` has the path of each image, and files of maps have the names of DICOM files.
            Otherwise ``image_id`` of a DICOM file is a keyed hash, as in `placa predict --out`.
        key: A file with the secret key of these hashes; by default that of the user.

    Returns:
        The table in ``explain.csv``, ``(path, reason)`` of each image that could not be read and of each file in a
        folder that is skipped, and the summary of the scores, or None without `boxes`.

    Raises:
        ReadsEmbeddingsError: The run was trained on embeddings, which have no map.
        OutOfRangeError: `threshold` is not in (0, 1].
        NothingToExplainError: Neither `images` nor `boxes` are given.
        UnknownNameError: The model does not predict `finding`.
        NoBoxesError, NoTestBoxesError: `boxes` has no lesion boxes of the findings on test images.
        NoReadableImageError: None of the images can be read.
        PlacaError: `run` is not a run, or a file or directory does not exist.
    """
    out, boxes = Path(out), Path(boxes) if boxes else None
    if not 0 < threshold <= 1:
        message = f"`threshold` must be greater than 0 and at most 1, got {threshold:g}."
        raise OutOfRangeError(message, name="threshold", value=threshold, lower=0, upper=1)
    predictor = Predictor(run)
    require_pixels(predictor, "map")
    data, reading = predictor.facts["data"], predictor.reading
    if finding is not None:
        require_known("finding", finding, data["findings"])
    places = list(images)
    if not places and boxes is None:
        raise NothingToExplainError(
            "No images to explain. Name image files or folders, or a prepared data set with --boxes.", run=str(run)
        )
    # The overlays of an earlier call may be in a folder of the images.
    listing = list_files(reading, places, [out]) if places else Listing()
    files = [str(path) for path in listing]
    lesions: dict[tuple[str, str], list[Box]] = {}
    if boxes is not None:
        lesions, source = read_test_boxes(boxes, [finding] if finding else data["findings"])
        if source["fingerprint"] != data["fingerprint"]:
            progress.warn(
                f"{boxes} is not the data set that the run was trained on: its test images may be training images of "
                "the run"
            )
        elif predictor.facts["folds"]:
            progress.warn(
                "the model is an ensemble of folds, some of which were trained on these images: the scores of its maps "
                "are too high"
            )
    to_explain: dict[str, list[str] | None] = dict.fromkeys(files, [finding] if finding else None)
    for path, name in lesions:
        named = to_explain.get(path) or []
        to_explain[path] = named if name in named else [*named, name]
    require_writable(out)
    explainer = Explainer(predictor)
    ids = image_ids(list(to_explain), reading, None if paths else cache(lambda: read_patient_key(key)))
    names = names_of_maps(ids, reading)
    rows: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    rejected: list[tuple[str, str]] = []
    with progress.bar("explaining", len(to_explain)) as advance:
        for path, findings in to_explain.items():
            try:
                explained = explainer.explain(path, findings)
            except ImageRejected as reason:
                rejected.append((path, str(reason)))
                explained = []
            for one in explained:
                true_boxes = lesions.get((path, one.finding), [])
                image = {"image_id": ids[path], **({"path": path} if paths else {})}
                rows.append(image | _write(out, names[path], one, true_boxes))
                if true_boxes:
                    scores.append({**image, "finding": one.finding, **score(one.evidence, true_boxes, threshold)})
            advance()
    if not rows:
        raise no_readable_image(len(to_explain), *rejected[0])
    table = pd.DataFrame(rows)
    write_text_table(table, out / "explain.csv")
    summary = None
    if scores:
        box_scores = pd.DataFrame(scores)
        write_text_table(box_scores, out / "boxes.csv")
        summary = summarise(box_scores, threshold)
        write_json(out / "boxes.json", summary)
    return table, rejected + listing.reasons, summary


def _write(out: Path, name: str, one: Explanation, boxes: Sequence[Box]) -> dict[str, Any]:
    stem = f"{name}.{safe_name(one.finding, 60)}"
    with atomic_file(out / f"{stem}.png") as partial:
        overlay(one.grey, one.evidence, boxes).save(partial, format="PNG")
    with atomic_file(out / f"{stem}.npy") as partial, partial.open("wb") as file:
        np.save(file, one.evidence)
    row, column = np.unravel_index(int(one.evidence.argmax()), one.evidence.shape)
    return {
        "finding": one.finding,
        "probability": one.probability,
        "class": one.category,
        "square": one.square,
        "squares": one.squares,
        # The highest pixel of the map, as shares of width and height.
        "peak_x": (float(column) + 0.5) / one.evidence.shape[1],
        "peak_y": (float(row) + 0.5) / one.evidence.shape[0],
        "peak": float(one.evidence.max()),
        "overlay": f"{stem}.png",
        "map": f"{stem}.npy",
    }
