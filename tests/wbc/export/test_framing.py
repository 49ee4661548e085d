"""What is said of cells that are shown much smaller or larger than those that were learned from."""

import re

import pytest

from wbc.export.framing import ANY, framing_note, learned_range


def crop_in(note):
    return float(re.search(r"by a crop of (\S+) ", note).group(1))


def test_the_range_reaches_from_the_smallest_class_to_the_largest_at_its_nearest():
    assert learned_range([0.08, 0.19, 0.12], [1, 1.4, 1.8]) == (0.08, 0.62)
    assert learned_range([0.5], [1, 1.8]) == (0.5, 1.0), "no cell covers more than its picture"


def test_classes_without_a_recognized_cell_say_nothing():
    assert learned_range([0.0, 0.2], [1]) == (0.2, 0.2)
    assert learned_range([0.0], [1]) == ANY


@pytest.mark.parametrize("shares", [[0.1], [0.07, 0.2], [0.3, 0.0], [], [0.0, 0.0]])
def test_cells_of_a_known_size_or_none_get_no_note(shares):
    assert framing_note(shares, (0.1, 0.2), 1.0) == ""


def test_small_cells_get_a_crop_that_makes_them_as_large_as_the_known_ones():
    note = framing_note([0.02, 0.02, 0.5, 0.0, 0.01], (0.1, 0.2), 1.0)
    assert "covers 2.0% of a picture here (the median of 4) and 10% to 20%" in note
    crop = crop_in(note)
    assert 0.1 <= 0.02 / crop**2 <= 0.2


def test_a_crop_that_is_not_small_enough_is_made_smaller():
    first = crop_in(framing_note([0.01], (0.1, 0.2), 1.0))
    assert crop_in(framing_note([0.04], (0.1, 0.2), 0.5)) == pytest.approx(first, abs=0.01)


def test_large_cells_get_wider_pictures_and_no_number():
    assert "pictures with more around the cell would serve better" in framing_note([0.9], (0.1, 0.2), 1.0)
    assert "or a larger crop" in framing_note([0.9], (0.1, 0.2), 0.5)


@pytest.mark.parametrize("share", [0.0001, 0.5, 1.0])
def test_of_an_earlier_version_that_does_not_say_nothing_is_asked(share):
    assert framing_note([share], ANY, 1.0) == ""
