"""The rounds of a cross-validation: which folds are trained on, validated on and scored."""

import numpy as np

from wbc.core.errors import UserError


def cv_rounds(fold):
    """Return the rounds of a cross-validation: (train, valid, test) row indices for each fold in turn.

    >>> [[part.tolist() for part in one] for one in cv_rounds([0, 1, 2])]
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
            "More folds are needed."
        )
    if len(others) == 1:
        return np.flatnonzero(np.equal(fold, others[0])), np.array([], dtype=int)
    after = [number for number in others if number > min(held)] + others
    is_valid = np.equal(fold, after[0])
    return np.flatnonzero(np.isin(fold, others) & ~is_valid), np.flatnonzero(is_valid)
