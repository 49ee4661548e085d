import numpy as np
import pandas as pd
import pytest

from wbc.common.errors import UserError
from wbc.evaluate.truth import compare_with_truth, pair_scores, score_against_truth
from wbc.split.folds import roles
from wbc.split.table import Splits


def test_pairs_are_counted_by_hand():
    # Cells 0 0 0 1 1: four pairs of one cell. Found a a b b b: four pairs, of which 0-1 and 3-4 are of one cell.
    assert pair_scores(np.array([7, 7, 8, 8, 8]), np.array([0, 0, 0, 1, 1])) == {
        "pair_recall": 0.5,
        "pair_precision": 0.5,
    }


def test_nothing_is_said_where_there_is_no_pair():
    assert pair_scores(np.array([0, 1]), np.array([0, 1])) == {"pair_recall": None, "pair_precision": None}


PATHS = [f"a/{number}.jpg" for number in range(6)]


def split(excluded=(set(),) * 6):
    table = pd.DataFrame(
        {
            "path": PATHS,
            "photo_id": [0, 0, 1, 2, 3, 4],
            "group": [0, 0, 0, 1, 2, 3],
            "image": ["train", "test", "train", "test", "valid", "train"],
            "grouped": ["train", "train", "train", "test", "valid", "test"],
            "fold": [0, 0, 0, 1, 2, 3],
        }
    )
    return Splits(table, roles(PATHS, table["fold"], excluded, [True] * 6))


@pytest.fixture
def splits():
    return split()


def test_true_leak_counts_copies_that_the_search_missed(splits):
    cells = pd.Series(["a", "a", "a", "b", "b", "a"])
    scores = score_against_truth(splits, cells)
    assert (scores["cells"], scores["photo_ids"], scores["groups"]) == (2, 5, 4)
    # By file: of two test images one has a copy in training, the b has its copy in valid. By group: the last a leaks.
    assert (scores["leak"]["image"], scores["leak"]["grouped"]) == (0.5, 0.5)


def test_true_leak_of_the_cross_validation_counts_what_any_of_a_folds_heads_trained_on(splits):
    scores = score_against_truth(splits, pd.Series(["a", "a", "a", "b", "b", "c"]))
    # Each b is learned from when the other is scored, if by those heads only that another fold validates.
    assert scores["crossval_rounds"] == [0.0, 1.0, 1.0, 0.0]
    assert scores["leak"]["crossval"] == round(2 / 6, 4)
    excluded = split([set(), set(), set(), {2}, {1}, set()])
    assert score_against_truth(excluded, pd.Series(["a", "a", "a", "b", "b", "c"]))["leak"]["crossval"] == 0


def test_perfect_groups_leak_nothing(splits):
    scores = score_against_truth(splits, splits.table["group"].astype(str))
    assert scores["group"] == {"pair_recall": 1.0, "pair_precision": 1.0}
    assert scores["leak"]["grouped"] == scores["leak"]["crossval"] == 0


def test_cells_that_the_user_gave_are_the_truth_where_there_is_no_other(splits):
    none = pd.DataFrame({"path": [], "cell": []})
    assert compare_with_truth(splits, none) == {"known": False}
    given = splits._replace(table=splits.table.assign(given_cell=["a", "a", "", "b", "", "c"]))
    found = compare_with_truth(given, none)
    assert found["known"] and found["cells"] == 3


def test_a_truth_of_other_images_is_refused(splits):
    with pytest.raises(UserError, match=r"no line for a/1\.jpg"):
        compare_with_truth(splits, pd.DataFrame({"path": ["a/0.jpg"], "cell": ["a"]}))
