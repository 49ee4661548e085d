"""Which images are shown: the surest mistakes, the least sure right answers, and one per cell."""

import pandas as pd

from wbc.plot.mistakes import confusion_squares, wrong

PREDICTIONS = pd.DataFrame(
    {
        "path": ["c", "b", "a", "d", "e"],
        "label": ["x", "x", "x", "x", "x"],
        "group": [1, 2, 1, 3, 3],
        "predicted": ["y", "y", "y", "x", "x"],
        "p_x": [0.4, 0.1, 0.4, 0.9, 0.7],
        "p_y": [0.6, 0.9, 0.6, 0.1, 0.3],
    }
)


def test_wrong_puts_the_most_confident_first_and_ties_by_path():
    assert wrong(PREDICTIONS)[["path", "probability"]].values.tolist() == [["b", 0.9], ["a", 0.6], ["c", 0.6]]


def test_squares_count_images_and_groups_and_show_one_image_per_group():
    first, second = confusion_squares(PREDICTIONS, ["x", "y"])
    right, mistaken = first["squares"]
    assert (first["images"], first["groups"]) == (5, 3)
    assert (right["images"], right["groups"], right["share"]) == (2, 1, 0.4)
    assert right["examples"] == [{"path": "e", "probability": 0.7}]
    assert [example["path"] for example in mistaken["examples"]] == ["b", "a"]
    assert second["images"] == 0 and [square["share"] for square in second["squares"]] == [None, None]


def test_without_pictures_squares_have_no_examples():
    rows = confusion_squares(PREDICTIONS, ["x", "y"], pictures=False)
    assert not any(square["examples"] for row in rows for square in row["squares"])
