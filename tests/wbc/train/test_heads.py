import numpy as np
import pytest

from wbc.common.files import read_json
from wbc.train.fitting import Fit
from wbc.train.head import build_head, mean_probabilities, predict_proba, stored
from wbc.train.heads import Heads
from wbc.train.params import HeadParams


def fitted(units, seed, epochs):
    head = stored(build_head(6, 2, HeadParams(units=units, dropout=0.0, l2=0.0, standardize=False), seed))
    history = [{"epoch": epoch, "loss": 1 / 3, "learning_rate": 0.1} for epoch in range(1, epochs + 1)]
    return Fit(head, history, best_epoch=1)


@pytest.fixture
def holdouts():
    return {"image": fitted([5, 4], 1, 3), "grouped": fitted([5, 4], 2, 2)}


@pytest.fixture
def folds():
    """Two heads of each of eleven folds: `fold_10` stands before `fold_2` where names are sorted as text."""
    return {(fold, number): fitted([3], 10 * fold + number, fold + number) for number in (1, 2) for fold in range(11)}


@pytest.fixture
def heads(tmp_path, holdouts, folds):
    Heads.save(tmp_path / "heads", ["NA", "b"], holdouts, folds, backbone_parameters=1000)
    return Heads.load(tmp_path / "heads")


def same(one, other):
    pairs = zip(one.layers, other.layers, strict=True)
    return all((a == b).all() for x, y in pairs for a, b in zip(x.arrays, y.arrays, strict=True))


def test_heads_come_back_as_they_were_saved(heads, holdouts, folds):
    assert heads.classes == ["NA", "b"]
    assert all(same(heads.head(scheme), fit.head) for scheme, fit in holdouts.items())
    assert len(heads.of_fold(1)) == 2 and same(heads.of_fold(1)[1], folds[1, 2].head)
    in_order = [folds[key].head for key in sorted(folds)]
    assert all(same(one, other) for one, other in zip(heads.ensemble, in_order, strict=True))


def test_history_and_facts(heads):
    assert heads.history("image")["loss"].tolist() == [0.333333] * 3
    assert heads.facts == read_json(heads.folder / "training.json")
    study, small = 6 * 5 + 5 + 5 * 4 + 4 + 4 * 2 + 2, 6 * 3 + 3 + 3 * 2 + 2
    assert heads.facts["grouped"] == {
        "epochs": 2,
        "best_epoch": 1,
        "units": [5, 4],
        "parameters": {"total": 1000 + study + 4 * 9, "trainable": study + 2 * 9},
    }
    assert heads.facts["crossval"] == {
        "heads_of_a_fold": 2,
        "epochs": [1, 12],
        "units": [3],
        "parameters": {"total": 1000 + 22 * (small + 4 * 3), "trainable": 22 * (small + 2 * 3)},
    }


def test_out_of_fold_probabilities_are_the_mean_of_the_heads_trained_without_the_fold(heads, folds):
    features, fold = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float16), np.array([0, 1, 10, 1, 0, 2])
    found = heads.out_of_fold(features, fold)
    for row, number in enumerate(fold):
        own = [folds[number, 1].head, folds[number, 2].head]
        assert (found[row] == mean_probabilities(own, features[row : row + 1])[0]).all()
        assert (found[row] != predict_proba(own[0], features[row : row + 1])[0]).any()
