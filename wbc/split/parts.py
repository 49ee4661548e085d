"""Dividing images among train, valid and test, by file as the original study did or by group, and among folds."""

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from wbc.common.errors import UserError
from wbc.split.schemes import PARTS

Shares = tuple[float, float]  # of each class: train, valid; the rest is test

NEARLY_ALL = 0.8  # of a class's images in groups of two or more: small groups are then suspicious
SMALL = 0.6  # of the usual size; chosen among 0.3, 0.5, 0.6 and 0.8: docs/results/grouping.md


def split_by_image(labels: Sequence[str] | np.ndarray, shares: Shares, seed: int) -> np.ndarray:
    """Assign each image to a part at random, stratified by class.

    Args:
        labels: class name of each image.
        shares: (train, valid) shares of each class; the rest is test.
        seed: seeds the shuffling; each class is shuffled independently of the others.

    Returns:
        array of "train", "valid" or "test", one per image.
    """
    return split_by_group(labels, np.arange(len(labels)), shares, seed)


def split_by_group(labels: npt.ArrayLike, groups: npt.ArrayLike, shares: Shares, seed: int) -> np.ndarray:
    """Assign whole groups to parts, stratified by class, as near to the shares of images as the groups allow.

    Larger groups go first, each to the part that lacks most images. Every class is in every part where it has at least
    three groups. A group whose images have several labels counts for its most frequent one (the first by name among
    equals).

    Where nearly all images of a class have near-duplicates, a group much smaller than is usual there is rather a part
    of another that was not recognized. Such groups go where they do least harm if so: to valid, as long as that has
    room.

    Args:
        labels: class name of each image.
        groups: group number of each image.
        shares: (train, valid) shares of each class's images; the rest is test.
        seed: seeds the order among groups of one size.

    Returns:
        array of "train", "valid" or "test", one per image; equal for all images of a group.

    Raises:
        UserError: no class has two groups, so nothing can be tested.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    names, label_numbers = np.unique(labels, return_inverse=True)
    _, group_numbers, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    group_labels = _most_frequent(group_numbers, label_numbers, len(sizes))
    part_of_group = np.empty(len(sizes), dtype=int)
    for number, name in enumerate(names):
        members = np.flatnonzero(group_labels == number)
        if len(members) == 0:
            continue  # all its images are in groups that count for another class
        # Seeded by the class's name: another class coming or going leaves this one's split as it was.
        random = np.random.default_rng([seed, *name.encode()])
        members = members[random.permutation(len(members))]
        members = members[np.argsort(-sizes[members], kind="stable")]
        wanted = part_sizes(sizes[members].sum(), shares)
        aside = _aside(sizes[members], wanted[1])
        part_of_group[members[aside]] = PARTS.index("valid")
        wanted[1] -= sizes[members[aside]].sum()
        rest = members[~aside]
        part_of_group[rest] = _assign(sizes[rest], wanted, {0, 2} if aside.any() else {0, 1, 2})
    if PARTS.index("test") not in part_of_group:
        raise UserError(
            f"The {len(labels):,} images are {len(sizes):,} groups, and no class has a second one: whatever is scored, "
            "nothing of its class is left to learn from."
        )
    return np.array(PARTS)[part_of_group[group_numbers]]


def folds(labels: npt.ArrayLike, groups: npt.ArrayLike, count: int, seed: int) -> np.ndarray:
    """Assign whole groups to the folds of a cross-validation, each class spread as evenly as its groups allow.

    A class with fewer groups than folds is missing from some of them.

    Args:
        labels: class name of each image.
        groups: group number of each image.
        count: folds, at least 2.
        seed: seeds the order among groups that are alike.

    Returns:
        int array of fold numbers from 0, one per image; equal for all images of a group.

    Raises:
        UserError: there are fewer groups than folds, or no class has as many images as there are folds.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    images, group_count = np.unique(labels, return_counts=True)[1].max(), len(np.unique(groups))
    if min(images, group_count) < count:
        raise UserError(
            f"{count} folds were asked for, but there are {group_count} groups, and the largest class has {images} "
            "images: "
            "neither may be fewer than the folds."
        )
    fold = np.empty(len(labels), dtype=int)
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # of a class with fewer images than folds
        parts = StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(labels, labels, groups)
        for number, (_, members) in enumerate(parts):
            fold[members] = number
    return fold


