"""The rounds of a cross-validation: which folds are trained on, validated on and scored."""

from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt

from wbc.core.errors import UserError

Round = tuple[np.ndarray, np.ndarray, np.ndarray]  # rows to train on, to validate on, and to score


def cv_rounds(
    fold: npt.ArrayLike, withheld: Iterable[str] | None = None, validates: npt.ArrayLike | None = None, turn: int = 0
) -> list[Round]:
    """Return the rounds of a cross-validation: (train, valid, test) row indices for each fold in turn.

    An image is neither trained on nor validated with in the rounds that it is withheld from.

    >>> [[part.tolist() for part in one] for one in cv_rounds([0, 1, 2])]
    [[[2], [1], [0]], [[0], [2], [1]], [[1], [0], [2]]]

    Args:
        fold: fold number of each image.
        withheld: of each image the numbers of the folds that it may not serve, as text: "", "3", "0 3"; None for none.
        validates: which images of a fold validate when it is that fold's turn, a bool array; the others are trained on
            then. None for all.
        turn: which of the other folds validates, see `outside`.

    Raises:
        UserError: there is only one fold.
    """
    rounds = []
    for number in np.unique(fold):
        parts = outside(fold, [number], validates, turn)
        if withheld is not None:
            may = np.array([str(number) not in text.split() for text in withheld])
            parts = tuple(part[may[part]] for part in parts)
        rounds.append((*parts, np.flatnonzero(np.equal(fold, number))))
    return rounds


def outside(
    fold: npt.ArrayLike, held: Collection[int], validates: npt.ArrayLike | None = None, turn: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train on and to validate on when some folds are held out: (train, valid).

    For validation, on which training stops, is a fold cyclically after the lowest of those held out: the next one at
    turn 0, the one after it at turn 1. Where only one fold is left, it is trained on and nothing validates.

    Args:
        fold: fold number of each image.
        held: numbers of the folds held out.
        validates: see `cv_rounds`.
        turn: 0 or more.

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
    is_valid = np.equal(fold, after[turn % len(others)]) & (True if validates is None else np.asarray(validates))
    return np.flatnonzero(np.isin(fold, others) & ~is_valid), np.flatnonzero(is_valid)
