import doctest

import numpy as np

from wbc.embed import pending_rows
from wbc.embed.cache import key
from wbc.embed.pending_rows import PendingRows


def test_the_example():
    assert doctest.testmod(pending_rows).attempted >= 5
    assert doctest.testmod(pending_rows).failed == 0


def test_it_does_what_a_dict_does():
    random = np.random.default_rng(0)
    keys = [key(str(number)) for number in random.integers(700, size=1000)]
    found, expected = PendingRows(iter(keys), 1000), {}
    for row, name in enumerate(keys):
        expected.setdefault(name, []).append(row)
    for _ in range(40):
        at_hand = list({key(str(number)) for number in random.integers(1400, size=20)})
        places = found.places(at_hand)
        assert {at_hand[index]: rows.tolist() for index, rows in places} == {
            name: expected[name] for name in at_hand if name in expected
        }
        for index, rows in places:
            if random.random() < 0.8:  # the others couldn't be read
                found.fill(rows)
                del expected[at_hand[index]]
        assert len(found) == sum(map(len, expected.values()))
        assert np.flatnonzero(found.to_make()).tolist() == sorted(rows[0] for rows in expected.values())
    assert 0 < len(expected) < 500


def test_nothing_to_fill_is_nothing_missing():
    found = PendingRows([], 0)
    assert len(found) == 0
    assert found.places([key("a")]) == []
    assert found.to_make().shape == (0,)
