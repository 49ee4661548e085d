import doctest

import numpy as np
import pytest

from wbc.core.errors import UserError
from wbc.splitting import rounds
from wbc.splitting.rounds import cv_rounds, outside

FOLD = np.array([0, 1, 2, 3, 4, 4, 3, 2, 1, 0])


def test_the_example():
    assert doctest.testmod(rounds).attempted >= 1
    assert doctest.testmod(rounds).failed == 0


def test_every_image_is_tested_once_and_never_by_what_saw_it():
    found = cv_rounds(FOLD)
    assert sorted(np.concatenate([test for _, _, test in found])) == list(range(10))
    for train, valid, test in found:
        assert sorted(np.concatenate([train, valid, test])) == list(range(10))
        assert len(set(FOLD[valid])) == len(set(FOLD[test])) == 1
        assert not set(FOLD[train]) & set(FOLD[np.concatenate([valid, test])])


def test_the_next_fold_validates():
    assert [(FOLD[test[0]], FOLD[valid[0]]) for _, valid, test in cv_rounds(FOLD)] == [
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (4, 0),
    ]


def test_at_each_turn_another_fold_validates():
    validating = [[FOLD[valid[0]] for _, valid, _ in cv_rounds(FOLD, turn=turn)] for turn in range(5)]
    assert validating[1] == [2, 3, 4, 0, 1]
    assert sorted(fold for fold, *_ in validating[:4]) == [1, 2, 3, 4]
    assert validating[4] == validating[0]


def test_numbers_that_are_missing_are_passed_over():
    assert [(test.tolist(), valid.tolist()) for _, valid, test in cv_rounds([7, 2, 5])] == [
        ([1], [2]),
        ([2], [0]),
        ([0], [1]),
    ]


def test_of_two_folds_the_other_is_trained_on():
    (train, valid, test), _ = cv_rounds([0, 0, 1])
    assert (train.tolist(), valid.tolist(), test.tolist()) == ([2], [], [0, 1])


def test_pairs_held_out_in_either_order_leave_the_same():
    for pair in ([1, 3], [3, 1], [4, 0], [0, 4]):
        train, valid = outside(FOLD, pair)
        assert not set(FOLD[train]) & {*pair, FOLD[valid[0]]}
        assert FOLD[valid[0]] not in pair
        assert [part.tolist() for part in outside(FOLD, pair[::-1])] == [train.tolist(), valid.tolist()]


def test_one_fold_leaves_nothing():
    with pytest.raises(UserError, match="none is left to learn from"):
        cv_rounds([0, 0, 0])
