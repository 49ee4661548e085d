"""Prediction sets: the classes that contain the true one in a stated share of new groups' images."""

import numpy as np
import numpy.typing as npt

from wbc.train import exact

LIKELY = 0.5  # a class with at least this probability is always in the set


def set_threshold(
    y_true: npt.NDArray[np.integer], y_prob: exact.Floats, groups: npt.ArrayLike, coverage: float
) -> float:
    """Return the probability that a class must reach to be in the set of an image.

    The images of a group are not independent. So each of K groups weighs 1 / (K + 1), shared among its images. The rest
    of the weight is for a new group, which could be worse than all others. The set of a new group's image then contains
    the true class with a probability of at least `coverage`. This is the pooling method of Dunn, Wasserman and Ramdas,
    Distribution-Free Prediction Sets for Two-Layer Hierarchical Models, JASA 2023, arXiv:1809.07441. The score is from
    Sadinle, Lei and Wasserman, Least Ambiguous Set-Valued Classifiers, JASA 2019. The coverage holds for new groups of
    the same population, laboratory and camera only.

    For a classifier whose accuracy exceeds `coverage`, this threshold can exceed even the highest probability of an
    image, whose set is then empty (see Sadinle et al.). So the returned threshold is at most `LIKELY`, and the sets
    contain the true class more often than asked.

    Args:
        y_true: class number of each image.
        y_prob: float array (images, classes), out of fold.
        groups: group of each image.
        coverage: 0-1.

    Returns:
        a probability, at most `LIKELY`; 0 where there are too few groups for this coverage, so that every set
        contains every class.
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
