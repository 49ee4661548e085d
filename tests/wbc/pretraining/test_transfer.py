import numpy as np
import pytest
from PIL import Image

from wbc.embed.tensorflow_setup import keras
from wbc.pretraining import transfer
from wbc.pretraining.transfer import (
    Labelled,
    across,
    before,
    cropped_features,
    mean_mirror_features,
    within,
    within_before,
)
from wbc.train.params import FitParams

PARAMS = FitParams.model_validate(
    {
        "seed": 1,
        "head": {"units": [8], "dropout": 0.0, "l2": 0.0, "standardize": False},
        "optimizer": {
            "epochs": 20,
            "batch_size": 16,
            "learning_rate": 0.02,
            "label_smoothing": 0.0,
            "class_weights": "none",
            "reduce_factor": 0.5,
            "reduce_patience": 2,
            "stop_patience": 20,
        },
    }
)


def cells(counts, seed, centers):
    """Features of some cells of each class about its center, with enough numbers each to be known by heart."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    features = 10 * np.eye(40)[centers][labels] + random.normal(size=(len(labels), 40))
    return Labelled(features.astype(np.float32)[:, None], labels)


def test_an_image_and_its_mirror_image_have_the_same_features(tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(16, 16, 3)).astype(np.uint8)
    for name, image in (("one", pixels), ("mirrored", pixels[:, ::-1])):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, keras.layers.Flatten()(inputs))
    one, mirrored = mean_mirror_features(model, [tmp_path / "one.png", tmp_path / "mirrored.png"], "test")
    assert (one == mirrored).all()
    assert one == pytest.approx((pixels.astype(float) + pixels[:, ::-1]).ravel() / 2)


def test_a_crop_has_the_features_of_the_middle_of_its_image(tmp_path, monkeypatch):
    monkeypatch.setenv("FEATURE_CACHE", str(tmp_path / "cache"))
    pixels = np.random.default_rng(0).integers(256, size=(32, 32, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "whole.png")
    Image.fromarray(pixels[8:24, 8:24]).save(tmp_path / "middle.png")
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs[:, :8]))
    whole, middle = cropped_features(model, [tmp_path / "whole.png", tmp_path / "middle.png"], [0.5])
    assert (whole[1] == middle[0]).all() and (whole[0] != whole[1]).any()


def test_a_view_more_is_fitted_on_and_not_scored():
    """Of what is fitted on, the first view tells nothing and the second tells the classes apart."""
    apart = cells([20, 20], 1, [0, 1]).features
    alike = np.zeros_like(apart)
    labels = np.repeat([0, 1], 20)
    first, both = (Labelled(views, labels) for views in (alike, np.concatenate([alike, apart], axis=1)))
    tests = {"test": cells([30, 30], 2, [0, 1])}
    scores = [across(train, train, tests, PARAMS, seeds=[1])["test"] for train in (first, both)]
    for method in ("logistic_regression", "head"):
        without, with_second = (found[method]["accuracy"] for found in scores)
        assert with_second > 0.8 and with_second > without + 0.1
    assert before(both, tests)["test"]["accuracy"] > 0.8


def test_across_scores_each_set_by_what_was_learnt_elsewhere():
    apart, alike = [0, 1, 2], [0, 0, 0]
    tests = {"apart": cells([8, 4, 4], 3, apart), "alike": cells([20, 20, 20], 4, alike)}
    found = across(cells([20, 10, 10], 1, apart), cells([6, 6, 6], 2, apart), tests, PARAMS, seeds=[1, 2])
    assert found["apart"]["majority"] == pytest.approx({"accuracy": 0.5, "balanced_accuracy": 1 / 3})
    for method in ("logistic_regression", "head"):
        assert found["apart"][method]["accuracy"] > 0.9
        assert found["alike"][method]["accuracy"] < 0.6
    head = found["alike"]["head"]
    assert set(head["by_seed"]) == {"1", "2"}
    assert head["accuracy"] == pytest.approx(np.mean([values["accuracy"] for values in head["by_seed"].values()]))


def test_within_scores_cells_that_were_not_learnt_from(monkeypatch):
    """Two classes are alike: known by heart, their cells would be called right. One has too few for the folds."""
    monkeypatch.setattr(transfer, "FOLDS", 3)
    found = within(cells([30, 20, 20, 2], 5, centers=[0, 1, 1, 2]), np.arange(72), PARAMS, seeds=[1])
    assert found["majority"] == pytest.approx({"accuracy": 30 / 72, "balanced_accuracy": 1 / 4})
    for method in ("logistic_regression", "head"):
        assert 0.55 < found[method]["accuracy"] < 0.85
        assert found[method]["by_seed"]["1"]["accuracy"] == found[method]["accuracy"]
    as_before = within_before(cells([30, 20, 20, 2], 5, centers=[0, 1, 1, 2]), np.arange(72), seeds=[1])
    assert 0.55 < as_before["accuracy"] < 0.85
