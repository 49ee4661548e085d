from collections import Counter

import numpy as np
import pytest

from wbc.common.errors import UserError
from wbc.split.parts import PARTS, folds, part_sizes, split_by_group, split_by_image

SHARES = (0.7, 0.15)


def test_the_original_studys_sizes():
    labels = np.repeat(["basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil"], 700)
    parts = split_by_image(labels, SHARES, seed=1)
    assert Counter(parts) == {"train": 2445, "valid": 525, "test": 530}
    for label in set(labels):
        assert Counter(parts[labels == label]) == {"train": 489, "valid": 105, "test": 106}


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(1, [1, 0, 0]), (2, [1, 0, 1]), (3, [1, 1, 1]), (4, [2, 1, 1]), (5, [3, 1, 1]), (7, [4, 1, 2]), (20, [14, 3, 3])],
)
def test_small_classes_serve_every_part_they_can(count, sizes):
    assert part_sizes(count, SHARES) == sizes


def test_sizes_always_add_up():
    for count in range(1, 2000):
        sizes = part_sizes(count, SHARES)
        assert sum(sizes) == count
        assert min(sizes) >= 0


def test_a_seed_is_a_split_and_another_seed_another():
    labels = np.repeat(["a", "b"], 50)
    first, again, other = (split_by_image(labels, SHARES, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_another_class_changes_nothing_for_this_one():
    labels = np.repeat(["b", "c"], 50)
    with_a = np.concatenate([["a"] * 30, labels])
    assert (split_by_image(with_a, SHARES, 1)[30:] == split_by_image(labels, SHARES, 1)).all()


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_divided_and_shares_are_near(seed):
    random = np.random.default_rng(seed)
    groups = np.sort(random.integers(120, size=1500))
    labels = np.array(["a", "b", "c"])[groups % 3]
    order = random.permutation(1500)
    parts = split_by_group(labels[order], groups[order], SHARES, seed)
    for group in set(groups):
        assert len(set(parts[groups[order] == group])) == 1
    for label in "abc":
        shares = Counter(parts[labels[order] == label])
        total = sum(shares.values())
        assert [shares[part] / total for part in PARTS] == pytest.approx([0.7, 0.15, 0.15], abs=0.02)


@pytest.mark.parametrize("sizes", [(233, 233, 234), (690, 5, 5), (1, 1, 698), (175, 175, 175, 175), (2, 2, 2, 2, 2)])
def test_three_groups_are_enough_for_every_part(sizes):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    parts = split_by_group(["x"] * len(groups), groups, SHARES, 1)
    assert set(parts) == set(PARTS)


def test_two_groups_are_learnt_from_and_tested():
    assert set(split_by_group(["x"] * 10, [0] * 5 + [1] * 5, SHARES, 1)) == {"train", "test"}


def test_a_group_with_two_labels_stays_whole():
    labels = ["a"] * 20 + ["b"] * 20
    groups = [*range(20), 0, 0, *range(20, 38)]  # group 0 has one image of a and two of b
    parts = split_by_group(labels, groups, SHARES, 1)
    assert parts[0] == parts[20] == parts[21]


# Cells a class as in the images that the original study used, once each, and with copies until a class has 700 images.
CELLS = {"basophil": 4, "eosinophil": 84, "lymphocyte": 33, "monocyte": 20, "neutrophil": 203}


def cells(images):
    """Labels and groups of those cells: one image of each, or about `images` a class."""
    labels = np.repeat(list(CELLS), list(CELLS.values()))
    copies = [images // CELLS[label] + (cell % 3 == 0) if images else 1 for cell, label in enumerate(labels)]
    return np.repeat(labels, copies), np.repeat(np.arange(len(labels)), copies)


@pytest.mark.parametrize("images", [None, 700])
@pytest.mark.parametrize("seed", [1, 2])
def test_folds_divide_no_group_and_spread_each_class(images, seed):
    labels, groups = cells(images)
    fold = folds(labels, groups, 5, seed)
    first = np.unique(groups, return_index=True)[1]  # an image of each group
    for label, count in CELLS.items():
        spread = Counter(fold[first[labels[first] == label]])
        expected = count / 5
        assert all(abs(spread[number] - expected) <= 1.5 for number in range(5)), (label, spread)
        by_image = [np.mean(fold[labels == label] == number) for number in range(5)]
        if count >= 20:
            assert by_image == pytest.approx([0.2] * 5, abs=0.05)
        else:
            assert sorted(by_image)[0] == 0 and sorted(by_image)[1] == pytest.approx(0.25, abs=0.01)
    assert all(len(set(fold[groups == group])) == 1 for group in set(groups))


def test_folds_are_of_the_seed():
    labels, groups = cells(None)
    assert (folds(labels, groups, 5, 1) == folds(labels, groups, 5, 1)).all()
    assert (folds(labels, groups, 5, 1) != folds(labels, groups, 5, 2)).any()


def test_folds_of_a_class_with_one_group_and_of_the_smallest_data():
    labels = np.array(["a"] * 10 + ["b"] * 10)
    fold = folds(labels, [*range(10), *[99] * 10], 5, 1)
    assert len(set(fold[10:])) == 1
    assert Counter(folds(["a", "a", "b", "b"], [0, 1, 2, 3], 2, 1)) == {0: 2, 1: 2}


@pytest.mark.parametrize(("labels", "groups"), [("aaaabbbb", [0] * 4 + [1] * 4), ("abcd", range(4))])
def test_more_folds_than_there_can_be_are_refused(labels, groups):
    with pytest.raises(UserError, match="3 folds were asked for"):
        folds(list(labels), list(groups), 3, 1)


def test_suspiciously_small_groups_serve_for_validation():
    """Where every cell has ten copies, one or two by themselves are rather copies that were not recognized."""
    sizes = [10] * 20 + [5, 2, 1, 1]
    groups = np.repeat(range(len(sizes)), sizes)
    for seed in range(5):
        parts = split_by_group(["a"] * len(groups), groups, (0.7, 0.15), seed)
        assert set(parts[groups >= 20]) == {"valid"}
        assert abs((parts == "valid").mean() - 0.15) < 0.03


def test_small_groups_are_not_suspicious_where_few_images_have_copies():
    groups = np.repeat(range(60), [10] * 2 + [1] * 58)
    parts = split_by_group(["a"] * len(groups), groups, (0.7, 0.15), seed=1)
    assert set(parts[groups >= 2]) == {"train", "valid", "test"}


def test_suspicion_never_empties_train_or_test():
    groups = np.repeat(range(4), [20, 2, 1, 1])
    parts = split_by_group(["a"] * len(groups), groups, (0.5, 0.3), seed=1)
    assert set(parts) == {"train", "valid", "test"}


def test_split_by_group_when_a_class_has_no_group_of_its_own():
    labels = ["monocyte"] * 12 + ["neutrophil"] * 12 + ["promonocyte"]
    parts = split_by_group(labels, [*range(24), 0], (0.7, 0.15), 1)
    assert parts[24] == parts[0]
    assert set(parts) == {"train", "valid", "test"}


def test_small_groups_that_the_user_gives_are_not_suspicious():
    sizes = [10] * 20 + [5, 2, 1, 1]
    groups = np.repeat(range(len(sizes)), sizes)
    parts = split_by_group(["a"] * len(groups), groups, (0.7, 0.15), 1, given=np.ones(len(groups), bool))
    assert set(parts[groups >= 20]) != {"valid"}


def patients(seed, shares, count=10, images=500):
    """Labels and patients of images; a patient has cells of every class."""
    random = np.random.default_rng(seed)
    return random.choice(list("abcd"), images, p=shares), random.integers(count, size=images)


@pytest.mark.parametrize("seed", range(4))
def test_patients_with_every_class_are_dealt_near_to_the_shares_of_each(seed):
    labels, groups = patients(seed, [0.5, 0.3, 0.15, 0.05])
    parts, fold = split_by_group(labels, groups, SHARES, seed), folds(labels, groups, 5, seed)
    for label in "abcd":
        shares = [np.mean(parts[labels == label] == part) for part in PARTS]
        assert shares == pytest.approx([0.7, 0.15, 0.15], abs=0.1), label
        assert len(set(fold[labels == label])) == 5
    assert all(len(set(parts[groups == group])) == len(set(fold[groups == group])) == 1 for group in range(10))


@pytest.mark.parametrize("seed", range(6))
def test_a_class_that_only_three_patients_have_reaches_every_part(seed):
    labels, groups = patients(seed, [0.6, 0.3, 0.1, 0])
    labels[np.flatnonzero(np.isin(groups, [2, 5, 7]))[::7]] = "d"  # never the most frequent class of a patient
    parts, fold = split_by_group(labels, groups, SHARES, seed), folds(labels, groups, 5, seed)
    assert set(parts[labels == "d"]) == set(PARTS)
    assert len(set(fold[labels == "d"])) == 3


def test_many_patients_are_dealt_as_asked():
    labels, groups = patients(1, [0.55, 0.3, 0.13, 0.02], count=400, images=8000)
    parts = split_by_group(labels, groups, SHARES, 1)
    for label in "abcd":
        assert [np.mean(parts[labels == label] == part) for part in PARTS] == pytest.approx([0.7, 0.15, 0.15], abs=0.02)


def test_of_two_patients_one_is_tested():
    assert set(split_by_group(list("aabaab"), [0, 0, 0, 1, 1, 1], SHARES, 1)) == {"train", "test"}


def test_nothing_to_test_is_refused():
    with pytest.raises(UserError, match="The 8 images are 2 groups, and no class has a second one"):
        split_by_group(["a"] * 4 + ["b"] * 4, [0] * 4 + [1] * 4, (0.7, 0.15), seed=1)
