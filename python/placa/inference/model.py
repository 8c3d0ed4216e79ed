"""A trained model as a Python user holds it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from placa.core.progress import Progress, show
from placa.core.text import as_list
from placa.images.by_rule import list_files
from placa.inference.in_memory import ImageInput, as_files
from placa.inference.predict import Predictor

if TYPE_CHECKING:
    import pandas as pd

    from placa.inference.explain import Explainer, Explanation


class Predictions(NamedTuple):
    """Predictions of images, and the images that cannot be read.

    Attributes:
        table: One row per image and finding: ``image_id``, ``finding``, ``probability`` (0 to 1, after
            recalibration), ``score`` (0 to 1, before it), ``class`` (``positive`` or ``negative`` at the default
            operating point), ``path``, and the other columns of predictions.parquet, missing here.
        rejected: Path and reason of each image that cannot be read, and of each file in a folder that is skipped.
    """

    table: pd.DataFrame
    rejected: list[tuple[str, str]]


#: The files of a run that a model needs.
_FILES = ("run.json", "thresholds.json", "model.keras", "model.onnx")


class Model:
    """The model of a run.

    A pickled model contains these files of the run, so that another process or machine can load it.

    Args:
        run: The run directory.

    Raises:
        PlacaError: `run` is not a complete run, or its model is damaged or is not the one that ``run.json`` names.

    Attributes:
        run: The run directory.
        findings: The findings that the model predicts.
        size: Side of the squares that the model takes, in pixels.
        facts: The content of ``run.json``.
        thresholds: By finding, the operating points that were chosen on validation.

    Example:
        >>> model = placa.load_model("runs/demo")
        >>> model.predict("data/prepared/demo/images").table[["image_id", "finding", "probability", "class"]]
    """

    def __init__(self, run: str | Path) -> None:
        self._predictor = Predictor(run)
        self._explainer: Explainer | None = None
        self.run = self._predictor.run
        self.findings = self._predictor.findings
        self.size = self._predictor.size
        self.facts = self._predictor.facts
        self.thresholds = self._predictor.thresholds

    def __repr__(self) -> str:
        return f"Model({str(self.run)!r}: {', '.join(self.findings)}; {self.size} x {self.size} pixels)"

    def __reduce__(self) -> tuple[Any, ...]:
        files = {name: (self.run / name).read_bytes() for name in _FILES if (self.run / name).exists()}
        return _unpack, (self.run.name, files)

    @property
    def keras(self) -> Any:
        """The Keras model, from uint8 pixels ``(n, size, size, 1)`` to ``score`` and ``probability``."""
        return self._predictor.model

    def predict(self, images: ImageInput | Iterable[ImageInput], progress: Progress | bool = True) -> Predictions:
        """Predict images, as training read them.

        Args:
            images: Image files (or CT volumes, if the model reads volumes) and folders of them; the content of files,
                as bytes or open files; Pillow images; or grey levels, uint8 or uint16, ``(h, w)`` or ``(n, h, w)``;
                one input, or several. The ``image_id`` of an image in memory is its number, from 0.
            progress: True shows a bar on stderr, False nothing.

        Raises:
            ImageTypeError: An input is of another type, or an array has another shape or type.
            PlacaError: A path does not exist, or a folder holds no image.
        """
        with as_files(images) as (places, names):
            listing = list_files(self._predictor.reading, places)
            table, rejected = self._predictor.predict([str(path) for path in listing], show(progress))
        if names:
            numbers = table["path"].map(names)
            table["image_id"] = numbers.fillna(table["image_id"])
            table["path"] = table["path"].where(numbers.isna())
        rejected = [(names.get(path, path), reason) for path, reason in rejected + listing.reasons]
        return Predictions(table, rejected)

    def explain(self, image: str | os.PathLike[str], findings: str | Iterable[str] | None = None) -> list[Explanation]:
        """Explain the prediction of one image with Grad-CAM (Selvaraju et al. 2017, doi:10.1109/ICCV.2017.74).

        Args:
            image: An image, or a CT volume if the model reads volumes.
            findings: The findings to explain; by default the one with the highest probability.

        Raises:
            PlacaError: The model does not predict one of the findings.
            ImageRejected: The image cannot be read.
        """
        from placa.inference.explain import Explainer

        self._explainer = self._explainer or Explainer(self._predictor)
        return self._explainer.explain(os.fspath(image), None if findings is None else as_list(findings))


def _unpack(name: str, files: dict[str, bytes]) -> Model:
    """Load a pickled model from a temporary copy of its files, which is removed with the model."""
    folder = tempfile.mkdtemp(prefix="placa-model-")
    run = Path(folder) / Path(name).name
    run.mkdir()
    for file, content in files.items():
        (run / Path(file).name).write_bytes(content)
    model = Model(run)
    weakref.finalize(model, shutil.rmtree, folder, ignore_errors=True)
    return model


def load_model(run: str | Path) -> Model:
    """Load the model of a run.

    Args:
        run: The run directory that ``placa train`` wrote.

    Raises:
        PlacaError: `run` is not a complete run, or its model is damaged or is not the one that ``run.json`` names.
    """
    return Model(run)
