"""Shared code that imports no stage: errors, files, progress, executors."""
