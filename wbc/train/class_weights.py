"""Weights of classes in the loss."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from wbc.train import exact

ClassWeights = Literal["none", "balanced", "sqrt"]


def class_weight(kind: ClassWeights, labels: npt.NDArray[np.integer], classes: int) -> exact.Floats:
    """Return the weight of an image of each class, so that an image weighs 1 on average; 0 for a class without images.

    "balanced" is scikit-learn's: inverse to the number of images, so that all classes weigh the same (King and Zeng,
    Logistic Regression in Rare Events Data, 2001). "sqrt" is inverse to its root: images of rare classes count more,
    but four cells don't count as much as two hundred.
    """
    counts = np.bincount(labels, minlength=classes)
    if kind == "none":
        return (counts > 0).astype(float)
    share = np.sqrt(counts) if kind == "sqrt" else counts.astype(float)
    weights = np.divide(1.0, share, out=np.zeros(classes), where=counts > 0)
    return weights * (len(labels) / float(exact.total(weights * counts)))
