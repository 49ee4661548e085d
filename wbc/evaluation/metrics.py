"""What is reported of a classifier's predictions on the test part, and the curves behind it."""

import numpy as np
import pandas as pd
from sklearn import metrics as sk

DIGITS = 4  # of every reported number: what differs beyond is rounding of another CPU, not a result


def compute_metrics(labels, probabilities, classes, weights=None):
    """Return the metrics of one test as nested dicts of numbers rounded to `DIGITS`.

    The prediction is the class of highest probability. A metric that is undefined is left out rather than called 0:
    recall, F1 and AUC of a class without test images, precision of a class that was never predicted. Macro averages
    are over the classes for which the metric is defined.

    Args:
        labels: class number of each image, at least one image.
        probabilities: float array (images, classes).
        classes: class names in the order of the columns.
        weights: of each image, see `cell_weights`; None for all the same.

    Returns:
        {"accuracy", "balanced_accuracy",
         "macro": {"precision", "recall", "f1", "auc"}, "weighted": {"precision", "recall", "f1"},
         "per_class": {name: {"precision", "recall", "specificity", "f1", "auc", "support"}}}; AUC is one-vs-rest,
        support is the weight of the class's images, rounded to a whole number.
    """
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    summary = weighted_metrics(labels, probabilities, classes, weights)
    for metrics in summary["per_class"].values():
        metrics["support"] = round(float(metrics["support"]))
    return rounded(summary)


def cell_weights(groups):
    """Return a weight for each image so that every group weighs 1, shared among its images.

    With these, ten copies of a cell count as that one cell, and support is a number of cells.
    """
    _, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return 1 / sizes[inverse]


def weighted_metrics(labels, probabilities, classes, weights):
    """Return the metrics of `compute_metrics`, unrounded and NaN where undefined, for many weightings at once.

    Resampling images is weighting them, so this is what makes a thousand resamples a matter of a second: sums of
    weights by one matrix product, and one sorting of the scores for all AUCs.

    Args:
        labels, probabilities, classes: as for `compute_metrics`.
        weights: float array (..., images).

    Returns:
        as `compute_metrics`, with an array (...) in place of each number.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    count = len(classes)
    pairs = np.eye(count**2)[labels * count + probabilities.argmax(axis=1)]
    confusion = (weights @ pairs).reshape(*weights.shape[:-1], count, count)  # [..., true class, predicted class]
    right = confusion.diagonal(axis1=-2, axis2=-1)
    support, called = confusion.sum(axis=-1), confusion.sum(axis=-2)
    total = support.sum(axis=-1)

    values = {
        "precision": _ratio(right, called),
        "recall": _ratio(right, support),
        "specificity": 1 - _ratio(called - right, total[..., None] - support),
        "f1": np.where(support > 0, _ratio(2 * right, support + called), np.nan),
        "auc": np.stack([auc(labels == n, probabilities[:, n], weights) for n in range(count)], axis=-1),
        "support": support,
    }
    shares = support / total[..., None]
    return {
        "accuracy": right.sum(axis=-1) / total,
        "balanced_accuracy": _mean(values["recall"]),
        "macro": {name: _mean(values[name]) for name in ("precision", "recall", "f1", "auc")},
        # A class with test images that was never predicted has no precision; it weighs 0, as scikit-learn has it.
        "weighted": {
            name: (np.nan_to_num(values[name]) * shares).sum(axis=-1) for name in ("precision", "recall", "f1")
        },
        "per_class": {
            class_name: {name: value[..., number] for name, value in values.items()}
            for number, class_name in enumerate(classes)
        },
    }


def auc(is_class, scores, weights):
    """Return the area under the ROC curve for many weightings at once, NaN where one side has no weight.

    The area is the chance that an image of the class has a higher score than one of the others, ties counting half
    (Hanley and McNeil, The meaning and use of the area under a receiver operating characteristic curve, Radiology 143,
    1982, pp. 29-36). The scores are sorted once; each weighting then takes two running sums.

    Args:
        is_class: bool array (images,).
        scores: float array (images,).
        weights: float array (..., images).
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))  # of each run of equal scores
    weights, is_class = weights[..., order], is_class[order]
    inside = np.add.reduceat(weights * is_class, starts, axis=-1)
    others = np.add.reduceat(weights * ~is_class, starts, axis=-1)
    below = np.cumsum(others, axis=-1) - others / 2
    return _ratio((inside * below).sum(axis=-1), inside.sum(axis=-1) * others.sum(axis=-1))


def score(labels, predicted, weights=None):
    """Return accuracy and balanced accuracy, the mean recall of the classes that have images, of class numbers.

    Args:
        labels, predicted: int arrays (images,).
        weights: float array (images,), see `cell_weights`; None for all the same.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    right = labels == predicted
    recalls = [np.average(right[members], weights=weights[members]) for members in _by_class(labels)]
    return {"accuracy": np.average(right, weights=weights), "balanced_accuracy": np.mean(recalls)}


def rounded(content):
    """Return nested dicts with every number rounded to `DIGITS` and every NaN left out."""
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items() if not _undefined(value)}
    return content if isinstance(content, int) else round(float(content), DIGITS)


def roc_curves(labels, probabilities, classes):
    """Return one-vs-rest ROC curves as a table with columns class, fpr, tpr; corners of each curve only."""
    tables = []
    for number, name, is_class in _one_vs_rest(labels, classes):
        fpr, tpr, _ = sk.roc_curve(is_class, probabilities[:, number])
        tables.append(pd.DataFrame({"class": name, "fpr": fpr, "tpr": tpr}))
    return _joined(tables, ["class", "fpr", "tpr"])


def pr_curves(labels, probabilities, classes):
    """Return one-vs-rest precision-recall curves as a table with columns class, recall, precision."""
    tables = []
    for number, name, is_class in _one_vs_rest(labels, classes):
        precision, recall, _ = sk.precision_recall_curve(is_class, probabilities[:, number], drop_intermediate=True)
        tables.append(pd.DataFrame({"class": name, "recall": recall, "precision": precision}))
    return _joined(tables, ["class", "recall", "precision"])


def _one_vs_rest(labels, classes):
    """Yield (number, name, is_class) of each class that has test images and is not alone."""
    labels = np.asarray(labels)
    for number, name in enumerate(classes):
        is_class = labels == number
        if is_class.any() and not is_class.all():
            yield number, name, is_class


def _joined(tables, columns):
    return pd.concat(tables, ignore_index=True).round(DIGITS) if tables else pd.DataFrame(columns=columns)


def _by_class(labels):
    return [labels == number for number in np.unique(labels)]


def _ratio(part, whole):
    """Return part / whole, NaN where the whole is nothing."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def _mean(values):
    """Return the mean over the classes, the last axis, for which a metric is defined."""
    return _ratio(np.nansum(values, axis=-1), (~np.isnan(values)).sum(axis=-1))


def _undefined(value):
    return not isinstance(value, dict) and np.isnan(value)
