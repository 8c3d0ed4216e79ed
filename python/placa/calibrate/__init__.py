"""From scores to probabilities, and from probabilities to thresholds: both from validation alone."""

from __future__ import annotations

from placa.calibrate.choose import METHODS, Choice, choose_recalibration, missing_class
from placa.calibrate.fits import fit_isotonic, fit_recalibration, fit_temperature
from placa.calibrate.recalibration import Recalibration, sigmoid
from placa.calibrate.thresholds import DEFAULT_POINT, TARGET, choose_thresholds

__all__ = [
    "DEFAULT_POINT",
    "METHODS",
    "TARGET",
    "Choice",
    "Recalibration",
    "choose_recalibration",
    "choose_thresholds",
    "fit_isotonic",
    "fit_recalibration",
    "fit_temperature",
    "missing_class",
    "sigmoid",
]
