"""The metrics of a class: how each is computed and what there is to know of it, for those who score and who report."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Scored(NamedTuple):
    """What the metrics of the classes are made of; arrays (..., classes) for many weightings at once."""

    correct: np.ndarray  # weight of the class's images that were named right
    support: np.ndarray  # of the class's images
    called: np.ndarray  # of the images that were called the class
    others: np.ndarray  # of the images of all other classes
    y_true: np.ndarray  # (images,)
    y_prob: np.ndarray  # (images, classes)
    sample_weight: np.ndarray  # (..., images)


class Metric(NamedTuple):
    """What there is to know of a metric of a class, one-vs-rest; 0-1, the higher the better."""

    title: str  # of its column in the report
    of: Callable[[Scored], np.ndarray]  # (..., classes), NaN where undefined
    # How many independent cells it rests on, by the number of cells of the class, of those called it and of all others;
    # None for a metric without an interval and without an average over the classes.
    cells_behind: Callable[[int, int, int], int] | None
    by_class: bool  # whether it rests on the cells of the class, so that few of them make it not estimable


def _f1(scored: Scored) -> np.ndarray:
    return np.where(scored.support > 0, ratio(2 * scored.correct, scored.support + scored.called), np.nan)


def _auc_of_classes(scored: Scored) -> np.ndarray:
    classes = range(scored.y_prob.shape[1])
    return np.stack([auc(scored.y_true == n, scored.y_prob[:, n], scored.sample_weight) for n in classes], axis=-1)


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


# Every metric of a class, by its name in metrics.json. An AUC is a share of pairs of a cell of the class and one of
# another; as many of these have no cell in common as the scarcer side has cells.
PER_CLASS = {
    "precision": Metric(
        "precision", lambda scored: ratio(scored.correct, scored.called), lambda own, called, _: called, False
    ),
    "recall": Metric("recall", lambda scored: ratio(scored.correct, scored.support), lambda own, *_: own, True),
    "specificity": Metric(
        "specificity", lambda scored: 1 - ratio(scored.called - scored.correct, scored.others), None, False
    ),
    "f1": Metric("F1", _f1, lambda own, *_: own, True),
    "auc": Metric("AUC", _auc_of_classes, lambda own, _, others: min(own, others), True),
}
AVERAGED = tuple(name for name, metric in PER_CLASS.items() if metric.cells_behind)  # these get an interval too
WEIGHTED = ("precision", "recall", "f1")  # averaged by the classes' shares too, as scikit-learn does
