"""The rounds of a cross-validation: which folds are trained on, validated on and scored."""

import numpy as np

from wbc.core.errors import UserError


def cv_rounds(fold, withheld=None):
    """Return the rounds of a cross-validation: (train, valid, test) row indices for each fold in turn.

    An image is neither trained on nor validated with in the rounds that it is withheld from.

    >>> [[part.tolist() for part in one] for one in cv_rounds([0, 1, 2])]
    [[[2], [1], [0]], [[0], [2], [1]], [[1], [0], [2]]]

    Args:
        fold: fold number of each image.
        withheld: of each image the numbers of the folds that it may not serve, as text: "", "3", "0 3"; None for none.

    Raises:
        UserError: there is only one fold.
    """
    rounds = []
    for number in np.unique(fold):
        parts = outside(fold, [number])
        if withheld is not None:
            may = np.array([str(number) not in text.split() for text in withheld])
            parts = tuple(part[may[part]] for part in parts)
        rounds.append((*parts, np.flatnonzero(np.equal(fold, number))))
    return rounds


def withhold(labels, fold, photo_id, doubtful):
    """Return from which rounds of a cross-validation each image is withheld: those that score what may be its copy.

    A class keeps at least half of its images in each round: where more were doubtful, none of that class is withheld.

    Args:
        labels: class name of each image.
        fold: fold number of each image.
        photo_id: number of each image's photograph; one fold each.
        doubtful: int array (pairs, 2) of photographs that might show one cell.

    Returns:
        (text of each image, see `cv_rounds`; sorted names of the classes that were too doubtful in some round)
    """
    labels, fold, photo_id = np.asarray(labels), np.asarray(fold), np.asarray(photo_id)
    fold_of = dict(zip(photo_id.tolist(), fold.tolist(), strict=True))
    barred = {number: set() for number in np.unique(fold).tolist()}  # photographs, by the fold that is scored
    for one, other in doubtful.tolist():
        if fold_of[one] != fold_of[other]:
            barred[fold_of[one]].add(other)
            barred[fold_of[other]].add(one)
    texts, too_doubtful = [[] for _ in labels], set()
    for number, photographs in barred.items():
        held = np.isin(photo_id, sorted(photographs))
        for name in np.unique(labels[held]):
            others = (labels == name) & (fold != number)
            if (held & others).sum() * 2 > others.sum():
                too_doubtful.add(str(name))
                held &= labels != name
        for row in np.flatnonzero(held):
            texts[row].append(str(number))
    return [" ".join(numbers) for numbers in texts], sorted(too_doubtful)


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
