"""Metrics of predictions: accuracy, balanced accuracy, and precision, recall, F1 and AUC of each class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# The metrics of a class, one-vs-rest, each 0-1 and the higher the better.
PER_CLASS = ("precision", "recall", "specificity", "f1", "auc")
AVERAGED = ("precision", "recall", "f1", "auc")  # averaged over the classes, with confidence intervals
WEIGHTED = ("precision", "recall", "f1")  # also averaged by the size of the classes, as in scikit-learn
OF_THE_CLASS = ("recall", "f1", "auc")  # not estimable from few groups of the class

DIGITS = 4  # of every reported number; further digits of a sum differ between CPUs


def compute_metrics(
    y_true: npt.NDArray[np.integer],
    y_prob: npt.NDArray[np.floating],
    classes: Sequence[str],
    sample_weight: npt.NDArray[np.floating] | None = None,
) -> dict[str, Any]:
    """Return the metrics of some predictions as nested dicts of numbers rounded to `DIGITS`.

    The prediction is the class of highest probability. An undefined metric is left out, not set to 0: recall, F1 and
    AUC of a class without images, precision of a class that was never predicted. Macro averages are over the classes
    for which the metric is defined.

    Args:
        y_true: class number of each image, at least one image.
        y_prob: float array (images, classes).
        classes: class names in the order of the columns.
        sample_weight: of each image, see `cell_weights`; None for equal weights.

    Returns:
        {"accuracy", "balanced_accuracy",
         "macro": {AVERAGED}, "weighted": {WEIGHTED}, "per_class": {name: {PER_CLASS, "support"}}}; support is the
        weight of the class's images, rounded to a whole number.
    """
    weight = np.ones(len(y_true)) if sample_weight is None else sample_weight
    count = len(classes)
    pairs = np.bincount(y_true * count + y_prob.argmax(axis=1), weight, count**2)
    confusion = pairs.reshape(count, count)  # [true class, predicted class]
    correct, support, called = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    total = support.sum()
    values = {
        "precision": ratio(correct, called),
        "recall": ratio(correct, support),
        "specificity": 1 - ratio(called - correct, total - support),
        "f1": np.where(support > 0, ratio(2 * correct, support + called), np.nan),
        "auc": np.array([auc(y_true == number, y_prob[:, number], weight) for number in range(count)]),
    }
    summary = {
        "accuracy": correct.sum() / total,
        "balanced_accuracy": _mean(values["recall"]),
        "macro": {name: _mean(values[name]) for name in AVERAGED},
        # A class with images that was never predicted has no precision; it weighs 0, as in scikit-learn.
        "weighted": {name: (np.nan_to_num(values[name]) * support).sum() / total for name in WEIGHTED},
        "per_class": {
            label: {name: value[number] for name, value in values.items()} | {"support": round(float(support[number]))}
            for number, label in enumerate(classes)
        },
    }
    return rounded(summary)


def cell_weights(groups: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return a weight for each image so that every group weighs 1, shared among its images.

    With these, ten near-duplicates of a cell count as that one cell.
    """
    _, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return 1 / sizes[inverse]


def auc(is_class: npt.NDArray[np.bool_], scores: np.ndarray, sample_weight: np.ndarray) -> float:
    """Return the area under the ROC curve, NaN where one side has no weight.

    The area is the probability that an image of the class has a higher score than another image. Ties count half. See
    Hanley and McNeil, The meaning and use of the area under a receiver operating characteristic curve, Radiology 143,
    1982, pp. 29-36.

    Args:
        is_class: bool array (images,).
        scores, sample_weight: float arrays (images,).
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))  # of each run of equal scores
    sample_weight, is_class = sample_weight[order], is_class[order]
    inside, others = (np.add.reduceat(sample_weight * side, starts) for side in (is_class, ~is_class))
    below = np.cumsum(others) - others / 2
    return float(ratio((inside * below).sum(), inside.sum() * others.sum()))


def groups_behind(own: int, called: int, others: int) -> dict[str, int]:
    """Return the number of independent groups behind each metric of a class.

    An AUC compares images of the class with images of other classes. The number of independent pairs is the smaller
    number of groups.

    Args:
        own, called, others: numbers of groups of the class, predicted as the class, and of all other classes.
    """
    return {"precision": called, "recall": own, "f1": own, "auc": min(own, others)}


def score(
    y_true: npt.NDArray[np.integer],
    y_pred: npt.NDArray[np.integer],
    sample_weight: npt.NDArray[np.floating] | None = None,
) -> dict[str, float]:
    """Return accuracy and balanced accuracy, which is the mean recall of the classes that have images.

    Args:
        y_true, y_pred: class numbers, int arrays (images,).
        sample_weight: float array (images,), see `cell_weights`; None for equal weights.
    """
    weight = np.ones(len(y_true)) if sample_weight is None else sample_weight
    correct = y_true == y_pred
    members = [y_true == number for number in np.unique(y_true)]
    recalls = [np.average(correct[rows], weights=weight[rows]) for rows in members]
    return {"accuracy": np.average(correct, weights=weight), "balanced_accuracy": np.mean(recalls)}


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> np.ndarray:
    """Return part / whole, NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def rounded(content: Any) -> Any:
    """Return nested dicts with every number rounded to `DIGITS` and every NaN left out; None stays."""
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items() if not _undefined(value)}
    if content is None:
        return None
    # Twice, so that a number on the border, such as 1 / 32, is rounded alike for either last bit.
    return content if isinstance(content, int) else round(round(float(content), 2 * DIGITS + 1), DIGITS)


def _mean(values: np.ndarray) -> float:
    """Return the mean over the classes for which a metric is defined."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


def _undefined(value: Any) -> bool:
    return not isinstance(value, dict) and value is not None and np.isnan(value)
