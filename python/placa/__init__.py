"""placa: from a folder of chest radiographs to a trained model and an honest account of how well it works.

`import placa` loads neither Keras nor R: each name is imported at its first use (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from placa.core.errors import PlacaError as PlacaError
    from placa.dataset.prepared import read_prepared as read_prepared
    from placa.dataset.splits import SplitPlan as SplitPlan
    from placa.images.grey import ImageRejected as ImageRejected
    from placa.images.read import read_image as read_image
    from placa.inference.model import Model as Model
    from placa.inference.model import load_model as load_model
    from placa.records.predictions import read_predictions as read_predictions
    from placa.sources.dicom import read_dicom as read_dicom
    from placa.sources.folders import read_folders as read_folders
    from placa.sources.nih import read_nih as read_nih
    from placa.sources.phantom import read_phantoms as read_phantoms
    from placa.sources.source import Source as Source
    from placa.sources.stoic import read_stoic as read_stoic
    from placa.sources.table import read_table as read_table
    from placa.training.augment import Augmentation as Augmentation
    from placa.training.options import TrainOptions as TrainOptions
    from placa.workflows.evaluate import evaluate as evaluate
    from placa.workflows.export import export as export
    from placa.workflows.monitor import monitor as monitor
    from placa.workflows.prepare import prepare as prepare
    from placa.workflows.report import report as report
    from placa.workflows.share import share as share
    from placa.workflows.train import train as train
    from placa.workflows.update import update as update
    from placa.workflows.validate import validate as validate

#: Each public name, and the module that defines it.
_PUBLIC = {
    "Augmentation": "placa.training.augment",
    "ImageRejected": "placa.images.grey",
    "Model": "placa.inference.model",
    "PlacaError": "placa.core.errors",
    "Source": "placa.sources.source",
    "SplitPlan": "placa.dataset.splits",
    "TrainOptions": "placa.training.options",
    "evaluate": "placa.workflows.evaluate",
    "export": "placa.workflows.export",
    "load_model": "placa.inference.model",
    "monitor": "placa.workflows.monitor",
    "prepare": "placa.workflows.prepare",
    "read_dicom": "placa.sources.dicom",
    "read_folders": "placa.sources.folders",
    "read_image": "placa.images.read",
    "read_nih": "placa.sources.nih",
    "read_phantoms": "placa.sources.phantom",
    "read_predictions": "placa.records.predictions",
    "read_prepared": "placa.dataset.prepared",
    "read_stoic": "placa.sources.stoic",
    "read_table": "placa.sources.table",
    "report": "placa.workflows.report",
    "share": "placa.workflows.share",
    "train": "placa.workflows.train",
    "update": "placa.workflows.update",
    "validate": "placa.workflows.validate",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_PUBLIC[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
