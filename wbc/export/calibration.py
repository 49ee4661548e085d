"""Calibration of probabilities by a temperature, and measures of calibration.

The main pipeline computes all of them from out-of-fold probabilities, with the same weight for every group.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from wbc.train import exact
from wbc.train.tempered import SMALLEST, tempered

TEMPERATURES = np.round(np.geomspace(0.25, 8.0, 241), 4)  # candidates, each 1.5 % above the one before
BINS = 10  # of the reliability diagram, of equal width


def fit_temperature(y_true: npt.NDArray[np.integer], y_prob: exact.Floats, sample_weight: exact.Floats) -> float:
    """Return the temperature at which out-of-fold probabilities have the lowest log loss.

    Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017, arXiv:1706.04599. A
    temperature changes the confidence of predictions, not the predicted classes.

    Args:
        y_true: class number of each image.
        y_prob: float array (images, classes), out of fold.
        sample_weight: float array (images,).
    """
    losses = [log_loss(y_true, tempered(y_prob, temperature), sample_weight) for temperature in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(np.round(losses, 9)))])


def log_loss(y_true: npt.NDArray[np.integer], y_prob: exact.Floats, sample_weight: exact.Floats) -> float:
    """Return the weighted mean of -log of the probability of the true class."""
    logarithms = exact.log(np.maximum(y_prob[np.arange(len(y_true)), y_true], SMALLEST))
    return -float(exact.total(logarithms * sample_weight)) / float(exact.total(sample_weight))


def reliability(
    y_true: npt.NDArray[np.integer], y_prob: exact.Floats, sample_weight: exact.Floats
) -> list[dict[str, Any]]:
    """Return the bins of a reliability diagram: confidence and accuracy of the predictions.

    Returns:
        for each bin with images {"low", "high": its borders, "images", "weight": share of all, "confidence": mean
        probability of the predicted class, "accuracy"}.
    """
    confidence, is_right = y_prob.max(axis=1), y_prob.argmax(axis=1) == y_true
    number = np.minimum((np.round(confidence, 9) * BINS).astype(int), BINS - 1)
    bins = []
    for place in range(BINS):
        members = number == place
        weight = float(exact.total(sample_weight[members]))
        if weight:
            bins.append(
                {
                    "low": place / BINS,
                    "high": (place + 1) / BINS,
                    "images": int(members.sum()),
                    "weight": weight / float(exact.total(sample_weight)),
                    "confidence": float(exact.total((confidence * sample_weight)[members])) / weight,
                    "accuracy": float(exact.total((is_right * sample_weight)[members])) / weight,
                }
            )
    return bins


def expected_calibration_error(bins: list[dict[str, Any]]) -> float:
    """Return the weighted mean difference between confidence and accuracy over the bins of `reliability`.

    Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.
    """
    return sum(entry["weight"] * abs(entry["confidence"] - entry["accuracy"]) for entry in bins)
