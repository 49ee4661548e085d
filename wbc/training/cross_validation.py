"""Cross-validation of the head on features that lie ready: each fold is scored by a head trained on others."""

import numpy as np

from wbc.models.head import build_head
from wbc.models.tensorflow_setup import keras, start
from wbc.training.fitting import fit

ROWS = 1024  # scored at once


def fit_predict(features, labels, classes, train, valid, test, params):
    """Train a head on some rows and return what it says of others.

    Each head starts from the seed alone, so that none depends on those trained before it.

    Args:
        features: array (images, 1 + views, n).
        labels: class number of each image.
        classes: number of classes.
        train, valid, test: row indices; `valid` may be empty, see `training.fit`.
        params: a `training.TrainParams`.

    Returns:
        float32 array (test images, classes) of probabilities, by each image as it is.
    """
    keras.utils.clear_session()  # or the graphs of all the heads so far stay in memory
    start(params.seed)
    head = build_head(features.shape[2], classes, params.head)
    fit(head, features, (train, labels[train]), (valid, labels[valid]), params.optimizer, params.seed)
    parts = [test[start : start + ROWS] for start in range(0, len(test), ROWS)]
    return np.concatenate([head(features[part, 0].astype(np.float32), training=False).numpy() for part in parts])
