"""The bridge to R, where predictions are evaluated."""
