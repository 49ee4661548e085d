"""The roles of images in a cross-validation: what each image is for each fold."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.common.errors import UserError
from wbc.split.parts import folds, labels_of_groups, usual_size

EVEN = 0.1  # of the usual size: groups of half of a class's images are so near to it where all cells have equally many


def exclude(
    labels: npt.ArrayLike,
    fold: npt.ArrayLike,
    photo_id: npt.ArrayLike,
    doubtful: np.ndarray,
    groups: npt.ArrayLike,
) -> tuple[list[set[int]], list[str]]:
    """Return the folds for which each image is excluded from training: it may be a near-duplicate of an image there.

    The pixels (`doubtful`) and the sizes of groups say what may be a near-duplicate. Where the cells of a class have
    equally many images, two groups that together are no larger than is usual may be pieces of one cell. A group of
    usual size lacks none of its images.

    A class keeps at least half of its images for each fold. The likeliest near-duplicates are excluded as far as that
    allows, then pieces, the smallest first.

    Args:
        labels: class name of each image.
        fold: fold number of each image.
        photo_id: number of each image's photograph; one fold each.
        doubtful: int array (pairs, 2) of photographs that might show one cell, the likeliest first.
        groups: number of what the search takes for one cell, of each image; one fold each.

    Returns:
        (fold numbers of each image; sorted names of the classes of which not all could be excluded)
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
    """The folds for which each image is excluded, and how many images of each class may still be."""

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
        """Exclude images that belong together from training what scores fold `number`, where there is room."""
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
    """Yield (fold, rows of a group outside) where the group may be a piece of a cell of which the fold has another.

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
            continue  # cells have as many images as they happen to have
        for scored in np.unique(fold).tolist() if usual else []:
            here = [size for size, number in members if fold[rows_of[number][0]] == scored]
            for size, number in members:
                if here and size + here[0] <= usual and fold[rows_of[number][0]] != scored:
                    yield scored, rows_of[number]


def rows_by_number(numbers: np.ndarray) -> dict[int, np.ndarray]:
    """Return the rows at which each number stands, in ascending order.

    >>> {number: rows.tolist() for number, rows in rows_by_number(np.array([5, 2, 5])).items()}
    {2: [1], 5: [0, 2]}
    """
    distinct, counts = np.unique(numbers, return_counts=True)
    rows = np.split(np.argsort(numbers, kind="stable"), np.cumsum(counts)[:-1])
    return dict(zip(distinct.tolist(), rows, strict=True))


def roles(
    paths: Sequence[str], fold: npt.ArrayLike, excluded: Sequence[set[int]], first_half: npt.ArrayLike
) -> pd.DataFrame:
    """Return the table of folds.csv: what each image is for each fold.

    The other folds are divided into blocks, two of each. Head number n of a fold validates with block n, and trains on
    the rest. Block 1 is the first half of the next fold, block 2 that of the fold after it, and so on; the second
    halves follow. Of two folds, the other one is trained on as a whole, and its block is 0.

    >>> roles(["a", "b", "c"], [0, 1, 2], [set(), set(), {0}], [True, True, True]).head(3).values.tolist()
    [['a', 0, 'test', 0], ['b', 0, 'train', 1], ['c', 0, 'excluded', 0]]

    Args:
        paths: of the images.
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
    """Return a half of each fold, by group and stratified by class, as a bool array of the images.

    A whole fold for validation is more than choosing an epoch takes, and is lost for training: see
    docs/results/head-selection.md. A fold that is too small to be divided is in it as a whole.

    Args:
        labels, groups, fold: class name, group number and fold number of each image.
        seed: seeds the order among groups that are alike.
    """
    labels, groups, fold = (np.asarray(column) for column in (labels, groups, fold))
    first = np.ones(len(fold), bool)
    for number in np.unique(fold):
        rows = np.flatnonzero(fold == number)
        with contextlib.suppress(UserError):
            first[rows] = folds(labels[rows], groups[rows], 2, seed) == 0
    return first
