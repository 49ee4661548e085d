import numpy as np
import pydantic
import pytest
from scipy.stats import binomtest

from wbc.evaluate.intervals import IntervalParams, bootstrap, combined, degenerate, wilson

PARAMS = IntervalParams(confidence_level=0.95, n_resamples=2000, seed=1)


def share_right(right):
    return lambda weights: {"accuracy": (weights * right).sum(axis=-1) / weights.sum(axis=-1)}


def width(interval):
    return interval[1] - interval[0]


def test_copies_of_a_cell_add_nothing():
    """Forty cells, right or wrong as a whole: ten copies of each say no more than one."""
    right = np.random.default_rng(0).random(40) < 0.7
    once = bootstrap(np.arange(40), np.zeros(40, int), share_right(right), PARAMS)["accuracy"]
    ten = bootstrap(np.repeat(np.arange(40), 10), np.zeros(400, int), share_right(np.repeat(right, 10)), PARAMS)
    taken_for_cells = bootstrap(np.arange(400), np.zeros(400, int), share_right(np.repeat(right, 10)), PARAMS)
    assert ten["accuracy"] == pytest.approx(once)
    assert width(taken_for_cells["accuracy"]) < width(once) / 2.5  # the square root of 10 is 3.2


def test_width_is_that_of_a_share_of_independent_cells():
    right = np.arange(100) < 80
    low, high = bootstrap(np.arange(100), np.zeros(100, int), share_right(right), PARAMS)["accuracy"]
    reach = 1.96 * np.sqrt(0.8 * 0.2 / 100)
    assert (low, high) == pytest.approx((0.8 - reach, 0.8 + reach), abs=0.015)


def test_every_resample_has_as_many_cells_of_each_class():
    groups = np.array([0, 0, 0, 1, 2, 3, 3, 4])
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 2])
    drawn = []

    def statistic(weights):
        drawn.append(weights)
        return {"n": weights.sum(axis=-1)}

    bootstrap(groups, labels, statistic, PARAMS)
    weights = np.concatenate(drawn)
    assert weights.shape == (2000, 8)
    assert (weights[:, 0] == weights[:, 1]).all()  # copies come together
    first = weights[:, [0, 3, 4, 5, 7]]  # one image of each group
    assert (first[:, :2].sum(axis=1) == 2).all()
    assert (first[:, 2:4].sum(axis=1) == 2).all()
    assert (first[:, 4] == 1).all()
    assert set(np.unique(first[:, 0])) == {0, 1, 2}


def test_a_group_of_two_labels_is_drawn_with_its_most_frequent_one():
    weights = []
    bootstrap([0, 0, 0, 1, 2], [0, 0, 1, 0, 1], lambda drawn: weights.append(drawn) or {}, PARAMS)
    assert (weights[0][:, 0] + weights[0][:, 3] == 2).all()
    assert (weights[0][:, 4] == 1).all()


def test_a_seed_is_an_interval_and_so_are_level_and_repeats():
    right = np.arange(50) < 30

    def found(**changes):
        params = IntervalParams(**{"confidence_level": 0.95, "n_resamples": 500, "seed": 1} | changes)
        return bootstrap(np.arange(50), np.zeros(50, int), share_right(right), params)["accuracy"]

    assert found() == found()
    assert found() != found(seed=2)
    assert width(found(confidence_level=0.99)) > width(found()) > width(found(confidence_level=0.5))


def test_resamples_without_a_value_are_passed_over():
    def statistic(weights):
        return {"sometimes": np.where(weights[:, 0] > 0, 0.5, np.nan), "never": np.full(len(weights), np.nan)}

    found = bootstrap(np.arange(5), np.zeros(5, int), statistic, PARAMS)
    assert found["sometimes"] == (0.5, 0.5)
    assert np.isnan(found["never"]).all()


@pytest.mark.parametrize(("right", "count"), [(3, 3), (0, 3), (7, 50), (200, 203)])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_wilson_is_scipys(right, count, level):
    theirs = binomtest(right, count).proportion_ci(level, "wilson")
    assert wilson(right / count, count, level) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_wilson_takes_a_cell_that_is_right_in_some_of_its_images():
    low, high = wilson(0.6, 1, 0.95)
    assert 0 < low < 0.2 and 0.9 < high < 1


def test_three_of_three_have_no_width_among_resamples():
    three = bootstrap([0, 1, 2], [0, 0, 0], share_right(np.ones(3)), PARAMS)["accuracy"]
    assert degenerate(three)
    assert not degenerate(bootstrap([0, 1, 2], [0, 0, 0], share_right(np.array([1, 0, 1])), PARAMS)["accuracy"])
    assert not degenerate((np.nan, np.nan))


def test_combined_is_root_of_squares_for_symmetric_intervals():
    spans = [(0.4, 0.6), (0.5, 0.9)]
    low, high = combined([0.5, 0.7], spans, np.array([0.5, 0.5]))
    reach = np.hypot(0.05, 0.1)
    assert (low, high) == pytest.approx((0.6 - reach, 0.6 + reach))
    assert combined([1.0], [(0.4, 1.0)], np.array([1.0])) == pytest.approx((0.4, 1.0))


@pytest.mark.parametrize(
    "changes",
    [{"confidence_level": 0.4}, {"confidence_level": 1.0}, {"n_resamples": 99}, {"n_resamples": 10**6}, {"seed": -1}],
)
def test_values_out_of_range_are_refused(changes):
    with pytest.raises(pydantic.ValidationError):
        IntervalParams(**{"confidence_level": 0.95, "n_resamples": 1000, "seed": 1} | changes)
