"""Metrics of predictions: accuracy, balanced accuracy, and precision, recall, F1 and AUC of each class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# The metrics of a class, one-vs-rest, each 0-1 and the higher the better.
PER_CLASS = ("precision", "recall", "specificity", "f1", "auc")
AVERAGED = ("precision", "recall", "f1", "auc")  # averaged over the classes, with confidence intervals
WEIGHTED = ("precision", "recall", "f1")  # averaged by the classes' shares too, as scikit-learn does
OF_THE_CLASS = ("recall", "f1", "auc")  # not estimable from few groups of the class

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
    shares = support / total[..., None]
    areas = [auc(y_true == number, y_prob[:, number], sample_weight) for number in range(count)]
    values = {
        "precision": ratio(correct, called),
        "recall": ratio(correct, support),
        "specificity": 1 - ratio(called - correct, total[..., None] - support),
        "f1": np.where(support > 0, ratio(2 * correct, support + called), np.nan),
        "auc": np.stack(areas, axis=-1),
        "support": support,
    }
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


def auc(is_class: npt.NDArray[np.bool_], scores: np.ndarray, sample_weight: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve for many weightings at once, NaN where one side has no weight.

    The area is the chance that an image of the class has a higher score than one of the others, ties counting half
    (Hanley and McNeil, The meaning and use of the area under a receiver operating characteristic curve, Radiology 143,
    1982, pp. 29-36). The scores are sorted once; each weighting then takes two running sums.

    Args:
        is_class: bool array (images,).
        scores: float array (images,).
        sample_weight: float array (..., images).
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))  # of each run of equal scores
    sample_weight, is_class = sample_weight[..., order], is_class[order]
    inside = np.add.reduceat(sample_weight * is_class, starts, axis=-1)
    others = np.add.reduceat(sample_weight * ~is_class, starts, axis=-1)
    below = np.cumsum(others, axis=-1) - others / 2
    return ratio((inside * below).sum(axis=-1), inside.sum(axis=-1) * others.sum(axis=-1))


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> np.ndarray:
    """Return part / whole, NaN where the whole is nothing."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def groups_behind(own: int, called: int, others: int) -> dict[str, int]:
    """Return how many independent groups each metric of a class rests on.

    An AUC is a share of pairs of an image of the class and one of another. As many of these have no group in common as
    the scarcer side has groups.

    Args:
        own, called, others: numbers of groups of the class, called the class, and of all other classes.
    """
    return {"precision": called, "recall": own, "f1": own, "auc": min(own, others)}


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
