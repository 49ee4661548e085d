import numpy as np
import pandas as pd
import pytest
from PIL import Image

from wbc.common.errors import UserError
from wbc.split.schemes import SCHEMES
from wbc.train import baselines
from wbc.train.baselines import Baselines, baseline_predictions, logistic_regression, majority
from wbc.train.color_histogram import color_histogram, color_histograms


def test_histogram_counts_colors_and_knows_no_place():
    random = np.random.default_rng(0)
    pixels = random.integers(256, size=(20, 30, 3), dtype=np.uint8)
    histogram = color_histogram(pixels)
    assert histogram.shape == (64,)
    assert histogram.sum() == 1
    shuffled = random.permutation(pixels.reshape(-1, 3)).reshape(20, 30, 3)
    assert (color_histogram(shuffled) == histogram).all()
    assert color_histogram(np.full((4, 4, 3), (255, 0, 64), np.uint8))[3 * 16 + 0 * 4 + 1] == 1


def test_majority_is_the_most_frequent_of_training():
    assert majority(np.array([2, 1, 2, 0]), 3).tolist() == [2, 2, 2]


def test_logistic_regression_learns_what_is_linear():
    random = np.random.default_rng(0)
    labels = random.integers(3, size=300)
    numbers = random.normal(size=(300, 5)) + 4 * np.eye(5)[labels]
    assert (logistic_regression(numbers[:200], labels[:200])(numbers[200:]) == labels[200:]).mean() > 0.9


def test_logistic_regression_of_one_class_says_that_class():
    assert logistic_regression(np.eye(4), np.full(4, 2))(np.ones((3, 4))).tolist() == [2, 2, 2]


def test_histograms_of_files_in_order(tmp_path):
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255)] * 10
    files = []
    for number, color in enumerate(colors):
        files.append(tmp_path / f"{number}.png")
        Image.new("RGB", (9, 9), color).save(files[-1])
    found = color_histograms(files)
    assert found.argmax(axis=1).tolist() == [48, 12, 3] * 10


def test_each_baseline_learns_from_train_and_from_its_own_numbers():
    random = np.random.default_rng(0)
    labels = np.array([0, 1, 1] * 30)
    told, untold = 4 * np.eye(3)[labels], random.normal(size=(90, 3))
    train, test = np.arange(60), np.arange(60, 90)
    by_features = baseline_predictions(labels, untold, told[:, None], train, test)
    by_color = baseline_predictions(labels, told, untold[:, None], train, test)
    assert by_features["majority"].tolist() == [1] * 30
    assert (by_features["logistic_regression"] == labels[test]).all()
    assert (by_color["color_histogram"] == labels[test]).all()
    assert (by_color["logistic_regression"] != labels[test]).any()
    labels[test] = 0  # what it is tested on it may not know
    assert (baseline_predictions(labels, untold, told[:, None], train, test)["logistic_regression"][::3] == 0).all()
    assert (baseline_predictions(labels, untold, told[:, None], train, test)["logistic_regression"][1::3] == 1).all()


def test_of_very_many_images_some_of_every_class_are_learnt_from(monkeypatch):
    labels = np.repeat([0, 1, 2], 200)
    told = 4 * np.eye(3)[labels] + np.random.default_rng(0).normal(size=(600, 3))
    train, test = np.arange(0, 600, 2), np.arange(1, 600, 2)
    fitted = []
    fit = baselines.logistic_regression
    monkeypatch.setattr(baselines, "logistic_regression", lambda *given: fitted.append(given) or fit(*given))
    monkeypatch.setattr(baselines, "MOST_ROWS", 60)
    monkeypatch.setattr(baselines, "ROWS", 7)
    found = baseline_predictions(labels, told, told[:, None], train, test)
    assert [np.bincount(labels).tolist() for _, labels in fitted] == [[20, 20, 20]] * 2
    assert (found["logistic_regression"] == labels[test]).mean() > 0.9


def test_the_regression_learns_from_every_zoom_and_predicts_from_the_first():
    labels = np.array([0, 1] * 30)
    told, untold = 4 * np.eye(2)[labels], np.zeros((60, 2))
    train, test = np.arange(40), np.arange(40, 60)
    at_first = baseline_predictions(labels, untold, np.stack([told, untold], axis=1), train, test)
    at_second = np.stack([told[:, ::-1], told, told], axis=1)
    at_second[test, 0] = told[test]  # two of the three looks that it learned from say so, and the third the contrary
    assert (at_first["logistic_regression"] == labels[test]).all()
    found = baseline_predictions(labels, untold, at_second, train, test)
    assert (found["logistic_regression"] == labels[test]).all()


@pytest.fixture
def saved(tmp_path):
    """Baselines of two images, one of a class called NA, which pandas takes for a missing value."""
    table = pd.DataFrame({"path": ["a/1.png", "b/1.png"], "majority": ["b", "b"], "other": ["b", "NA"]})
    Baselines(dict.fromkeys(SCHEMES, table)).save(tmp_path)
    return Baselines.load(tmp_path)


def test_predictions_come_back_as_class_numbers(saved):
    found = saved.predictions("grouped", ["a/1.png", "b/1.png"], ["NA", "b"])
    assert {name: numbers.tolist() for name, numbers in found.items()} == {"majority": [1, 1], "other": [1, 0]}


def test_predictions_for_other_images_stop(saved):
    for images in (["a/1.png"], ["b/1.png", "a/1.png"]):
        with pytest.raises(UserError, match="the scheme `image` predict other images"):
            saved.predictions("image", images, ["NA", "b"])


def test_predictions_of_other_classes_stop(saved):
    with pytest.raises(UserError, match="the scheme `image` predict other classes than NA, c"):
        saved.predictions("image", ["a/1.png", "b/1.png"], ["NA", "c"])
