"""Out-of-distribution (OOD) score: the distance of an image's features from the training images' features."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wbc.train import exact

MOST = 5_000  # images kept for comparison, spread evenly over the training images: 13 MB of float16


class Reference(NamedTuple):
    """Features of known images as directions, with the mean and deviation that standardize features."""

    mean: exact.Floats  # (n,), of the features of all known images
    deviation: exact.Floats  # (n,)
    directions: exact.Floats  # (images, n): standardized, of length 1

    def distances(self, features: npt.ArrayLike, neighbors: int) -> exact.Floats:
        """Return the mean cosine distance of each row of features to its nearest known images, 0 (same) to 2.

        Sun, Ming, Zhu and Li, Out-of-Distribution Detection with Deep Nearest Neighbors, ICML 2022, arXiv:2204.06507.
        """
        similarity = exact.matmul_by_row(directions(features, self.mean, self.deviation), self.directions.T)
        nearest = -np.sort(-similarity, axis=1)[:, : min(neighbors, similarity.shape[1])]
        return 1 - exact.total(nearest, axis=1) / nearest.shape[1]


def reference(features: npt.NDArray) -> Reference:
    """Return the `Reference` of known images.

    Args:
        features: array (images, n), or (images, zooms, n) of each image at several zooms. Of more than `MOST` rows,
            `MOST` are kept, spread evenly.
    """
    features = features.reshape(-1, features.shape[-1])
    if len(features) > MOST:
        features = features[np.linspace(0, len(features) - 1, MOST).astype(int)]
    rows = np.asarray(features, np.float64)
    mean = exact.total(rows, axis=0) / len(rows)
    deviation = np.sqrt(exact.total((rows - mean) ** 2, axis=0) / len(rows))
    deviation[deviation == 0] = 1.0
    return Reference(mean, deviation, directions(rows, mean, deviation))


def directions(features: npt.ArrayLike, mean: exact.Floats, deviation: exact.Floats) -> exact.Floats:
    """Return standardized features scaled to length 1."""
    rows = (np.asarray(features, np.float64) - mean) / deviation
    length = np.sqrt(exact.total(rows * rows, axis=1))
    return rows / np.maximum(length, 1e-12)[:, None]


def distance_threshold(distances: exact.Floats, groups: npt.ArrayLike, known: float) -> float:
    """Return the distance beyond which an image is out of distribution.

    Args:
        distances: of images from known images of other groups.
        groups: group of each image.
        known: share of known groups' images that may not be beyond it, 0-1; each group weighs the same.
    """
    _, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(distances, kind="stable")
    reached = np.cumsum((1 / len(sizes) / sizes[inverse])[order])
    return float(distances[order[min(int(np.searchsorted(reached, known - 1e-9)), len(order) - 1)]])


def stored(reference: Reference) -> Reference:
    """Return a reference in the precision of its file: statistics as float32, directions as float16."""
    precisions = (np.float32, np.float32, np.float16)
    return Reference(
        *(array.astype(kind).astype(np.float64) for array, kind in zip(reference, precisions, strict=True))
    )
