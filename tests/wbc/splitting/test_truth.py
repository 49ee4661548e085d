import numpy as np
import pandas as pd
import pytest

from wbc.splitting.truth import pair_scores, score_against_truth


def test_pairs_are_counted_by_hand():
    # Cells 0 0 0 1 1: four pairs of one cell. Found a a b b b: four pairs, of which 0-1 and 3-4 are of one cell.
    assert pair_scores(np.array([7, 7, 8, 8, 8]), np.array([0, 0, 0, 1, 1])) == {
        "pair_recall": 0.5,
        "pair_precision": 0.5,
    }


def test_nothing_is_said_where_there_is_no_pair():
    assert pair_scores(np.array([0, 1]), np.array([0, 1])) == {"pair_recall": None, "pair_precision": None}


@pytest.fixture
def splits():
    return pd.DataFrame(
        {
            "photo_id": [0, 0, 1, 2, 3, 4],
            "group": [0, 0, 0, 1, 2, 3],
            "image": ["train", "test", "train", "test", "valid", "train"],
            "grouped": ["train", "train", "train", "test", "valid", "test"],
            "fold": [0, 0, 0, 1, 2, 3],
            "withheld": "",
            "validates": 1,
        }
    )


def test_true_leak_counts_copies_that_the_search_missed(splits):
    cells = pd.Series(["a", "a", "a", "b", "b", "a"])
    scores = score_against_truth(splits, cells)
    assert (scores["cells"], scores["photo_ids"], scores["groups"]) == (2, 5, 4)
    # By file: of two test images one has a copy in training, the b has its copy in valid. By group: the last a leaks.
    assert (scores["leak"]["image"], scores["leak"]["grouped"]) == (0.5, 0.5)
    # Round 0 validates on fold 1 and trains on 2 and 3, which holds the last a: its three images leak. In round 1, fold
    # 2 validates; in round 2 fold 3 validates and fold 1 trains, so its b leaks; in round 3 fold 0 validates.
    assert scores["crossval_rounds"] == [1.0, 0.0, 1.0, 0.0]
    assert scores["leak"]["crossval"] == round(4 / 6, 4)


def test_perfect_groups_leak_nothing(splits):
    scores = score_against_truth(splits, splits["group"].astype(str))
    assert scores["group"] == {"pair_recall": 1.0, "pair_precision": 1.0}
    assert scores["leak"]["grouped"] == scores["leak"]["crossval"] == 0
