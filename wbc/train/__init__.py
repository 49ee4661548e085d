"""Heads and baselines, fitted on the features in exact arithmetic."""
