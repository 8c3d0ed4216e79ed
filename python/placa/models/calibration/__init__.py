"""Recalibrate scores to probabilities, and choose thresholds, on validation images."""

from __future__ import annotations

from placa.models.calibration.choose import METHODS, Choice, choose_recalibration, missing_class
from placa.models.calibration.choose_folds import FoldChoices, choose_for_folds
from placa.models.calibration.fits import fit_isotonic, fit_recalibration, fit_temperature
from placa.models.calibration.recalibration import Recalibration, logit, sigmoid
from placa.models.calibration.thresholds import DEFAULT_POINT, TARGET, choose_thresholds, operating_points

__all__ = [
    "DEFAULT_POINT",
    "METHODS",
    "TARGET",
    "Choice",
    "FoldChoices",
    "Recalibration",
    "choose_for_folds",
    "choose_recalibration",
    "choose_thresholds",
    "fit_isotonic",
    "fit_recalibration",
    "fit_temperature",
    "logit",
    "missing_class",
    "operating_points",
    "sigmoid",
]
