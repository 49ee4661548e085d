import doctest

import numpy as np
import pandas as pd

from wbc.split import folds
from wbc.split.folds import exclude, halves, roles
from wbc.split.table import Splits

FOLD = np.array([0, 1, 2, 3, 4, 4, 3, 2, 1, 0])


def rounds(fold, excluded=None, first_half=None):
    """The rounds of images named by their numbers; by default none is excluded, and a fold is one block."""
    paths = [f"{number:03d}" for number in range(len(fold))]
    excluded = [set()] * len(fold) if excluded is None else excluded
    first_half = np.ones(len(fold), bool) if first_half is None else first_half
    return Splits(pd.DataFrame({"path": paths}), roles(paths, fold, excluded, first_half)).rounds()


def test_the_example():
    assert doctest.testmod(folds).attempted >= 1
    assert doctest.testmod(folds).failed == 0


def test_every_image_is_tested_once_and_never_by_what_was_trained_on_it():
    found = rounds(FOLD)
    assert [one.fold for one in found] == list(range(5))
    assert sorted(np.concatenate([one.test for one in found])) == list(range(10))
    for one in found:
        assert sorted([*one.train, *one.test]) == list(range(10))
        assert set(FOLD[one.test]) == {one.fold}


def test_each_head_validates_with_another_block():
    """Block 1 is of the next fold, block 2 of the one after it; the second halves follow."""
    first_half = np.array([True] * 5 + [False] * 5)
    for one in rounds(FOLD, first_half=first_half):
        valid = [one.for_head(number)[1].tolist() for number in range(1, 10)]
        others = [(one.fold + step) % 5 for step in range(1, 5)]
        assert valid[:4] == [[number] for number in others]
        assert valid[4:8] == [[9 - number] for number in others]
        assert valid[8] == valid[0]
        for number in range(1, 9):
            train, valid_rows = one.for_head(number)
            assert sorted([*train, *valid_rows, *one.test]) == list(range(10))


def test_of_two_folds_the_other_is_trained_on_as_a_whole():
    first, second = rounds(np.array([0, 0, 1]))
    assert [rows.tolist() for rows in first.for_head(1)] == [[2], []]
    assert [rows.tolist() for rows in second.for_head(2)] == [[0, 1], []]


def test_what_might_show_a_scored_cell_is_not_trained_on():
    """Photographs 0 and 5 might show one cell: neither is trained on in the round that scores the other."""
    photo_id, fold = np.arange(10), np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    excluded, too_doubtful = exclude(["a"] * 10, fold, photo_id, np.array([[0, 5]]), photo_id)
    assert excluded == [{2}, *[set()] * 4, {0}, *[set()] * 4] and too_doubtful == []
    for plain, careful in zip(rounds(fold), rounds(fold, excluded), strict=True):
        assert plain.test.tolist() == careful.test.tolist()  # each is scored all the same
        scored = set(careful.test.tolist())
        assert set(plain.train) - set(careful.train) == ({5} if 0 in scored else {0} if 5 in scored else set())


def test_all_copies_of_a_doubtful_photograph_are_excluded_and_one_may_be_from_two_rounds():
    photo_id, fold = np.array([0, 0, 1, 2, 3, 4]), np.array([0, 0, 1, 2, 3, 3])
    excluded, _ = exclude(["a"] * 6, fold, photo_id, np.array([[0, 1], [0, 2], [3, 4]]), photo_id)
    assert excluded == [{1, 2}, {1, 2}, {0}, {0}, set(), set()]


def test_a_class_keeps_half_of_its_images():
    """All of a that fold 0 could train on is doubtful: the likelier is excluded. Fold 1 could train on one image."""
    photo_id, fold = np.arange(6), np.array([0, 1, 1, 0, 1, 1])
    excluded, too_doubtful = exclude(list("aaabbb"), fold, photo_id, np.array([[0, 2], [0, 1], [3, 4]]), photo_id)
    assert excluded == [set(), set(), {0}, set(), {0}, set()] and too_doubtful == ["a", "b"]


def pieces_of(sizes, folds_of_groups):
    """The folds for which groups of such sizes in one class are excluded, {group: folds}; no pair is doubtful."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    excluded, too_doubtful = exclude(
        ["a"] * len(group), np.array(folds_of_groups)[group], group, np.empty((0, 2), int), group
    )
    assert too_doubtful == []
    return {number: folds_of for number, folds_of in zip(group.tolist(), excluded, strict=True) if folds_of}


def test_two_groups_that_are_a_cell_together_are_not_trained_on_for_each_other():
    """Six copies are usual. Groups of 5 and 1 may be one cell; one of 6 is whole, and 5 and 4 are too many."""
    assert pieces_of([6, 6, 6, 6, 5, 1], [0, 1, 2, 3, 0, 1]) == {4: {1}, 5: {0}}
    assert pieces_of([6, 6, 6, 6, 5, 4], [0, 1, 2, 3, 0, 1]) == {}
    assert pieces_of([6, 6, 6, 6, 2, 2, 2], [0, 1, 2, 3, 0, 1, 1]) == {4: {1}, 5: {0}, 6: {0}}


def test_copies_that_are_one_more_or_less_are_no_pieces():
    assert pieces_of([4, 4, 4, 3, 3, 3], [0, 1, 2, 0, 1, 2]) == {}


def test_cells_that_have_as_many_images_as_they_happen_to_have_are_no_pieces():
    assert pieces_of([12, 9, 7, 5, 4, 3, 2], [0, 1, 2, 0, 1, 2, 0]) == {}


def test_where_most_images_have_no_copy_a_single_image_is_no_piece():
    assert pieces_of([2, 2, 1, 1, 1, 1], [0, 1, 2, 0, 1, 2]) == {}


def test_pieces_are_of_one_class():
    labels = np.array(list("aaaaaabbbbbb"))
    group = np.array([0, 0, 0, 1, 1, 2, 3, 3, 3, 4, 4, 5])
    fold = np.array([0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 2])
    excluded, _ = exclude(labels, fold, group, np.empty((0, 2), int), group)
    assert excluded == [set()] * 9 + [{2}, {2}, {1}]


def test_half_of_a_fold_validates_and_the_other_half_is_trained_on():
    labels = np.array((["a"] * 8 + ["b"] * 4) * 3)
    fold, groups = np.repeat([0, 1, 2], 12), np.arange(36) // 2
    half = halves(labels, groups, fold, seed=1)
    for one in rounds(fold, first_half=half):
        train, valid = one.for_head(1)
        assert sorted(np.concatenate([train, valid, one.test])) == list(range(36))
        assert not set(groups[train]) & set(groups[valid])
        assert np.unique(labels[valid], return_counts=True)[1].tolist() == [4, 2]
    assert (half == halves(labels, groups, fold, seed=1)).all()
    assert any((half != halves(labels, groups, fold, seed)).any() for seed in range(2, 6))


def test_a_fold_of_one_group_validates_as_a_whole():
    half = halves(["a"] * 6, [0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 1, 1], seed=1)
    assert half[:2].all() and half[2:].sum() == 2
