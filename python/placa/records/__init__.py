"""Typed records that stages exchange: manifest, predictions, run."""
