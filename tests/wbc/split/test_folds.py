import doctest

import numpy as np

from wbc.split import folds
from wbc.split.folds import halves, withhold
from wbc.split.rounds import cv_rounds

FOLD = np.array([0, 1, 2, 3, 4, 4, 3, 2, 1, 0])


def test_the_example():
    assert doctest.testmod(folds).attempted >= 1
    assert doctest.testmod(folds).failed == 0


def test_what_might_show_a_scored_cell_is_not_learned_from():
    """Photographs 0 and 5 might show one cell: neither is learned from in the round that scores the other."""
    photo_id, fold = np.arange(10), np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    withheld, too_doubtful = withhold(["a"] * 10, fold, photo_id, np.array([[0, 5]]), photo_id)
    assert withheld == ["2", "", "", "", "", "0", "", "", "", ""] and too_doubtful == []
    for plain, careful in zip(cv_rounds(fold), cv_rounds(fold, withheld), strict=True):
        assert plain[2].tolist() == careful[2].tolist()  # each is scored all the same
        scored = set(careful[2].tolist())
        left_out = {row for row in range(10) if not any(row in part for part in careful)}
        assert left_out == ({5} if 0 in scored else {0} if 5 in scored else set())


def test_all_copies_of_a_doubtful_photograph_are_withheld_and_one_may_be_from_two_rounds():
    photo_id, fold = np.array([0, 0, 1, 2, 3, 4]), np.array([0, 0, 1, 2, 3, 3])
    withheld, _ = withhold(["a"] * 6, fold, photo_id, np.array([[0, 1], [0, 2], [3, 4]]), photo_id)
    assert withheld == ["1 2", "1 2", "0", "0", "", ""]


def test_a_class_keeps_half_of_its_images():
    """All of a that round 0 could learn is doubtful: the likelier is withheld. Round 1 could learn one image."""
    photo_id, fold = np.arange(6), np.array([0, 1, 1, 0, 1, 1])
    withheld, too_doubtful = withhold(list("aaabbb"), fold, photo_id, np.array([[0, 2], [0, 1], [3, 4]]), photo_id)
    assert withheld == ["", "", "0", "", "0", ""] and too_doubtful == ["a", "b"]


def pieces_of(sizes, folds_of_groups):
    """What is withheld of groups of such sizes in one class, {group: text}; no pair is doubtful."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    withheld, too_doubtful = withhold(
        ["a"] * len(group), np.array(folds_of_groups)[group], group, np.empty((0, 2), int), group
    )
    assert too_doubtful == []
    return {number: text for number, text in zip(group.tolist(), withheld, strict=True) if text}


def test_two_groups_that_are_a_cell_together_are_not_learned_from_for_each_other():
    """Six copies are usual. Groups of 5 and 1 may be one cell; one of 6 is whole, and 5 and 4 are too many."""
    assert pieces_of([6, 6, 6, 6, 5, 1], [0, 1, 2, 3, 0, 1]) == {4: "1", 5: "0"}
    assert pieces_of([6, 6, 6, 6, 5, 4], [0, 1, 2, 3, 0, 1]) == {}
    assert pieces_of([6, 6, 6, 6, 2, 2, 2], [0, 1, 2, 3, 0, 1, 1]) == {4: "1", 5: "0", 6: "0"}


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
    withheld, _ = withhold(labels, fold, group, np.empty((0, 2), int), group)
    assert withheld == [""] * 9 + ["2", "2", "1"]


def test_half_of_a_fold_validates_and_the_other_half_is_learned_from():
    labels = np.array((["a"] * 8 + ["b"] * 4) * 3)
    fold, groups = np.repeat([0, 1, 2], 12), np.arange(36) // 2
    half = halves(labels, groups, fold, seed=1)
    for train, valid, test in cv_rounds(fold, validates=half):
        assert sorted(np.concatenate([train, valid, test])) == list(range(36))
        assert not set(groups[train]) & set(groups[valid])
        assert np.unique(labels[valid], return_counts=True)[1].tolist() == [4, 2]
    assert (half == halves(labels, groups, fold, seed=1)).all()
    assert any((half != halves(labels, groups, fold, seed)).any() for seed in range(2, 6))


def test_a_fold_of_one_group_validates_as_a_whole():
    half = halves(["a"] * 6, [0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 1, 1], seed=1)
    assert half[:2].all() and half[2:].sum() == 2
