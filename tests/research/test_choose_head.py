import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from research import choose_head
from research.choose_head import command, cross_validate, read_candidates
from tests.imports import ROOT
from wbc.common.errors import UserError
from wbc.split.folds import roles
from wbc.split.table import Splits

SETTINGS = {
    "train": {
        "seed": 1,
        "head": {"units": [], "dropout": 0.0, "l2": 0.0, "standardize": False},
        "optimizer": {
            "epochs": 15, "batch_size": 8, "learning_rate": 0.05, "label_smoothing": 0.0, "class_weights": "none",
            "reduce_factor": 0.5, "reduce_patience": 2, "stop_patience": 5,
        },
    },
    "intervals": {"confidence_level": 0.9},
}  # fmt: skip
CONTENT = SETTINGS | {"embed": {"views": 1, "zooms": [1]}}
FEATURES = np.zeros((4, 3, 12), np.float16)


def all_outside(fold):
    """Return a function from held-out folds to the rows of the others, none of which validates."""
    return lambda held: (np.flatnonzero(~np.isin(fold, held)), np.array([], int))


def candidates(tmp_path, text):
    (tmp_path / "heads.yaml").write_text(text)
    return read_candidates(tmp_path / "heads.yaml", CONTENT, FEATURES)


def test_the_projects_own_candidates_are_all_valid():
    content = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    found = read_candidates(ROOT / "research/heads.yaml", content, np.zeros((1, 1 + content["embed"]["views"], 4)))
    assert len(found) > 5
    settings = [(str(one.settings), one.columns) for one in found.values()]
    assert len(set(settings)) == len(settings)  # none is trained twice


def test_overrides_change_what_they_name(tmp_path):
    found = candidates(tmp_path, "plain: {}\nother: {train.head.units: [8, 4], embed.views: 2}")
    assert (found["plain"].settings.head.units, found["plain"].columns) == ([], 2)
    assert (found["other"].settings.head.units, found["other"].columns) == ([8, 4], 3)
    assert found["other"].settings.optimizer == found["plain"].settings.optimizer


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ("train.head.dropuot: 0.1", "`train.head.dropuot`, which is not a parameter"),
        ("split.seed: 2", "`split.seed`, which is not a parameter"),
        ("train.head.dropout.rate: 2", "`train.head.dropout.rate`, which is not a parameter"),
        ("train.head.dropout: 1.5", "`train.head.dropout`: Input should be less than 1"),
        ("embed.views: 3", "wants 3 views per image, and data/features/ holds 2"),
    ],
)
def test_what_cannot_be_chosen_is_named(tmp_path, overrides, said):
    with pytest.raises(UserError, match="the candidate “bad”") as error:
        candidates(tmp_path, f"bad: {{{overrides}}}")
    assert said in str(error.value)


def test_a_choice_is_tested_on_folds_that_did_not_make_it():
    """`lucky` is right on fold 0 and nowhere else; `steady` on three images of five everywhere."""
    fold = np.repeat([0, 1, 2, 3], 5)
    right = {"steady": np.tile([1, 1, 1, 0, 0], 4), "lucky": np.where(fold == 0, 1, 0)}
    fitted = []

    def fit(name, train, valid, test):
        assert not set(fold[test]) & set(fold[np.concatenate([train, valid])])
        fitted.append(name)
        return np.eye(2)[right[name][test]]

    def quality(rows, probabilities):
        return probabilities[:, 1].mean()

    outcome = cross_validate(fold, ["lucky", "steady"], 2, all_outside(fold), fit, quality)
    assert len(fitted) == 2 * (4 + 6)
    assert outcome.choices == ["steady"] * 4
    assert outcome.nested[:, 1].mean() == 0.6
    assert (outcome.probabilities["lucky"][:, 1] == right["lucky"]).all()


def test_choosing_the_best_of_many_guesses_is_not_rewarded():
    """Twenty coins, ten times: the best of them looks good, and the nested score says that it is a coin."""
    best, nested = [], []
    for seed in range(10):
        tossed = np.random.default_rng(seed).integers(2, size=(20, 40))
        fold = np.repeat(np.arange(5), 8)
        outcome = cross_validate(
            fold,
            list(range(20)),
            2,
            all_outside(fold),
            lambda name, train, valid, test, tossed=tossed: np.eye(2)[tossed[name][test]],
            lambda rows, probabilities: probabilities[:, 1].mean(),
        )
        best.append(max(probabilities[:, 1].mean() for probabilities in outcome.probabilities.values()))
        nested.append(outcome.nested[:, 1].mean())
    assert np.mean(best) > 0.6
    assert np.mean(nested) == pytest.approx(0.5, abs=0.06)


