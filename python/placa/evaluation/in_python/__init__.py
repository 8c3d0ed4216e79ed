"""A small evaluation in Python, for machines without R: the formulas of the R package, without bootstrap."""
