"""Numbers in sentences."""

import pytest

from wbc.plot.sentences import crop_warnings, foreground_sentence, percent


@pytest.mark.parametrize(("share", "text"), [(0.125, "12 %"), (0.0, "0 %"), (1.0, "100 %"), (None, "–")])
def test_percent(share, text):
    assert percent(share) == text


def test_a_share_that_rounds_to_nothing_is_not_called_nothing():
    assert percent(0.0004, 1) == "less than 0.1 %"


def test_cells_that_are_shown_smaller_elsewhere_are_warned_of_with_what_to_set():
    text = foreground_sentence({"there": 0.12, "home": 0.48}, 1, [1])
    assert "12 % of an image's area here and 48 % at home: the cells are shown 2.0 times smaller" in text
    assert "`crop: 0.5`" in text and "`embed.zooms: [1, 0.5]`" in text


def test_cells_that_are_shown_larger_elsewhere_want_closer_views_at_home():
    text = foreground_sentence({"there": 0.48, "home": 0.12}, 1, [1, 0.8])
    assert "2.0 times larger" in text and "`embed.zooms: [1, 0.8, 2]`" in text and "crop" not in text
    assert "larger `crop`" in foreground_sentence({"there": 0.48, "home": 0.12}, 0.5, [1])


@pytest.mark.parametrize(("there", "home", "zooms"), [(0.46, 0.14, [1, 1.4, 1.8]), (0.12, 0.48, [1, 0.5])])
def test_of_a_size_that_the_heads_have_learned_from_too_nothing_is_advised(there, home, zooms):
    text = foreground_sentence({"there": there, "home": home}, 1, zooms)
    assert "⚠️" not in text and "have learned from them at that size too" in text


def test_cells_shown_alike_are_not_warned_of():
    assert "⚠️" not in foreground_sentence({"there": 0.40, "home": 0.48}, 1, [1])
    assert "no cell was recognized" in foreground_sentence({"there": 0.0, "home": 0.48}, 1, [1])


@pytest.mark.parametrize(
    ("typical", "learned", "words"),
    [
        (0.4, [0.1, 0.5], None),
        (0.05, [0.1, 0.5], "cut the images closer to the cells"),
        (0.7, [0.1, 0.5], "with more around the cells"),
        (0.4, None, None),
    ],
)
def test_crops_are_held_against_those_that_the_backbone_learned_from(typical, learned, words):
    audit = {"foreground": {"typical": typical, "classes": {"a": typical}}}
    warnings = crop_warnings(audit, {"weights_foreground": learned})
    assert words in warnings[0] if words else warnings == []