def test_two_folds_are_too_few():
    fold = np.array([0, 0, 1, 1])
    with pytest.raises(UserError, match="at least three"):
        cross_validate(fold, ["a"], 2, all_outside(fold), lambda *_: np.zeros((2, 2)), lambda *_: 0)


def test_held_out_folds_are_neither_trained_on_nor_stopped_on_and_excluded_images_are_left_out():
    fold, paths = np.repeat([0, 1, 2, 3], 4), [str(number) for number in range(16)]
    excluded = [set() for _ in paths]
    excluded[12] = {1}
    table = pd.DataFrame({"path": paths, "fold": fold})
    rounds = {one.fold: one for one in Splits(table, roles(paths, fold, excluded, [True, False] * 8)).rounds()}
    pairs = {held: choose_head.rows_outside(rounds, held) for held in [(0,), (0, 1), (1, 3)]}
    found = {held: [rows.tolist() for rows in pair] for held, pair in pairs.items()}
    assert found[0,] == [[5, 7, *range(8, 16)], [4, 6]]  # the first half of the next fold validates
    assert found[0, 1] == [[9, 11, 13, 14, 15], [8, 10]]
    assert found[1, 3] == [[0, 1, 2, 3, 9, 11], [8, 10]]


def test_the_only_fold_that_is_left_is_trained_on_as_a_whole():
    fold, paths = np.repeat([0, 1, 2], 2), [str(number) for number in range(6)]
    table = pd.DataFrame({"path": paths, "fold": fold})
    rounds = {one.fold: one for one in Splits(table, roles(paths, fold, [set()] * 6, [True, False] * 3)).rounds()}
    assert [rows.tolist() for rows in choose_head.rows_outside(rounds, (0, 2))] == [[2, 3], []]


def test_among_equals_the_first_is_chosen():
    fold = np.arange(6) % 3
    outcome = cross_validate(
        fold, ["a", "b"], 2, all_outside(fold), lambda name, *rows: np.zeros((len(rows[2]), 2)), lambda *_: 0.5
    )
    assert outcome.choices == ["a"] * 3


def test_the_command_can_be_typed():
    assert command({"train.head.units": [64, 8], "train.optimizer.class_weights": "balanced"}) == (
        "To take it over: dvc exp run -S 'train.head.units=[64,8]' -S train.optimizer.class_weights=balanced"
    )
    assert "nothing to change" in command({})


def test_from_files_to_a_table_without_the_test_part(tmp_path, monkeypatch, capsys):
    """Features tell the class but for the test part, whose labels are turned about: a score below 1 would betray it."""
    random = np.random.default_rng(0)
    labels = np.tile(["a", "b"], 30)
    fold, is_test = np.repeat([0, 1, 2], 20), np.arange(60) % 10 < 2
    paths = [str(number) for number in range(60)]
    splits = pd.DataFrame({"path": paths, "label": labels, "photo_id": range(60), "group": range(60), "fold": fold})
    splits["grouped"] = np.where(is_test, "test", "train")
    told = (labels == "b") ^ is_test
    features = random.normal(size=(60, 3, 12)) + 8 * np.eye(12)[told.astype(int)][:, None]
    (tmp_path / "data/features").mkdir(parents=True)
    np.save(tmp_path / "data/features/features.npy", features.astype(np.float16))
    (tmp_path / "data/features/features.json").write_text("{}")
    Splits(splits, roles(paths, fold, [set()] * 60, [True] * 60)).save(tmp_path / "data")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(CONTENT))
    (tmp_path / "heads.yaml").write_text("two views: {embed.views: 2}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["choose_head", "--candidates", "heads.yaml", "--output", "found/heads.md"])
    choose_head.main()
    monkeypatch.setattr(choose_head, "fit_predict", None)  # the second time, nothing is trained
    choose_head.main()
    text = (tmp_path / "found/heads.md").read_text(encoding="utf-8")
    assert text in capsys.readouterr().out
    assert "48 images of 48 cells" in text
    assert "| two views | 1.000 |" in text and "| 3 of 3 |" in text
    assert "| *choose, then test* | 1.000 |" in text
    assert text.endswith("To take it over: dvc exp run -S embed.views=2\n")
