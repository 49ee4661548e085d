"""Heads, trained on the features in exact arithmetic, and baselines."""
