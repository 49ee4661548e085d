"""Cross-validation of the head on features that lie ready: each fold is scored by a head trained on the others."""

import numpy as np

from stages.lib.deterministic import keras, start
from stages.lib.errors import UserError
from stages.lib.head import build_head
from stages.lib.training import fit


def rounds(fold):
    """Return the rounds of a cross-validation: (train, valid, test) row indices for each fold in turn.

    >>> [[part.tolist() for part in one] for one in rounds([0, 1, 2])]
    [[[2], [1], [0]], [[0], [2], [1]], [[1], [0], [2]]]

    Args:
        fold: fold number of each image.

    Raises:
        UserError: there is only one fold.
    """
    return [(*outside(fold, [number]), np.flatnonzero(np.equal(fold, number))) for number in np.unique(fold)]


def outside(fold, held):
    """Return the rows to train on and to validate on when some folds are held out: (train, valid).

    For validation, on which training stops, is the first fold cyclically after the lowest of those held out. Where only
    one fold is left, it is trained on and nothing validates.

    Args:
        fold: fold number of each image.
        held: numbers of the folds held out.

    Raises:
        UserError: no fold is left.
    """
    others = [number for number in np.unique(fold) if number not in held]
    if not others:
        raise UserError(
            f"The images are in {len(np.unique(fold))} folds; with {len(held)} held out, none is left to learn from. "
            "Raise `split.folds`, then type `dvc repro`."
        )
    if len(others) == 1:
        return np.flatnonzero(np.equal(fold, others[0])), np.array([], dtype=int)
    after = [number for number in others if number > min(held)] + others
    is_valid = np.equal(fold, after[0])
    return np.flatnonzero(np.isin(fold, others) & ~is_valid), np.flatnonzero(is_valid)


def predict(features, labels, classes, train, valid, test, params):
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
    fit(head, features, (train, labels[train]), (valid, labels[valid]), params.optimiser, params.seed)
    return keras.ops.convert_to_numpy(head(features[test, 0].astype(np.float32), training=False))
