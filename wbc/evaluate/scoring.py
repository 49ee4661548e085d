"""All metrics of a set of predictions: each image or each group counting once, with intervals and baselines."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wbc.evaluate.intervals import bootstrap, combined, degenerate, wilson
from wbc.evaluate.metrics import AVERAGED, cell_weights, compute_metrics, groups_behind, score, weighted_metrics
from wbc.evaluate.params import IntervalParams

COMMON = 5  # cells; one cell of a rarer class moves the balanced accuracy of five classes by more than 0.04


def describe(
    y_true: np.ndarray,
    y_prob: np.ndarray,
    groups: np.ndarray,
    classes: Sequence[str],
    baseline_predictions: Mapping[str, np.ndarray],
    params: IntervalParams,
) -> dict[str, Any]:
    """Return all that is reported of a set of predictions.

    "cells" holds the metrics with every group weighing 1, shared among its images that are scored, so that copies of
    a cell don't count as cells. Its support is the number of groups with an image of the class.

    Args:
        y_true: class number of each scored image, at least one image.
        y_prob: float array (images, classes).
        groups: group number of each image.
        classes: class names in the order of the columns.
        baseline_predictions: {baseline: class number that it predicts for each image}.
        params: an `IntervalParams`.

    Returns:
        `metrics.compute_metrics`'s dict, with
        "cells": {"accuracy", "balanced_accuracy", "macro", "per_class": {name: {AVERAGED, "support"}}}, and, where some
            classes have fewer than `COMMON` groups, "balanced_accuracy_common" of the others and "common_from",
        "intervals": {"confidence_level", "n_resamples", "accuracy": {"low", "high"}, "balanced_accuracy", "macro",
            "per_class", "cells": {"accuracy", "balanced_accuracy", "macro", "per_class": {name: {"recall"}}}}, see
            `intervals_of`,
        "baseline": {name: {"accuracy", "balanced_accuracy", "cells": {the same two}}}.
    """
    sample_weight = cell_weights(groups)
    cells = compute_metrics(y_true, y_prob, classes, sample_weight)
    support = source_counts(y_true, groups, range(len(classes)))
    per_class = {
        name: {metric: value for metric, value in values.items() if metric in AVERAGED} | {"support": support[number]}
        for number, (name, values) in enumerate(cells["per_class"].items())
    }
    by_image = intervals_of(y_true, y_prob, groups, classes, np.ones(len(y_true)), params)
    by_cell = intervals_of(y_true, y_prob, groups, classes, sample_weight, params)
    by_cell["per_class"] = {
        name: {metric: interval for metric, interval in values.items() if metric == "recall"}
        for name, values in by_cell["per_class"].items()
    }
    return {
        **compute_metrics(y_true, y_prob, classes),
        "cells": {key: cells[key] for key in ("accuracy", "balanced_accuracy", "macro")}
        | _of_common_classes(per_class)
        | {"per_class": per_class},
        "intervals": {
            "confidence_level": params.confidence_level,
            "n_resamples": params.n_resamples,
            **by_image,
            "cells": by_cell,
        },
        "baseline": {
            name: score(y_true, guess) | {"cells": score(y_true, guess, sample_weight)}
            for name, guess in baseline_predictions.items()
        },
    }


def _of_common_classes(per_class: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the balanced accuracy without the classes of few groups, where there are such classes and two others."""
    scored = [values for values in per_class.values() if values["support"]]
    recalls = [values["recall"] for values in scored if values["support"] >= COMMON]
    if not 2 <= len(recalls) < len(scored):
        return {}
    return {"balanced_accuracy_common": float(np.mean(recalls)), "common_from": COMMON}


def source_counts(y_true: npt.ArrayLike, groups: npt.ArrayLike, classes: Iterable[Any]) -> dict[Any, int]:
    """Return {class: number of groups with an image of it}."""
    y_true, groups = np.asarray(y_true), np.asarray(groups)
    return {name: len(np.unique(groups[y_true == name])) for name in classes}


