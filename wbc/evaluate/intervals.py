"""Confidence intervals of metrics, with groups of images as the independent observations.

Each metric of a class gets Wilson's interval for the number of groups behind it. The intervals of averages over the
classes are combined from these. docs/decisions/0003-intervals.md compares this with the cluster bootstrap.
"""

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


def wilson(share: float, count: int, level: float) -> Interval:
    """Return the Wilson score interval of a proportion among `count` independent groups.

    At level 0.95, 3 of 3 give 0.44-1, and 300 of 300 give 0.99-1. Wilson, Probable inference, the law of succession,
    and statistical inference, J. Am. Stat. Assoc. 22, 1927, pp. 209-212. SciPy's function takes whole numbers of
    successes only, but a group can be classified correctly in 60 % of its images.

    Args:
        share: the proportion, from 0 to 1.
        count: groups, at least 1.
        level: confidence level, between 0 and 1.
    """
    squared = NormalDist().inv_cdf((1 + level) / 2) ** 2
    center = (share + squared / (2 * count)) / (1 + squared / count)
    reach = np.sqrt(share * (1 - share) * squared / count + (squared / (2 * count)) ** 2) / (1 + squared / count)
    return Interval(float(max(0.0, center - reach)), float(min(1.0, center + reach)))


def average(estimates: npt.ArrayLike, intervals: list[Interval], weights: npt.ArrayLike) -> Interval:
    """Return the interval of a weighted mean of independent estimates from the interval of each.

    Zou and Donner, Construction of confidence limits about effect measures: a general approach, Stat. Med. 27, 2008,
    pp. 1693-1702 (MOVER). Recalls of classes are independent, so it holds for accuracy and balanced accuracy. For means
    of precision, F1 and AUC it is an approximation.

    Args:
        estimates: float array (n,).
        intervals: of each.
        weights: float array (n,), none negative, not all 0.
    """
    estimates, weights = np.asarray(estimates, float), np.asarray(weights, float)
    weights = weights / weights.sum()
    low, high = np.transpose(intervals)
    center = np.dot(weights, estimates)
    below, above = np.linalg.norm(weights * (estimates - low)), np.linalg.norm(weights * (high - estimates))
    return Interval(float(center - below), float(center + above))


def intervals_of(
    metrics: dict[str, Any], behind: Mapping[str, Mapping[str, int]], names: tuple[str, ...], level: float
) -> dict[str, Any]:
    """Return the confidence interval of each metric as {"low", "high"}; an undefined metric has none.

    Args:
        metrics: what `metrics.compute_metrics` returned.
        behind: {class: {metric: number of groups}}, see `metrics.groups_behind`.
        names: of the metrics that get an interval.
        level: confidence level, between 0 and 1.

    Returns:
        {"accuracy", "balanced_accuracy", "macro": {metric}, "per_class": {class: {metric}}}
    """
    per_class = {
        label: {name: wilson(values[name], behind[label][name], level) for name in names if name in values}
        for label, values in metrics["per_class"].items()
    }

    def mean(name: str, shares: dict[str, float]) -> dict[str, float]:
        labels = [label for label, intervals in per_class.items() if name in intervals]
        return average(
            [metrics["per_class"][label][name] for label in labels],
            [per_class[label][name] for label in labels],
            [shares[label] for label in labels],
        )._asdict()

    alike = dict.fromkeys(per_class, 1.0)
    supports = {label: values["support"] for label, values in metrics["per_class"].items()}
    return {
        "accuracy": mean("recall", supports),
        "balanced_accuracy": mean("recall", alike),
        "macro": {name: mean(name, alike) for name in names if any(name in found for found in per_class.values())},
        "per_class": {
            label: {name: interval._asdict() for name, interval in intervals.items()}
            for label, intervals in per_class.items()
        },
    }
