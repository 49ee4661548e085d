"""Confidence intervals that take near-duplicates for what they are: more views of one cell, not more cells."""

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from wbc.evaluate.params import IntervalParams

BLOCK = 2_000_000  # weights held at once, images x resamples: 16 MB
SAME = 1e-9  # resamples that differ by less are one value

Interval = tuple[float, float]  # low, high


def bootstrap(
    groups: npt.ArrayLike,
    labels: npt.ArrayLike,
    statistic: Callable[[npt.NDArray[np.float64]], dict[str, Any]],
    params: IntervalParams,
) -> dict[str, Any]:
    """Return percentile intervals of every number of `statistic` by resampling whole groups within each class.

    Images of one cell are no independent observations, so cells are drawn with replacement and each brings all its
    images (the cluster bootstrap: Field and Welsh, Bootstrapping clustered data, J. R. Stat. Soc. B 69, 2007, pp.
    369-390). They are drawn class by class, as many as there are, since a class of three cells would be missing from
    one resample in twenty and its recall with it (several samples, each resampled by itself: Davison and Hinkley,
    Bootstrap Methods and their Application, 1997, section 3.2). The intervals are therefore those of a test with these
    numbers of cells per class. Percentiles: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3.
    Of a handful of cells they come out too narrow, and where all resamples agree they have no width at all: see
    `wilson`.

    Args:
        groups: group number of each image.
        labels: class number of each image; a group with several counts for its most frequent one.
        statistic: called with weights, float array (resamples, images): how often each image was drawn. Returns
            nested dicts of arrays (resamples,); NaN where a resample leaves a number undefined.
        params: an `IntervalParams`.

    Returns:
        what `statistic` returns with (low, high) in place of each array; both NaN where every resample gave NaN.
    """
    labels, (_, groups) = np.asarray(labels), np.unique(groups, return_inverse=True)
    table = np.zeros((groups.max() + 1, labels.max() + 1), dtype=int)
    np.add.at(table, (groups, labels), 1)
    group_labels = table.argmax(axis=1)

    random = np.random.default_rng(params.seed)
    block = max(1, BLOCK // len(groups))
    statistics = []
    for start in range(0, params.n_resamples, block):
        counts = np.empty((min(block, params.n_resamples - start), len(table)))
        for label in np.unique(group_labels):
            members = np.flatnonzero(group_labels == label)
            counts[:, members] = _draws(len(counts), len(members), random)
        statistics.append(statistic(counts[:, groups]))
    return _percentiles(statistics, [(1 - params.confidence_level) / 2, (1 + params.confidence_level) / 2])


def _draws(resamples: int, members: int, random: np.random.Generator) -> np.ndarray:
    """Return how often each of `members` comes up in as many draws with replacement, an array (resamples, members)."""
    drawn = random.integers(members, size=(resamples, members)) + members * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * members).reshape(resamples, members)


def _percentiles(blocks: list[Any], shares: list[float]) -> Any:
    if isinstance(blocks[0], dict):
        return {key: _percentiles([block[key] for block in blocks], shares) for key in blocks[0]}
    values = np.concatenate(blocks)
    values = values[~np.isnan(values)]
    low, high = np.quantile(values, shares) if len(values) else (np.nan, np.nan)
    return float(low), float(high)


def degenerate(interval: Interval) -> bool:
    """Return whether a bootstrap's (low, high) has no width: all resamples gave one value, as with 3 of 3 right."""
    return interval[1] - interval[0] < SAME


def wilson(share: float, count: int, level: float) -> Interval:
    """Return the Wilson score interval (low, high) of a share of `count` independent cells.

    Unlike the bootstrap it knows that 3 of 3 right is less than 300 of 300: 0.44-1 and 0.99-1 at level 0.95. Wilson,
    Probable inference, the law of succession, and statistical inference, J. Am. Stat. Assoc. 22, 1927, pp. 209-212.
    By hand because SciPy's takes whole numbers of successes only, and a cell can be right in 60 % of its images.

    Args:
        share: from 0 to 1.
        count: cells, at least 1.
        level: confidence level, between 0 and 1.
    """
    squared = NormalDist().inv_cdf((1 + level) / 2) ** 2
    center = (share + squared / (2 * count)) / (1 + squared / count)
    reach = np.sqrt(share * (1 - share) * squared / count + (squared / (2 * count)) ** 2) / (1 + squared / count)
    return float(max(0.0, center - reach)), float(min(1.0, center + reach))


def combined(estimates: np.ndarray, intervals: list[Interval], weights: np.ndarray) -> Interval:
    """Return the interval (low, high) of a weighted sum of independent estimates from the interval of each.

    A class of three cells, all right, never varies among resamples; a mean over the classes would take it for certain.
    This takes over the width of each class's own interval. Zou and Donner, Construction of confidence limits about
    effect measures: a general approach, Stat. Med. 27, 2008, pp. 1693-1702 (MOVER).

    Args:
        estimates: float array (n,).
        intervals: (low, high) of each.
        weights: float array (n,), none negative.
    """
    low, high = np.transpose(intervals)
    center = np.dot(weights, estimates)
    below, above = np.linalg.norm(weights * (estimates - low)), np.linalg.norm(weights * (high - estimates))
    return float(center - below), float(center + above)
