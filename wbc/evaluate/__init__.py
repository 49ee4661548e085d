"""Metrics, confidence intervals, label errors, and the comparison with the known cells."""
