"""Numbers in sentences."""

import pytest

from wbc.reporting.sentences import percent


@pytest.mark.parametrize(("share", "text"), [(0.125, "12 %"), (0.0, "0 %"), (1.0, "100 %"), (None, "–")])
def test_percent(share, text):
    assert percent(share) == text


def test_a_share_that_rounds_to_nothing_is_not_called_nothing():
    assert percent(0.0004, 1) == "less than 0.1 %"
