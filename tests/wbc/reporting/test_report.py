"""The counts and texts of the report; its pages are tested with the stage."""

import pandas as pd
import pytest

from wbc.reporting import report


def test_parts_counts_images():
    splits = pd.DataFrame(
        {
            "label": ["a", "a", "b", "b"],
            "image": ["train", "test", "train", "train"],
            "grouped": ["train", "valid", "test", "valid"],
        }
    )
    assert report.parts(splits) == {
        "a": {"image": {"train": 1, "valid": 0, "test": 1}, "grouped": {"train": 1, "valid": 1, "test": 0}},
        "b": {"image": {"train": 2, "valid": 0, "test": 0}, "grouped": {"train": 0, "valid": 1, "test": 1}},
    }


def test_wrong_puts_the_most_confident_first_and_ties_by_path():
    predictions = pd.DataFrame(
        {
            "path": ["c", "b", "a", "d"],
            "label": ["x", "x", "x", "x"],
            "predicted": ["y", "y", "y", "x"],
            "p_x": [0.4, 0.1, 0.4, 0.9],
            "p_y": [0.6, 0.9, 0.6, 0.1],
        }
    )
    assert report.wrong(predictions)[["path", "probability"]].values.tolist() == [["b", 0.9], ["a", 0.6], ["c", 0.6]]


@pytest.mark.parametrize(("share", "text"), [(0.125, "12 %"), (0.0, "0 %"), (1.0, "100 %"), (None, "–")])
def test_percent(share, text):
    assert report.percent(share) == text


def test_escape_markdown():
    assert report.escape_markdown("a|b <i>\n*c* `d` $e$") == r"a\|b \<i\> \*c\* \`d\` \$e\$"
