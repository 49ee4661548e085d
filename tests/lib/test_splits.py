from collections import Counter

import numpy as np
import pytest

from stages.lib.splits import PARTS, part_sizes, split_by_group, split_by_image

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
