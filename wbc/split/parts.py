"""Division of images into train, valid and test, by file as in the original study or by group, and into folds."""

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from wbc.common.errors import UserError
from wbc.split.schemes import PARTS

Shares = tuple[float, float]  # of each class: train, valid; the rest is test

NEARLY_ALL = 0.8  # share of a class's images in groups of two or more, above which small groups are suspicious
SMALL = 0.6  # of the usual size; chosen among 0.3, 0.5, 0.6 and 0.8: docs/results/grouping.md
ORDERS = 50  # random orders in which groups of several classes are assigned; the best result is kept
DEALT = 5000  # such groups in all orders together; a larger number of groups fits the shares in any order
LACKING = (0, 2, 1)  # parts by priority: train, test, valid


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


def split_by_group(
    labels: npt.ArrayLike, groups: npt.ArrayLike, shares: Shares, seed: int, given: npt.ArrayLike | None = None
) -> np.ndarray:
    """Assign whole groups to parts, stratified by class, as close to the shares of images as the groups allow.

    Groups of one class are assigned class by class, the larger ones first, each to the part that lacks most images. A
    class with at least three such groups is in every part.

    Groups of several classes, such as patients, are assigned before. Each goes to the part that lacks the largest share
    of its classes, so that a rare class counts as much as a frequent one. Several random orders are tried. The order
    with the fewest parts without a class is kept, and among equals the one closest to the shares.

    If nearly all images of a class have near-duplicates, a much smaller group is probably an unrecognized piece of
    another. Such groups go to valid, where they do least harm, as long as it has room.

    Args:
        labels: class name of each image.
        groups: group number of each image.
        shares: (train, valid) shares of each class's images; the rest is test.
        seed: seeds the order among groups of one size.
        given: whether the user gave the group of each image; such a group is never a piece of another. None if all
            groups were found.

    Returns:
        array of "train", "valid" or "test", one per image; equal for all images of a group.

    Raises:
        UserError: no class has two groups, so nothing can be tested.
    """
    names, label_numbers = np.unique(np.asarray(labels), return_inverse=True)
    _, group_numbers, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    counts = np.zeros((len(sizes), len(names)), int)  # images of each class in each group
    np.add.at(counts, (group_numbers, label_numbers), 1)
    is_given = np.zeros(len(sizes), bool)
    np.logical_or.at(is_given, group_numbers, False if given is None else np.asarray(given))
    wanted = np.array([part_sizes(count, shares) for count in counts.sum(axis=0)])

    mixed = np.flatnonzero((counts > 0).sum(axis=1) > 1)
    orders = min(ORDERS, max(1, DEALT // len(mixed))) if len(mixed) > 1 else 1
    best: tuple[tuple[int, float], np.ndarray] | None = None
    for order in range(orders):
        part_of_group = np.full(len(sizes), -1)
        _deal_mixed(counts, wanted, mixed, part_of_group, np.random.default_rng([seed, order]))
        for number, name in enumerate(names):
            members = np.flatnonzero(counts[:, number] == sizes)
            # Seeded by the class's name, so that adding or removing a class doesn't change the split of the others.
            members = members[np.random.default_rng([seed, *name.encode()]).permutation(len(members))]
            members = members[np.argsort(-sizes[members], kind="stable")]
            found = _part_counts(counts[mixed, number], part_of_group[mixed])
            _deal_class(
                sizes, wanted[number] - found, members, is_given, set(np.flatnonzero(found == 0)), part_of_group
            )
        placed = np.array([_part_counts(counts[:, number], part_of_group) for number in range(len(names))])
        badness = (
            int((placed == 0).sum()),
            float((((placed - wanted) / wanted.sum(axis=1, keepdims=True)) ** 2).sum()),
        )
        if best is None or badness < best[0]:
            best = (badness, part_of_group)
    assert best is not None
    part_of_group = best[1]
    if PARTS.index("test") not in part_of_group:
        raise UserError(
            f"The {len(group_numbers):,} images are {len(sizes):,} groups, and no class has a second one: whatever is "
            "scored, nothing of its class is left to learn from."
        )
    return np.array(PARTS)[part_of_group[group_numbers]]


def folds(labels: npt.ArrayLike, groups: npt.ArrayLike, count: int, seed: int) -> np.ndarray:
    """Assign whole groups to the folds of a cross-validation, each class spread as evenly as its groups allow.

    A class with fewer groups than folds is missing from some of them.

    Args:
        labels: class name of each image.
        groups: group number of each image.
        count: folds, at least 2.
        seed: seeds the order among equal groups.

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
    return _spread(labels, groups, fold, count)


def usual_size(sizes: np.ndarray) -> int:
    """Return the usual size of a class's groups: half of its images are in groups at least as large.

    It is 0 unless nearly all images have a near-duplicate.

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
    """Return the most frequent class name of each group, in the order of the groups' numbers."""
    names, label_numbers = np.unique(labels, return_inverse=True)
    _, group_numbers, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return names[_most_frequent(group_numbers, label_numbers, len(sizes))]


def part_sizes(count: int, shares: Shares) -> list[int]:
    """Return the numbers of a class's `count` images in train, valid and test.

    The rounding is the original study's, `int(count * share)` in floating point: 700 images give 489, 105 and 106
    (700 * 0.7 is 489.99…). A part that would be empty gets an image if there are enough.

    >>> part_sizes(700, (0.7, 0.15))
    [489, 105, 106]
    >>> part_sizes(4, (0.7, 0.15))
    [2, 1, 1]
    """
    train, valid = int(count * shares[0]), int(count * shares[1])
    sizes = [train, valid, count - train - valid]
    # One image is for train; two are for train and test; three or more are for all parts.
    for part in ([], [0], [0, 2], [0, 2, 1])[min(count, 3)]:
        if sizes[part] == 0:
            giver = 2 if sizes[2] > 1 else int(np.argmax(sizes))
            sizes[giver] -= 1
            sizes[part] += 1
    return [int(size) for size in sizes]


def _spread(labels: np.ndarray, groups: np.ndarray, fold: np.ndarray, count: int) -> np.ndarray:
    """Improve folds with groups of several classes until each class is in as many folds as its groups allow.

    A group is moved to a fold that lacks one of its classes, in exchange for a group there or for none. Each time, the
    move is made that leaves the fewest folds without a class, and then the most even classes.
    """
    _, label_numbers = np.unique(labels, return_inverse=True)
    _, first, group_numbers = np.unique(groups, return_index=True, return_inverse=True)
    images = np.zeros((len(first) + 1, label_numbers.max() + 1), int)  # of each class in each group; the last is none
    np.add.at(images, (group_numbers, label_numbers), 1)
    fold_of, none = fold[first], len(first)
    placed = np.zeros((count, images.shape[1]), int)
    np.add.at(placed, fold_of, images[:none])
    reach = np.minimum((images > 0).sum(axis=0), count)  # folds that each class can be in

    def badness(placed: np.ndarray) -> tuple[int, float]:
        missing = np.maximum(reach - (placed > 0).sum(axis=0), 0).sum()
        return int(missing), round(float((placed / placed.sum(axis=0)).var(axis=0).sum()), 9)

    def moved(group: int, other: int, target: int) -> np.ndarray:
        after, change = placed.copy(), images[group] - images[other]
        after[target] += change
        after[fold_of[group]] -= change
        return after

    while (now := badness(placed))[0]:
        moves = [
            (badness(moved(group, other, target)), group, other, target)
            for name in np.flatnonzero((placed > 0).sum(axis=0) < reach)
            for group in np.flatnonzero(images[:none, name]).tolist()
            for target in np.flatnonzero(placed[:, name] == 0).tolist()
            for other in [*np.flatnonzero(fold_of == target).tolist(), none]
        ]
        best, group, other, target = min(moves)
        if best >= now:
            break
        placed = moved(group, other, target)
        home, fold_of[group] = fold_of[group], target
        if other < none:
            fold_of[other] = home
    return fold_of[group_numbers]


def _aside(sizes: np.ndarray, room: int) -> np.ndarray:
    """Mark the suspiciously small groups of a class; `sizes` in falling order, `room` images in valid."""
    aside, usual = np.zeros(len(sizes), bool), usual_size(sizes)
    for group in range(len(sizes) - 1, 1, -1):  # the smallest first; two groups are left for train and test
        if sizes[group] >= SMALL * usual or sizes[group] > room:
            break
        aside[group] = True
        room -= sizes[group]
    return aside


def _part_counts(images: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return the number of a class's images in each part, int (3,), given `images` and `parts` of each group."""
    return np.bincount(parts, images, len(PARTS)).astype(int)


def _deal_mixed(
    counts: np.ndarray, wanted: np.ndarray, mixed: np.ndarray, part_of_group: np.ndarray, random: np.random.Generator
) -> None:
    """Assign groups of several classes to parts, in a random order, mostly large groups first.

    Args:
        counts: images of each class in each group, (groups, classes).
        wanted: images of each class in each part, (classes, 3).
        mixed: numbers of the groups with several classes.
        part_of_group: int (groups,), changed in place.
        random: decides the order.
    """
    of_class = counts.sum(axis=0)
    asked = wanted / of_class[:, None]  # as shares of each class
    lacking = asked.copy()
    left, empty = (counts > 0).sum(axis=0), np.ones(lacking.shape, bool)
    weight = (counts[mixed] / of_class).sum(axis=1) * random.uniform(0.5, 1.5, len(mixed))
    for group in mixed[np.argsort(-weight, kind="stable")]:
        classes = np.flatnonzero(counts[group])
        share = counts[group, classes] / of_class[classes]
        # When a class has no more groups left than parts without it, each of those parts gets one.
        needed = empty[classes[left[classes] <= empty[classes].sum(axis=1)]].any(axis=0)
        candidates = [part for part in LACKING if needed[part] or not needed.any()]
        behind = lacking[classes] - lacking[classes].sum(axis=1, keepdims=True) * asked[classes]
        part = max(candidates, key=lambda part: round(float(share @ behind[:, part]), 9))
        part_of_group[group] = part
        lacking[classes, part] -= share
        empty[classes, part] = False
        left[classes] -= 1


def _deal_class(
    sizes: np.ndarray,
    wanted: np.ndarray,
    members: np.ndarray,
    is_given: np.ndarray,
    empty: set[int],
    part_of_group: np.ndarray,
) -> None:
    """Assign a class's groups to parts.

    Args:
        sizes: images of each group.
        wanted: images that each part still lacks; changed in place.
        members: numbers of the groups, the larger ones first.
        is_given: whether the user gave each group.
        empty: parts that have no image of the class.
        part_of_group: int (groups,), changed in place.
    """
    found = members[~is_given[members]]
    aside = found[_aside(sizes[found], wanted[1])]
    part_of_group[aside] = PARTS.index("valid")
    wanted[1] -= sizes[aside].sum()
    rest = members[~np.isin(members, aside)]
    part_of_group[rest] = _assign(sizes[rest], wanted.tolist(), empty - {1} if len(aside) else empty)


def _assign(sizes: np.ndarray, wanted: list[int], empty: set[int]) -> list[int]:
    """Return the part (0, 1, 2) of each group; `sizes` in falling order, `wanted` images per part, `empty` parts."""
    lacking = list(wanted)
    empty = set(empty)
    parts = []
    for position, size in enumerate(sizes):
        # When no more groups are left than parts without one, each of those parts gets one.
        needed = empty if len(sizes) - position <= len(empty) else set()
        candidates = [part for part in LACKING if part in needed or not needed]
        part = max(candidates, key=lambda part: lacking[part])
        parts.append(part)
        empty.discard(part)
        lacking[part] -= size
    return parts


def _most_frequent(groups: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Return each group's most frequent label number, the smallest among equals."""
    table = np.zeros((count, labels.max() + 1), dtype=int)
    np.add.at(table, (groups, labels), 1)
    return table.argmax(axis=1)
