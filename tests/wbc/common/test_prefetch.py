import pytest

from wbc.common.prefetch import prefetch


def test_ahead_keeps_order_and_passes_errors_on():
    assert list(prefetch(lambda item: item * 2, range(100))) == [item * 2 for item in range(100)]
    with pytest.raises(ZeroDivisionError):
        list(prefetch(lambda item: 1 / item, [1, 0]))


def test_ahead_runs_only_a_little_ahead():
    started = []
    next(prefetch(started.append, range(10_000)))
    assert len(started) < 1000


def test_ahead_of_nothing_is_nothing():
    assert list(prefetch(abs, [])) == []
