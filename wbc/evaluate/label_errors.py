"""Labels that the cross-validation contradicts, by confident learning with each group as one observation.

Northcutt, Jiang and Chuang, Confident learning: estimating uncertainty in dataset labels, Journal of Artificial
Intelligence Research 70, 2021, https://arxiv.org/abs/1911.00068. The library of that paper, cleanlab, has no groups:
six near-duplicates of a cell would count as six opinions. Its sums also differ in the last bit between CPUs.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

DECIDING = 9  # digits of a probability that are compared; the last bits differ between CPUs


class LabelError(NamedTuple):
    """A group whose label the predictions contradict."""

    group: int
    label: int  # class number of its images' label
    suggested: int  # class number
    p_label: float  # mean probability of its images, by heads that were not trained on them
    p_suggested: float


def label_errors(
    labels: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating], groups: npt.NDArray[np.integer]
) -> list[LabelError]:
    """Return the groups that are confidently of another class, the least likely label first.

    A group is confidently of a class if its probability of the class is at least the mean over the groups with that
    label. It is suspect if the likeliest of these classes is likelier than its label. A group with two labels is
    checked once for each.

    Args:
        labels: class number of each image.
        probabilities: float array (images, classes), out of fold.
        groups: group number of each image.
    """
    pairs, inverse = np.unique(np.stack([groups, labels], axis=1), axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    columns = range(probabilities.shape[1])
    # np.bincount adds in the order of the rows, the same on every CPU.
    sums = np.stack([np.bincount(inverse, probabilities[:, number]) for number in columns], axis=1)
    means = (sums / np.bincount(inverse)[:, None]).round(DECIDING)
    given = pairs[:, 1]
    own = means[np.arange(len(pairs)), given]
    totals, counts = np.bincount(given, own, len(columns)), np.bincount(given, minlength=len(columns))
    thresholds = np.divide(totals, counts, out=np.full(len(columns), np.inf), where=counts > 0).round(DECIDING)
    confident = np.where(means >= thresholds, means, -1)
    suggested = confident.argmax(axis=1)
    suspect = (confident.max(axis=1) > own) & (suggested != given)
    found = [
        LabelError(
            int(pairs[row, 0]), int(given[row]), int(suggested[row]), float(own[row]), float(means[row, suggested[row]])
        )
        for row in np.flatnonzero(suspect)
    ]
    return sorted(found, key=lambda entry: (entry.p_label - entry.p_suggested, entry.group))