def intervals_of(
    y_true: np.ndarray,
    y_prob: np.ndarray,
    groups: np.ndarray,
    classes: Sequence[str],
    sample_weight: np.ndarray,
    params: IntervalParams,
) -> dict[str, Any]:
    """Return the confidence interval of each metric as {"low", "high"}; of an undefined metric, none.

    They come from `intervals.bootstrap` over groups. Where no resample of a class's metric differs, as with 3 of 3
    cells right, the Wilson interval for that many cells takes its place, marked by "wilson": 1, and so that the
    averages over the classes don't take that class for certain, they are then combined from the classes' intervals
    (`intervals.combined`), marked likewise. That supposes independent classes. Recalls are, so it holds for balanced
    accuracy, and for accuracy with the classes' shares taken as they are; for averages of precision, F1 and AUC it is
    an approximation.

    Args:
        sample_weight: float array (images,): 1 each, or `metrics.cell_weights`.
        y_true, y_prob, groups, classes, params: as for `describe`.

    Returns:
        {"accuracy", "balanced_accuracy", "macro": {AVERAGED}, "per_class": {name: {AVERAGED}}}
    """
    measured = weighted_metrics(y_true, y_prob, classes, sample_weight)
    resampled = bootstrap(
        groups,
        y_true,
        lambda counts: _with_intervals(weighted_metrics(y_true, y_prob, classes, counts * sample_weight)),
        params,
    )
    behind = _groups_behind(y_true, y_prob.argmax(axis=1), groups, classes)
    per_class = {
        name: _class_intervals(measured["per_class"][name], resampled["per_class"][name], behind[name], params)
        for name in classes
    }
    alike = dict.fromkeys(classes, 1.0)
    supports = {name: measured["per_class"][name]["support"] for name in classes}

    def average(metric: str, span: tuple[float, float], shares: dict[str, float]) -> dict[str, float]:
        return _average_interval(metric, span, shares, measured["per_class"], per_class)

    return {
        "accuracy": average("recall", resampled["accuracy"], supports),
        "balanced_accuracy": average("recall", resampled["balanced_accuracy"], alike),
        "macro": {metric: average(metric, resampled["macro"][metric], alike) for metric in AVERAGED},
        "per_class": per_class,
    }


def _class_intervals(
    measured: dict[str, Any], resampled: dict[str, tuple[float, float]], cells: dict[str, int], params: IntervalParams
) -> dict[str, dict[str, float]]:
    """Return the interval of each defined metric of one class."""
    intervals = {}
    for metric in AVERAGED:
        estimate, span = float(measured[metric]), resampled[metric]
        if degenerate(span):
            intervals[metric] = _entry(wilson(estimate, cells[metric], params.confidence_level), wilson=True)
        elif not np.isnan(estimate):
            intervals[metric] = _entry(span)
    return intervals


def _average_interval(
    metric: str,
    span: tuple[float, float],
    shares: dict[str, float],
    measured: dict[str, Any],
    per_class: dict[str, dict[str, dict[str, float]]],
) -> dict[str, float]:
    """Return the interval of the mean of a metric over the classes.

    Args:
        metric: one of `AVERAGED`.
        span: the bootstrap's interval of the mean, which holds where no class has Wilson's.
        shares: {class: its share in the mean}.
        measured, per_class: {class: {metric: estimate}} and {class: {metric: interval}}.
    """
    entries = {name: intervals[metric] for name, intervals in per_class.items() if metric in intervals}
    if not any("wilson" in entry for entry in entries.values()):
        return _entry(span)
    weights = np.array([shares[name] for name in entries], float)
    estimates = np.array([measured[name][metric] for name in entries])
    spans = [(entry["low"], entry["high"]) for entry in entries.values()]
    return _entry(combined(estimates, spans, weights / weights.sum()), wilson=True)


def _with_intervals(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return those of `measure`'s metrics that get an interval."""
    per_class = {name: {metric: values[metric] for metric in AVERAGED} for name, values in metrics["per_class"].items()}
    return {key: metrics[key] for key in ("accuracy", "balanced_accuracy", "macro")} | {"per_class": per_class}


def _groups_behind(
    y_true: np.ndarray, y_pred: np.ndarray, groups: np.ndarray, classes: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return the number of independent groups that each class's metrics rest on: {name: {metric: count}}."""
    of_class, called = (source_counts(numbers, groups, range(len(classes))) for numbers in (y_true, y_pred))
    return {
        name: groups_behind(of_class[number], called[number], len(np.unique(groups[y_true != number])))
        for number, name in enumerate(classes)
    }


def _entry(span: tuple[float, float], wilson: bool = False) -> dict[str, float]:
    return {"low": span[0], "high": span[1]} | ({"wilson": 1} if wilson else {})
