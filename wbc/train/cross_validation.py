"""Training of one head, and its probabilities for held-out rows."""

from collections.abc import Callable

import numpy.typing as npt

from wbc.train.exact import Floats
from wbc.train.fitting import Fit, Labels, fit
from wbc.train.head import build_head, predict_proba, stored
from wbc.train.params import FitParams


def fit_head(
    features: npt.NDArray,
    labels: Labels,
    classes: int,
    train: Labels,
    valid: Labels,
    params: FitParams,
    report: Callable[[dict[str, float]], None] | None = None,
) -> Fit:
    """Train a head on some rows, and round it to float32 as its file does.

    Each head starts from its seed, independent of the heads trained before it.

    Args:
        features: array (images, zooms + views, n).
        labels: class number of each image.
        classes: number of classes.
        train, valid: row indices; `valid` may be empty, see `fitting.fit`.
        params: settings of head and optimizer.
        report: called with each epoch's row of the history.
    """
    untrained = build_head(features.shape[2], classes, params.head, params.seed)
    fitted = fit(untrained, features, (train, labels[train]), (valid, labels[valid]), params, report)
    return fitted._replace(head=stored(fitted.head))


def fit_predict(
    features: npt.NDArray,
    labels: Labels,
    classes: int,
    train: Labels,
    valid: Labels,
    test: Labels,
    params: FitParams,
) -> Floats:
    """Train a head on some rows and return the probabilities (test images, classes) of other images."""
    return predict_proba(fit_head(features, labels, classes, train, valid, params).head, features[test, 0])
