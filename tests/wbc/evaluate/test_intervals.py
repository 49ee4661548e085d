import itertools

import numpy as np
import pydantic
import pytest
from scipy.stats import binomtest

from wbc.evaluate.intervals import average, wilson
from wbc.evaluate.params import IntervalParams


@pytest.mark.parametrize(("right", "count"), [(3, 3), (0, 4), (17, 20), (300, 300)])
def test_wilson_is_scipys(right, count):
    theirs = binomtest(right, count).proportion_ci(0.95, "wilson")
    assert wilson(right / count, count, 0.95) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize("count", [3, 10, 100])
def test_an_error_never_makes_an_interval_narrower(count):
    widths = [np.diff(wilson(1 - errors / count, count, 0.95))[0] for errors in range(count // 2 + 1)]
    assert all(less < more for less, more in itertools.pairwise(widths))


def test_more_groups_make_it_narrower():
    widths = [np.diff(wilson(0.9, count, 0.95))[0] for count in (5, 10, 50, 500)]
    assert widths == sorted(widths, reverse=True)


def test_an_average_of_alike_estimates_is_narrower_by_the_root_of_their_number():
    one = wilson(0.8, 100, 0.95)
    four = average([0.8] * 4, [one] * 4, [1, 1, 1, 1])
    assert 0.8 - four.low == pytest.approx((0.8 - one.low) / 2)
    assert four.high - 0.8 == pytest.approx((one.high - 0.8) / 2)


def test_an_average_takes_over_the_width_of_a_class_of_three_groups():
    certain, few = wilson(1, 300, 0.95), wilson(1, 3, 0.95)
    both = average([1, 1], [certain, few], [1, 1])
    assert 1 - both.low > (1 - few.low) / 2
    assert both.high == 1


@pytest.mark.parametrize("level", [0.4, 1.0])
def test_a_level_out_of_range_is_refused(level):
    with pytest.raises(pydantic.ValidationError):
        IntervalParams(confidence_level=level)
