"""How much of an image its cell fills, on images of which that is known."""

import cv2
import numpy as np
import pytest

from wbc.split.foreground import foreground_share

SLIDE, RED_CELL, CYTOPLASM, NUCLEUS = (235, 230, 232), (225, 180, 185), (190, 175, 215), (95, 50, 130)


def cell(side, radius, shift=0, around=True):
    """A drawn cell: a nucleus of `radius` in a cytoplasm, red cells around it."""
    image = np.full((side, side, 3), SLIDE, np.uint8)
    center = side // 2 + shift, side // 2
    if around:
        for x, y in ((0, 0), (side, 0), (0, side), (side, side)):
            cv2.circle(image, (x, y), side // 3, RED_CELL, -1)
    cv2.circle(image, center, round(1.4 * radius), CYTOPLASM, -1)
    cv2.circle(image, center, radius, NUCLEUS, -1)
    return image


@pytest.mark.parametrize("side", [80, 192, 360])
@pytest.mark.parametrize("share", [0.05, 0.15, 0.4])
def test_it_is_the_nucleus_share_whatever_the_image_is_wide_and_shows_around_it(side, share):
    radius = round(side * (share / np.pi) ** 0.5)
    assert foreground_share(cell(side, radius)) == pytest.approx(np.pi * radius**2 / side**2, rel=0.15)
    assert foreground_share(cell(side, radius, shift=side // 12)) == pytest.approx(share, rel=0.15)


def test_a_dark_neighbor_at_the_border_does_not_count():
    image = cell(160, 30)
    expected = foreground_share(image)
    cv2.circle(image, (0, 80), 20, NUCLEUS, -1)
    assert foreground_share(image) == pytest.approx(expected, rel=0.1)


def test_nothing_in_the_middle_is_nothing():
    assert foreground_share(np.full((50, 50, 3), 200, np.uint8)) == 0
    corner = np.full((80, 80, 3), 230, np.uint8)
    corner[:15, :15] = 40
    assert foreground_share(corner) == 0
