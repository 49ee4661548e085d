"""The rounds of a cross-validation: which folds are trained on, validated on and scored."""

from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt

from wbc.core.errors import UserError

Round = tuple[np.ndarray, np.ndarray, np.ndarray]  # rows to train on, to validate on, and to score


def cv_rounds(fold: npt.ArrayLike, withheld: Iterable[str] | None = None) -> list[Round]:
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


def withhold(
    labels: npt.ArrayLike, fold: npt.ArrayLike, photo_id: npt.ArrayLike, doubtful: np.ndarray
) -> tuple[list[str], list[str]]:
    """Return from which rounds of a cross-validation each image is withheld: those that score what may be its copy.

    A class keeps at least half of its images in each round: the likeliest copies are withheld as far as that allows.

    Args:
        labels: class name of each image.
        fold: fold number of each image.
        photo_id: number of each image's photograph; one fold each.
        doubtful: int array (pairs, 2) of photographs that might show one cell, the likeliest first.

    Returns:
        (text of each image, see `cv_rounds`; sorted names of the classes of which not all could be withheld)
    """
    labels, fold, photo_id = np.asarray(labels), np.asarray(fold), np.asarray(photo_id)
    images = {number: np.flatnonzero(photo_id == number) for number in np.unique(doubtful).tolist()}
    room = {
        (number, name): ((fold != number) & (labels == name)).sum() // 2
        for number in set(fold.tolist())
        for name in set(labels.tolist())
    }
    texts: list[set[int]] = [set() for _ in labels]
    too_doubtful: set[str] = set()
    for one, other in [pair for both in doubtful.tolist() for pair in (both, both[::-1])]:
        scored, rows = int(fold[images[one][0]]), images[other]
        if scored == fold[rows[0]] or scored in texts[rows[0]]:
            continue
        names, counts = np.unique(labels[rows], return_counts=True)
        if full := [name for name, count in zip(names, counts, strict=True) if count > room[scored, name]]:
            too_doubtful.update(map(str, full))
            continue
        for name, count in zip(names, counts, strict=True):
            room[scored, name] -= count
        for row in rows:
            texts[row].add(scored)
    return [" ".join(map(str, sorted(numbers))) for numbers in texts], sorted(too_doubtful)


def outside(fold: npt.ArrayLike, held: Collection[int]) -> tuple[np.ndarray, np.ndarray]:
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
