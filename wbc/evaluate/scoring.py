"""All metrics of a set of predictions: each image or each group counting once, with intervals and baselines."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wbc.evaluate.intervals import intervals_of
from wbc.evaluate.metrics import AVERAGED, cell_weights, compute_metrics, groups_behind, score
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
    """Return all reported scores of a set of predictions.

    "cells" holds the metrics in which every group weighs 1, shared among its scored images. Near-duplicates of a cell
    then don't count as cells. The support is the number of groups with an image of the class.

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
        "intervals": {"confidence_level", "accuracy": {"low", "high"}, "balanced_accuracy", "macro", "per_class",
            "cells": {the same four}}, see `intervals.intervals_of`,
        "baseline": {name: {"accuracy", "balanced_accuracy", "cells": {the same two}}}.
    """
    sample_weight = cell_weights(groups)
    cells = compute_metrics(y_true, y_prob, classes, sample_weight)
    support = source_counts(y_true, groups, range(len(classes)))
    per_class = {
        name: {metric: value for metric, value in values.items() if metric in AVERAGED} | {"support": support[number]}
        for number, (name, values) in enumerate(cells["per_class"].items())
    }
    by_image = compute_metrics(y_true, y_prob, classes)
    behind = _groups_behind(y_true, y_prob.argmax(axis=1), groups, classes)
    level = params.confidence_level
    return {
        **by_image,
        "cells": {key: cells[key] for key in ("accuracy", "balanced_accuracy", "macro")}
        | _of_common_classes(per_class)
        | {"per_class": per_class},
        "intervals": {
            "confidence_level": level,
            **intervals_of(by_image, behind, AVERAGED, level),
            "cells": intervals_of(cells, behind, AVERAGED, level),
        },
        "baseline": {
            name: score(y_true, guess) | {"cells": score(y_true, guess, sample_weight)}
            for name, guess in baseline_predictions.items()
        },
    }


def without_overlap(
    y_true: np.ndarray,
    y_prob: np.ndarray,
    groups: np.ndarray,
    classes: Sequence[str],
    overlap: npt.NDArray[np.bool_],
    params: IntervalParams,
    *,
    each_group: bool,
) -> dict[str, Any]:
    """Return the scores over the images that did not train the backbone.

    Args:
        y_true: class number of each scored image.
        y_prob: float array (images, classes).
        groups: group number of each image.
        classes: class names in the order of the columns.
        overlap: whether the backbone was trained on the image; of one image at least.
        params: of the intervals.
        each_group: whether each group counts once, or each image; as in the score that these are compared with.

    Returns:
        {"images": how many trained the backbone, "rest": how many did not}, and, if any did not, "accuracy",
        "balanced_accuracy", and "intervals" of both.
    """
    rest = ~overlap
    found: dict[str, Any] = {"images": int(overlap.sum()), "rest": int(rest.sum())}
    if rest.any():
        described = describe(y_true[rest], y_prob[rest], groups[rest], classes, {}, params)
        scores, intervals = described, described["intervals"]
        if each_group:
            scores, intervals = scores["cells"], intervals["cells"]
        both = ("accuracy", "balanced_accuracy")
        found |= {key: scores[key] for key in both} | {"intervals": {key: intervals[key] for key in both}}
    return found


def _of_common_classes(per_class: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the balanced accuracy without rare classes, if there are any, and two common ones at least."""
    scored = [values for values in per_class.values() if values["support"]]
    recalls = [values["recall"] for values in scored if values["support"] >= COMMON]
    if not 2 <= len(recalls) < len(scored):
        return {}
    return {"balanced_accuracy_common": float(np.mean(recalls)), "common_from": COMMON}


def source_counts(y_true: npt.ArrayLike, groups: npt.ArrayLike, classes: Iterable[Any]) -> dict[Any, int]:
    """Return {class: number of groups with an image of it}."""
    y_true, groups = np.asarray(y_true), np.asarray(groups)
    return {name: len(np.unique(groups[y_true == name])) for name in classes}


def _groups_behind(
    y_true: np.ndarray, y_pred: np.ndarray, groups: np.ndarray, classes: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return the number of independent groups behind each class's metrics: {name: {metric: count}}."""
    of_class, called = (source_counts(numbers, groups, range(len(classes))) for numbers in (y_true, y_pred))
    return {
        name: groups_behind(of_class[number], called[number], len(np.unique(groups[y_true != number])))
        for number, name in enumerate(classes)
    }