def usual_size(sizes: np.ndarray) -> int:
    """Return the size of group that is usual in a class: half of its images are in groups at least as large.

    0 where none is: where not nearly all images have a near-duplicate.

    >>> usual_size(np.array([6, 6, 6, 5, 1])), usual_size(np.array([2, 1, 1, 1]))
    (6, 0)

    Args:
        sizes: images of each group.
    """
    if not len(sizes) or sizes[sizes > 1].sum() < NEARLY_ALL * sizes.sum():
        return 0
    falling = -np.sort(-sizes)
    return int(falling[np.searchsorted(np.cumsum(falling), sizes.sum() / 2)])


def labels_of_groups(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the class name that each group counts for, its most frequent one, in the order of the groups' numbers."""
    names, label_numbers = np.unique(labels, return_inverse=True)
    _, group_numbers, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return names[_most_frequent(group_numbers, label_numbers, len(sizes))]


def part_sizes(count: int, shares: Shares) -> list[int]:
    """Return how many of a class's `count` images belong in train, valid and test.

    The original study's rounding, `int(count * share)` in floating point: 700 images give 489, 105 and 106
    (700 * 0.7 is 489.99…). Where that leaves a part empty that could have an image, it gets one.

    >>> part_sizes(700, (0.7, 0.15))
    [489, 105, 106]
    >>> part_sizes(4, (0.7, 0.15))
    [2, 1, 1]
    """
    train, valid = int(count * shares[0]), int(count * shares[1])
    sizes = [train, valid, count - train - valid]
    # One image can only be learnt from; two, learnt from and tested on; three or more serve all parts.
    for part in ([], [0], [0, 2], [0, 2, 1])[min(count, 3)]:
        if sizes[part] == 0:
            giver = 2 if sizes[2] > 1 else int(np.argmax(sizes))
            sizes[giver] -= 1
            sizes[part] += 1
    return [int(size) for size in sizes]


def _aside(sizes: np.ndarray, room: int) -> np.ndarray:
    """Return which groups of a class are suspiciously small; `sizes` in falling order, `room` images in valid."""
    aside, usual = np.zeros(len(sizes), bool), usual_size(sizes)
    for group in range(len(sizes) - 1, 1, -1):  # the smallest first; two groups are left for train and test
        if sizes[group] >= SMALL * usual or sizes[group] > room:
            break
        aside[group] = True
        room -= sizes[group]
    return aside


def _assign(sizes: np.ndarray, wanted: list[int], empty: set[int]) -> list[int]:
    """Return the part (0, 1, 2) of each group; `sizes` in falling order, `wanted` images per part, `empty` parts."""
    lacking = list(wanted)
    empty = set(empty)
    parts = []
    for position, size in enumerate(sizes):
        # When no more groups are left than parts without one, each of those parts gets one.
        candidates = empty if empty and len(sizes) - position <= len(empty) else (0, 1, 2)
        # Among equals train comes first, then test: what can't be tested is of less use than what can't be validated.
        part = max(candidates, key=lambda part: (lacking[part], (2, 0, 1)[part]))
        parts.append(part)
        empty.discard(part)
        lacking[part] -= size
    return parts


def _most_frequent(groups: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Return each group's most frequent label number, the smallest among equals."""
    table = np.zeros((count, labels.max() + 1), dtype=int)
    np.add.at(table, (groups, labels), 1)
    return table.argmax(axis=1)
