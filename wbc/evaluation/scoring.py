"""What is said of predictions that are in: metrics an image and a cell, their intervals, and the baselines beside them.

Shared by the stages that score a test part and that cross-validate, so that their numbers mean the same.
"""

import numpy as np
import pandas as pd

from wbc.core.files import write_csv, write_json
from wbc.evaluation.intervals import bootstrap, combined, degenerate, wilson
from wbc.evaluation.metrics import (
    DIGITS,
    cell_weights,
    compute_metrics,
    pr_curves,
    roc_curves,
    rounded,
    score,
    weighted_metrics,
)

METRICS = ("precision", "recall", "f1", "auc")


def describe(labels, probabilities, groups, classes, baseline_predictions, params):
    """Return all that is reported of a set of predictions.

    "cells" holds the metrics with every group weighing 1, shared among its images that are scored, so that copies of
    a cell don't count as cells. Its support is the number of groups with an image of the class.

    Args:
        labels: class number of each scored image, at least one image.
        probabilities: float array (images, classes).
        groups: group number of each image.
        classes: class names in the order of the columns.
        baseline_predictions: {baseline: class number that it predicts for each image}.
        params: an `IntervalParams`.

    Returns:
        `metrics.compute_metrics`'s dict, with
        "cells": {"accuracy", "balanced_accuracy", "macro", "per_class": {name: {METRICS, "support"}}},
        "intervals": {"confidence_level", "n_resamples", "accuracy": {"low", "high"}, "balanced_accuracy", "macro", "per_class",
            "cells": {"accuracy", "balanced_accuracy", "macro", "per_class": {name: {"recall"}}}}, see `intervals_of`,
        "baseline": {name: {"accuracy", "balanced_accuracy", "cells": {the same two}}}.
    """
    weights = cell_weights(groups)
    cells = compute_metrics(labels, probabilities, classes, weights)
    support = source_counts(labels, groups, range(len(classes)))
    per_class = {
        name: {metric: value for metric, value in values.items() if metric in METRICS} | {"support": support[number]}
        for number, (name, values) in enumerate(cells["per_class"].items())
    }
    by_image = intervals_of(labels, probabilities, groups, classes, np.ones(len(labels)), params)
    by_cell = intervals_of(labels, probabilities, groups, classes, weights, params)
    by_cell["per_class"] = {
        name: {metric: interval for metric, interval in values.items() if metric == "recall"}
        for name, values in by_cell["per_class"].items()
    }
    return {
        **compute_metrics(labels, probabilities, classes),
        "cells": {key: cells[key] for key in ("accuracy", "balanced_accuracy", "macro")} | {"per_class": per_class},
        "intervals": {
            "confidence_level": params.confidence_level,
            "n_resamples": params.n_resamples,
            **by_image,
            "cells": by_cell,
        },
        "baseline": {
            name: score(labels, guess) | {"cells": score(labels, guess, weights)}
            for name, guess in baseline_predictions.items()
        },
    }


def source_counts(labels, groups, classes):
    """Return {class: number of groups with an image of it}."""
    labels, groups = np.asarray(labels), np.asarray(groups)
    return {name: len(np.unique(groups[labels == name])) for name in classes}


