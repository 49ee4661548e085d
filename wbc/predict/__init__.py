"""Predictions of a packaged classifier for new images."""
