"""Roles of images in a cross-validation: each image is trained on, tested or excluded in each fold."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.common.errors import UserError
from wbc.split.parts import folds, labels_of_groups, usual_size

EVEN = 0.1  # of the usual size; cells have equally many images if groups with half of all images are this close to it


def exclude(
    labels: npt.ArrayLike,
    fold: npt.ArrayLike,
    photo_id: npt.ArrayLike,
    doubtful: np.ndarray,
    groups: npt.ArrayLike,
) -> tuple[list[set[int]], list[str]]:
    """Return the folds for which each image is excluded from training, as a possible near-duplicate of their images.

    The pixels (`doubtful`) and the sizes of groups indicate possible near-duplicates. If the cells of a class have
    equally many images, two groups that together don't exceed the usual size may be pieces of one cell. A group of the
    usual size is complete.

    For each fold, a class keeps at least half of its training images. Within that limit, the likeliest near-duplicates
    are excluded first, then the pieces, the smallest first.

    Args:
        labels: class name of each image.
        fold: fold number of each image.
        photo_id: number of each image's photograph, which is in one fold.
        doubtful: int array (pairs, 2) of photographs that might show one cell, the likeliest first.
        groups: number of each image's group in the search, which is in one fold.

    Returns:
        (fold numbers of each image; sorted names of the classes whose limit was reached)
    """
    labels, fold, photo_id, groups = (np.asarray(column) for column in (labels, fold, photo_id, groups))
    folds_of = _Excluded(labels, fold)
    images = rows_by_number(photo_id)
    for scored, learned in [pair for both in doubtful.tolist() for pair in (both, both[::-1])]:
        folds_of.exclude(images[learned], int(fold[images[scored][0]]))
    for number, rows in possible_pieces(labels, fold, groups):
        folds_of.exclude(rows, number)
    return folds_of.of_image, sorted(folds_of.too_doubtful)


class _Excluded:
    """Folds for which each image is excluded, and the number of images of each class that still may be."""

    def __init__(self, labels: np.ndarray, fold: np.ndarray) -> None:
        self.labels, self.fold = labels, fold
        self.of_image: list[set[int]] = [set() for _ in labels]
        self.too_doubtful: set[str] = set()
        self.room = {
            (number, name): ((fold != number) & (labels == name)).sum() // 2
            for number in set(fold.tolist())
            for name in set(labels.tolist())
        }

    def exclude(self, rows: np.ndarray, number: int) -> None:
        """Exclude images that belong together from the training for fold `number`, unless a class is at its limit."""
        rows = rows[[self.fold[row] != number and number not in self.of_image[row] for row in rows]]
        names, counts = np.unique(self.labels[rows], return_counts=True)
        if full := [name for name, count in zip(names, counts, strict=True) if count > self.room[number, name]]:
            self.too_doubtful.update(map(str, full))
            return
        for name, count in zip(names, counts, strict=True):
            self.room[number, name] -= count
        for row in rows:
            self.of_image[row].add(number)


def possible_pieces(labels: np.ndarray, fold: np.ndarray, groups: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (fold, rows of a group outside the fold) if group and fold may have pieces of one cell.

    Args:
        labels, fold, groups: class name, fold number and group number of each image.

    Yields:
        the smallest groups of a class first.
    """
    rows_of = rows_by_number(groups)
    label_of = dict(zip(rows_of, labels_of_groups(labels, groups), strict=True))
    for name in np.unique(labels):
        members = sorted((len(rows), number) for number, rows in rows_of.items() if label_of[number] == name)
        sizes = np.array([size for size, _ in members])
        usual = usual_size(sizes)
        if sizes[np.abs(sizes - usual) <= max(1, EVEN * usual)].sum() < sizes.sum() / 2:
            continue  # cells have different numbers of images
        for scored in np.unique(fold).tolist() if usual else []:
            here = [size for size, number in members if fold[rows_of[number][0]] == scored]
            for size, number in members:
                if here and size + here[0] <= usual and fold[rows_of[number][0]] != scored:
                    yield scored, rows_of[number]


def rows_by_number(numbers: np.ndarray) -> dict[int, np.ndarray]:
    """Return {number: its rows}, both in ascending order.

    >>> {number: rows.tolist() for number, rows in rows_by_number(np.array([5, 2, 5])).items()}
    {2: [1], 5: [0, 2]}
    """
    distinct, counts = np.unique(numbers, return_counts=True)
    rows = np.split(np.argsort(numbers, kind="stable"), np.cumsum(counts)[:-1])
    return dict(zip(distinct.tolist(), rows, strict=True))


def roles(
    paths: Sequence[str], fold: npt.ArrayLike, excluded: Sequence[set[int]], first_half: npt.ArrayLike
) -> pd.DataFrame:
    """Return the table of folds.csv: the role of each image in each fold.

    Each of the other folds is divided into two blocks. Head number n of a fold validates on block n and trains on the
    rest. Block 1 is the first half of the next fold, block 2 the first half of the fold after it, and so on; the second
    halves follow. With only two folds, all images of the other fold are trained on, and their block is 0.

    >>> roles(["a", "b", "c"], [0, 1, 2], [set(), set(), {0}], [True, True, True]).head(3).values.tolist()
    [['a', 0, 'test', 0], ['b', 0, 'train', 1], ['c', 0, 'excluded', 0]]

    Args:
        paths: paths of the images.
        fold: number of the fold that scores each image.
        excluded: the folds for which each image is excluded, see `exclude`.
        first_half: whether each image is in the first half of its fold, see `halves`.
    """
    fold, first_half = np.asarray(fold), np.asarray(first_half)
    numbers = np.unique(fold)
    tables = []
    for scored in numbers:
        others = [*numbers[numbers > scored], *numbers[numbers < scored]]
        place = {number: position + 1 for position, number in enumerate(others)}
        block = np.array([place.get(number, 0) for number in fold]) + np.where(first_half, 0, len(others))
        is_excluded = np.array([scored in folds_of for folds_of in excluded])
        role = np.where(fold == scored, "test", np.where(is_excluded, "excluded", "train"))
        block = np.where((role == "train") & (len(others) > 1), block, 0)
        tables.append(pd.DataFrame({"path": list(paths), "fold": scored, "role": role, "block": block}))
    return pd.concat(tables, ignore_index=True)


def halves(labels: npt.ArrayLike, groups: npt.ArrayLike, fold: npt.ArrayLike, seed: int) -> np.ndarray:
    """Divide each fold in two by group, stratified by class; return a bool array that marks the first halves.

    Half of a fold is enough validation to choose an epoch, and leaves the rest for training. A fold that is too small
    to be divided counts as a first half.

    Args:
        labels, groups, fold: class name, group number and fold number of each image.
        seed: seeds the order among equal groups.
    """
    labels, groups, fold = (np.asarray(column) for column in (labels, groups, fold))
    first = np.ones(len(fold), bool)
    for number in np.unique(fold):
        rows = np.flatnonzero(fold == number)
        with contextlib.suppress(UserError):
            first[rows] = folds(labels[rows], groups[rows], 2, seed) == 0
    return first
