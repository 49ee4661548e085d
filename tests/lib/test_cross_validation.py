import doctest

import numpy as np
import pytest

from stages.lib import cross_validation
from stages.lib.cross_validation import outside, predict, rounds
from stages.lib.errors import UserError
from stages.lib.training import TrainParams
from tests.lib.test_training import PARAMS

FOLD = np.array([0, 1, 2, 3, 4, 4, 3, 2, 1, 0])


def test_the_example():
    assert doctest.testmod(cross_validation).attempted >= 1
    assert doctest.testmod(cross_validation).failed == 0


def test_every_image_is_tested_once_and_never_by_what_saw_it():
    found = rounds(FOLD)
    assert sorted(np.concatenate([test for _, _, test in found])) == list(range(10))
    for train, valid, test in found:
        assert sorted(np.concatenate([train, valid, test])) == list(range(10))
        assert len(set(FOLD[valid])) == len(set(FOLD[test])) == 1
        assert not set(FOLD[train]) & set(FOLD[np.concatenate([valid, test])])


def test_the_next_fold_validates():
    assert [(FOLD[test[0]], FOLD[valid[0]]) for _, valid, test in rounds(FOLD)] == [
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (4, 0),
    ]


def test_numbers_that_are_missing_are_passed_over():
    assert [(test.tolist(), valid.tolist()) for _, valid, test in rounds([7, 2, 5])] == [
        ([1], [2]),
        ([2], [0]),
        ([0], [1]),
    ]


def test_of_two_folds_the_other_is_trained_on():
    (train, valid, test), _ = rounds([0, 0, 1])
    assert (train.tolist(), valid.tolist(), test.tolist()) == ([2], [], [0, 1])


def test_pairs_held_out_in_either_order_leave_the_same():
    for pair in ([1, 3], [3, 1], [4, 0], [0, 4]):
        train, valid = outside(FOLD, pair)
        assert not set(FOLD[train]) & {*pair, FOLD[valid[0]]}
        assert FOLD[valid[0]] not in pair
        assert [part.tolist() for part in outside(FOLD, pair[::-1])] == [train.tolist(), valid.tolist()]


def test_one_fold_leaves_nothing():
    with pytest.raises(UserError, match="none is left to learn from"):
        rounds([0, 0, 0])


def test_a_head_tells_what_it_was_trained_on_and_does_not_depend_on_the_one_before():
    random = np.random.default_rng(0)
    labels = random.integers(3, size=90)
    features = (random.normal(size=(90, 2, 20)) + 4 * np.eye(20)[labels][:, None]).astype(np.float16)
    params = TrainParams(seed=1, head={"units": [], "dropout": 0.0, "l2": 0.0}, optimiser=PARAMS | {"epochs": 20})
    train, valid, test = np.arange(50), np.arange(50, 70), np.arange(70, 90)
    first = predict(features, labels, 3, train, valid, test, params)
    assert first.shape == (20, 3)
    assert first.sum(axis=1) == pytest.approx(np.ones(20), abs=1e-5)
    assert (first.argmax(axis=1) == labels[test]).mean() > 0.9
    other = predict(features, labels, 3, train[:30], valid, test, params)
    assert (other != first).any()
    assert (predict(features, labels, 3, train, valid, test, params) == first).all()
