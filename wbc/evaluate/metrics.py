"""What is reported of a classifier's predictions on the test part."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wbc.evaluate.class_metrics import AVERAGED, PER_CLASS, WEIGHTED, Scored, ratio

DIGITS = 4  # of every reported number: beyond them, CPUs differ in how sums are rounded


def compute_metrics(
    y_true: np.ndarray, y_prob: np.ndarray, classes: Sequence[str], sample_weight: npt.ArrayLike | None = None
) -> dict[str, Any]:
    """Return the metrics of one test as nested dicts of numbers rounded to `DIGITS`.

    The prediction is the class of highest probability. A metric that is undefined is left out rather than called 0:
    recall, F1 and AUC of a class without test images, precision of a class that was never predicted. Macro averages
    are over the classes for which the metric is defined.

    Args:
        y_true: class number of each image, at least one image.
        y_prob: float array (images, classes).
        classes: class names in the order of the columns.
        sample_weight: of each image, see `cell_weights`; None for all the same.

    Returns:
        {"accuracy", "balanced_accuracy",
         "macro": {AVERAGED}, "weighted": {WEIGHTED}, "per_class": {name: {PER_CLASS, "support"}}}; support is the
        weight of the class's images, rounded to a whole number.
    """
    sample_weight = np.ones(len(y_true)) if sample_weight is None else np.asarray(sample_weight, float)
    summary = weighted_metrics(y_true, y_prob, classes, sample_weight)
    for metrics in summary["per_class"].values():
        metrics["support"] = round(float(metrics["support"]))
    return rounded(summary)


def cell_weights(groups: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return a weight for each image so that every group weighs 1, shared among its images.

    With these, ten copies of a cell count as that one cell, and support is a number of cells.
    """
    _, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return 1 / sizes[inverse]


def weighted_metrics(
    y_true: npt.ArrayLike, y_prob: npt.ArrayLike, classes: Sequence[str], sample_weight: npt.NDArray[np.floating]
) -> dict[str, Any]:
    """Return the metrics of `compute_metrics`, unrounded and NaN where undefined, for many weightings at once.

    Resampling images is weighting them, so this is what makes a thousand resamples a matter of a second: sums of
    weights by one matrix product, and one sorting of the scores for all AUCs.

    Args:
        y_true, y_prob, classes: as for `compute_metrics`.
        sample_weight: float array (..., images).

    Returns:
        as `compute_metrics`, with an array (...) in place of each number.
    """
    y_true, y_prob = np.asarray(y_true), np.asarray(y_prob)
    count = len(classes)
    pairs = np.eye(count**2)[y_true * count + y_prob.argmax(axis=1)]
    confusion = (sample_weight @ pairs).reshape(
        *sample_weight.shape[:-1], count, count
    )  # [..., true class, predicted class]
    correct = confusion.diagonal(axis1=-2, axis2=-1)
    support, called = confusion.sum(axis=-1), confusion.sum(axis=-2)
    total = support.sum(axis=-1)
    scored = Scored(correct, support, called, total[..., None] - support, y_true, y_prob, sample_weight)
    values = {name: metric.of(scored) for name, metric in PER_CLASS.items()} | {"support": support}
    shares = support / total[..., None]
    return {
        "accuracy": correct.sum(axis=-1) / total,
        "balanced_accuracy": _mean(values["recall"]),
        "macro": {name: _mean(values[name]) for name in AVERAGED},
        # A class with test images that was never predicted has no precision; it weighs 0, as scikit-learn has it.
        "weighted": {name: (np.nan_to_num(values[name]) * shares).sum(axis=-1) for name in WEIGHTED},
        "per_class": {
            class_name: {name: value[..., number] for name, value in values.items()}
            for number, class_name in enumerate(classes)
        },
    }


def score(y_true: np.ndarray, y_pred: np.ndarray, sample_weight: np.ndarray | None = None) -> dict[str, float]:
    """Return accuracy and balanced accuracy, the mean recall of the classes that have images, of class numbers.

    Args:
        y_true, y_pred: int arrays (images,).
        sample_weight: float array (images,), see `cell_weights`; None for all the same.
    """
    sample_weight = np.ones(len(y_true)) if sample_weight is None else sample_weight
    correct = y_true == y_pred
    recalls = [np.average(correct[members], weights=sample_weight[members]) for members in _by_class(y_true)]
    return {"accuracy": np.average(correct, weights=sample_weight), "balanced_accuracy": np.mean(recalls)}


def rounded(content: Any) -> Any:
    """Return nested dicts with every number rounded to `DIGITS` and every NaN left out; None stays."""
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items() if not _undefined(value)}
    if content is None:
        return None
    # Twice, so that a number on the border, such as 1 / 32, goes the same way whatever its last bit.
    return content if isinstance(content, int) else round(round(float(content), 2 * DIGITS + 1), DIGITS)


def _by_class(y_true: np.ndarray) -> list[np.ndarray]:
    return [y_true == number for number in np.unique(y_true)]


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the classes, the last axis, for which a metric is defined."""
    return ratio(np.nansum(values, axis=-1), (~np.isnan(values)).sum(axis=-1))


def _undefined(value: Any) -> bool:
    return not isinstance(value, dict) and value is not None and np.isnan(value)