def intervals_of(labels, probabilities, groups, classes, weights, params):
    """Return the confidence interval of each metric as {"low", "high"}; of an undefined metric, none.

    They come from `intervals.bootstrap` over groups. Where no resample of a class's metric differs, as with 3 of 3
    cells right, the Wilson interval for that many cells takes its place, marked by "wilson": 1, and so that the
    averages over the classes don't take that class for certain, they are then combined from the classes' intervals
    (`intervals.combined`), marked likewise. That supposes independent classes. Recalls are, so it holds for balanced
    accuracy, and for accuracy with the classes' shares taken as they are; for averages of precision, F1 and AUC it is
    an approximation.

    Args:
        weights: float array (images,): 1 each, or `metrics.cell_weights`.
        labels, probabilities, groups, classes, params: as for `describe`.

    Returns:
        {"accuracy", "balanced_accuracy", "macro": {METRICS}, "per_class": {name: {METRICS}}}
    """
    found = weighted_metrics(labels, probabilities, classes, weights)
    resampled = bootstrap(
        groups,
        labels,
        lambda drawn: _with_intervals(weighted_metrics(labels, probabilities, classes, drawn * weights)),
        params,
    )
    cells = _cells_behind(labels, probabilities.argmax(axis=1), groups, classes)
    per_class = {name: {} for name in classes}
    for name in classes:
        for metric in METRICS:
            estimate, span = float(found["per_class"][name][metric]), resampled["per_class"][name][metric]
            if degenerate(span):
                per_class[name][metric] = _entry(
                    wilson(estimate, cells[name][metric], params.confidence_level), wilson=True
                )
            elif not np.isnan(estimate):
                per_class[name][metric] = _entry(span)

    def average(metric, span, shares):
        """The interval of the mean of a metric over the classes; `shares` is {class: its share in the mean}."""
        entries = {name: entries[metric] for name, entries in per_class.items() if metric in entries}
        if not any("wilson" in entry for entry in entries.values()):
            return _entry(span)
        weights = np.array([shares[name] for name in entries], float)
        estimates = np.array([found["per_class"][name][metric] for name in entries])
        spans = [(entry["low"], entry["high"]) for entry in entries.values()]
        return _entry(combined(estimates, spans, weights / weights.sum()), wilson=True)

    alike = dict.fromkeys(classes, 1)
    supports = {name: found["per_class"][name]["support"] for name in classes}
    return {
        "accuracy": average("recall", resampled["accuracy"], supports),
        "balanced_accuracy": average("recall", resampled["balanced_accuracy"], alike),
        "macro": {metric: average(metric, resampled["macro"][metric], alike) for metric in METRICS},
        "per_class": per_class,
    }


def _with_intervals(metrics):
    """Return those of `measure`'s metrics that get an interval."""
    per_class = {name: {metric: values[metric] for metric in METRICS} for name, values in metrics["per_class"].items()}
    return {key: metrics[key] for key in ("accuracy", "balanced_accuracy", "macro")} | {"per_class": per_class}


def _cells_behind(labels, predicted, groups, classes):
    """Return the number of independent cells that each class's metrics rest on: {name: {metric: count}}.

    Recall and F1 rest on the cells of the class, precision on those called it. An AUC is a share of pairs of a cell of
    the class and one of another; as many of these have no cell in common as the scarcer side has cells.
    """
    of_class, called = (source_counts(numbers, groups, range(len(classes))) for numbers in (labels, predicted))
    behind = {}
    for number, name in enumerate(classes):
        others = len(np.unique(groups[labels != number]))
        behind[name] = {
            "precision": called[number],
            "recall": of_class[number],
            "f1": of_class[number],
            "auc": min(of_class[number], others),
        }
    return behind


def _entry(span, wilson=False):
    return {"low": span[0], "high": span[1]} | ({"wilson": 1} if wilson else {})


def save(folder, metrics, images, labels, probabilities, classes):
    """Write metrics.json, predictions.csv, roc.csv and pr.csv into `folder`.

    Args:
        folder: pathlib.Path.
        metrics: nested dicts of numbers; rounded here, and undefined ones left out.
        images: DataFrame, a row a scored image, of the columns that predictions.csv starts with; predicted and
            p_<class> for each class follow.
        labels, probabilities, classes: as for `describe`.
    """
    columns = pd.DataFrame(probabilities.round(DIGITS), columns=[f"p_{name}" for name in classes])
    predicted = np.array(classes)[probabilities.argmax(axis=1)]
    write_json(folder / "metrics.json", rounded(metrics))
    write_csv(
        folder / "predictions.csv",
        pd.concat([images.reset_index(drop=True).assign(predicted=predicted), columns], axis=1),
    )
    write_csv(folder / "roc.csv", roc_curves(labels, probabilities, classes))
    write_csv(folder / "pr.csv", pr_curves(labels, probabilities, classes))
