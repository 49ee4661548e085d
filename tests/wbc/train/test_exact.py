import math

import numpy as np
import pytest

from wbc.train import exact


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_a_product_is_the_same_bits_when_its_terms_are_permuted(random):
    left, right = random.normal(size=(64, 1280)), random.normal(size=(1280, 32))
    order = random.permutation(1280)
    ours, permuted = exact.matmul_by_row(left, right), exact.matmul_by_row(left[:, order], right[order])
    assert (ours == permuted).all()
    assert (left @ right != left[:, order] @ right[order]).any()  # what it is good for


def test_a_product_is_near_the_true_one(random):
    left, right = random.normal(size=(8, 1280)), random.normal(size=(1280, 4))
    np.testing.assert_allclose(exact.matmul_by_row(left, right), left @ right, atol=3e-4)


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_a_sum_is_the_same_bits_in_any_order(random, axis):
    values = random.normal(size=(300, 40)) * 10.0 ** random.integers(-8, 8, size=(300, 1))
    flipped = exact.total(values[::-1, ::-1], axis=axis)
    expected = exact.total(values, axis=axis)
    assert np.array_equal(flipped if axis is None else flipped[::-1], expected)
    np.testing.assert_allclose(expected, values.sum(axis=axis), rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("terms", [1, 2, 3, 64, 1280, 2048, 100_000])
def test_factors_leave_room_for_all_their_products(terms):
    bits = exact.product_bits(terms)
    assert terms * 4**bits <= 2**53 < 4 * terms * 4 ** (bits + 1)


def test_exp_and_log_are_right_to_the_last_digits(random):
    below = -(10.0 ** random.uniform(-12, 2.8, 10_000))
    np.testing.assert_allclose(exact.exp(below), np.exp(below), rtol=1e-14, atol=1e-300)
    positive = 10.0 ** random.uniform(-12, 12, 10_000)
    np.testing.assert_allclose(exact.log(positive), np.log(positive), rtol=1e-14, atol=1e-15)
    assert exact.exp(np.array([0.0, -800.0, -np.inf])).tolist() == [1.0, 0.0, 0.0]
    assert exact.log(np.array([1.0])).tolist() == [0.0]


def test_mean_and_deviation_of_columns_are_the_same_bits_in_any_order_of_rows(random):
    values = (random.normal(size=(1000, 8)) * [1, 2, 3, 4, 5, 6, 7, 0] + 3).astype(np.float16)
    mean, deviation = exact.mean_and_deviation(values)
    np.testing.assert_allclose(mean, values.astype(float).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(deviation, values.astype(float).std(axis=0), rtol=1e-12)
    assert deviation[7] == 0
    again = exact.mean_and_deviation(values[random.permutation(1000)])
    assert (again[0] == mean).all() and (again[1] == deviation).all()


def test_zeros_and_nothing_at_all_stay_what_they_are():
    assert exact.matmul_by_row(np.zeros((2, 3)), np.ones((3, 2))).tolist() == [[0, 0], [0, 0]]
    assert exact.total(np.zeros((0, 2)), axis=0).tolist() == [0, 0]
    assert math.isclose(float(exact.total(np.ones(5))), 5)
