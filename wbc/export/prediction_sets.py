"""Prediction sets: as many classes as it takes to hold the true one in a stated share of new groups."""

import numpy as np
import numpy.typing as npt

from wbc.train import exact

LIKELY = 0.5  # a class that reaches it is in the set, even where fewer classes would hold the true one often enough


def set_threshold(
    y_true: npt.NDArray[np.integer], y_prob: exact.Floats, groups: npt.ArrayLike, coverage: float
) -> float:
    """Return the probability that a class must reach to be in the set of an image.

    The images of a group are no independent observations. So each of K groups weighs 1 / (K + 1), shared among its
    images, and what is left stands for a new group that could be worse than all: an image of a new group then has its
    true class in its set with at least the probability `coverage` (Dunn, Wasserman and Ramdas, Distribution-Free
    Prediction Sets for Two-Layer Hierarchical Models, JASA 2023, arXiv:1809.07441, pooling; the score is that of
    Sadinle, Lei and Wasserman, Least Ambiguous Set-Valued Classifiers, JASA 2019). It holds for new groups of the same
    population, laboratory and camera; for others it doesn't.

    A classifier that is right more often than `coverage` asks would reach it with no class at all for images of which
    it is fairly sure (the empty sets of Sadinle et al.). So what is returned is at most `LIKELY`, and the sets hold the
    true class more often than was asked.

    Args:
        y_true: class number of each image.
        y_prob: float array (images, classes), out of fold.
        groups: group of each image.
        coverage: 0-1.

    Returns:
        a probability, at most `LIKELY`; 0 where there are too few groups for this coverage: every class is then in
        every set.
    """
    _, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    weight = 1 / (len(sizes) + 1) / sizes[inverse]
    probability = y_prob[np.arange(len(y_true)), y_true]
    order = np.argsort(-probability, kind="stable")
    reached = np.cumsum(weight[order])
    enough = np.flatnonzero(reached >= coverage - 1e-9)
    return min(float(probability[order[enough[0]]]), LIKELY) if len(enough) else 0.0


def prediction_sets(y_prob: exact.Floats, threshold: float) -> npt.NDArray[np.bool_]:
    """Return which classes are in the set of each image, bool array (images, classes)."""
    return y_prob >= threshold - 1e-9
