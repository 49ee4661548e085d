import numpy as np
import pytest
from PIL import Image

from wbc.models.tensorflow_setup import keras
from wbc.pretraining import transfer
from wbc.pretraining.transfer import Labelled, across, mean_mirror_features, within
from wbc.training.fitting import TrainParams

PARAMS = TrainParams.model_validate(
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
    return Labelled(
        (10 * np.eye(40)[centers][labels] + random.normal(size=(len(labels), 40))).astype(np.float32), labels
    )


def test_an_image_and_its_mirror_image_have_the_same_features(tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(16, 16, 3)).astype(np.uint8)
    for name, image in (("one", pixels), ("mirrored", pixels[:, ::-1])):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, keras.layers.Flatten()(inputs))
    one, mirrored = mean_mirror_features(model, [tmp_path / "one.png", tmp_path / "mirrored.png"], "test")
    assert (one == mirrored).all()
    assert one == pytest.approx((pixels.astype(float) + pixels[:, ::-1]).ravel() / 2)


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
