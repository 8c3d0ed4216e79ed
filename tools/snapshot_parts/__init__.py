"""The parts of `tools/snapshot`: inputs, steps, and how results are turned into entries."""
