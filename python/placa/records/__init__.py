"""Typed facts that pass between stages: manifest, predictions, run."""
